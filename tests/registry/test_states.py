"""What is stored against dictionaries: the same steps in both databases, and the same answers."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from service.evaluation import Options, evaluate
from service.registry import Batch, running
from service.registry.key import digest_of, id_of
from service.wire import dump_json

from .machine import LIMITS, WHO, Machine, Side

FEW = st.integers(0, 4)
VARIANTS = st.sampled_from([0, 0, 0, 1])  # of what is pushed with one key
ROWS = 3  # of a batch
OPTIONS = Options.of(class_count=2, worst=0)


def rows(batches: dict[int, int]) -> dict[str, Any]:
    """Of batches, each by its key and the variant that it was first pushed in."""
    of = np.array([n + 10.0 * key + 0.5 * v for key, v in batches.items() for n in range(ROWS)])
    return {"logits": np.sin(np.outer(of + 1.0, [1.0, 2.0])), "labels": of.astype(int) % 2}


class Everything(Machine):
    """Evaluations and keys as well; numbers wrap around, so that most name one that there is."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.open(0)
        self.create_key(1)

    @rule(who=WHO)
    def open(self, who: int) -> None:
        self.same(who, self.opened, self.book.open())

    def opened(self, side: Side) -> int:
        side.ids.append(side.open_evaluation(OPTIONS))
        return len(side.ids) - 1

    @rule(number=FEW, key=FEW, variant=VARIANTS, who=WHO)
    def push(self, number: int, key: int, variant: int, who: int) -> None:
        number %= len(self.book.runs) + 1
        expected = self.book.push(number, key, variant)
        batch = Batch.of(OPTIONS.score(str(key), **rows({key: variant})))
        self.same(who, lambda o: self.pushed(o, number, key, variant, batch), expected)

    def pushed(self, side: Side, number: int, key: int, variant: int, batch: Batch) -> bool:
        found = side.evaluations.running.push(side.id(number), str(key), str(variant), batch)
        assert (found.count, found.ignored) == (ROWS, 0)
        return found.repeated

    @rule(number=FEW, who=WHO)
    def close(self, number: int, who: int) -> None:
        number %= len(self.book.runs) + 1
        self.same(who, lambda o: o.evaluations.running.close(o.id(number)), self.book.close(number))

    @rule(number=FEW, who=WHO)
    def remove(self, number: int, who: int) -> None:
        number %= len(self.book.runs) + 1
        self.same(who, lambda o: o.evaluations.delete(o.id(number)), self.book.remove(number))

    @rule(number=FEW, who=WHO)
    def read(self, number: int, who: int) -> None:
        number %= len(self.book.runs) + 1
        expected = self.book.read(number)
        if isinstance(expected, tuple):
            closed, batches = expected
            report = dump_json(evaluate(**rows(batches), worst=0)) if batches else None
            expected = closed, len(batches), report
        self.same(who, lambda o: self.reported(o, number), expected)

    def reported(self, side: Side, number: int) -> Any:
        found = side.evaluations.find(side.id(number))
        return found.closed is not None, found.batches, found.report

    @rule(limit=LIMITS, who=WHO)
    def list_evaluations(self, limit: int, who: int) -> None:
        there = [number for number, run in enumerate(self.book.runs) if run is not None]
        self.same(who, lambda o: self.listed(o, limit), there[::-1])

    def listed(self, side: Side, limit: int) -> list[int]:
        found: list[int] = []
        after = None
        while True:
            page = side.evaluations.page(after, limit)
            assert len(page.evaluations) <= limit
            found += [side.ids.index(one.id) for one in page.evaluations]
            after = page.next
            if after is None:
                return found

    @rule(who=WHO)
    def create_key(self, who: int) -> None:
        self.same(who, self.created, self.book.create())

    def created(self, side: Side) -> int:
        side.tokens.append(side.keys.create("key", ["score"])[1])
        return len(side.tokens) - 1

    @rule(number=FEW, who=WHO)
    def revoke_key(self, number: int, who: int) -> None:
        number %= len(self.book.revoked) + 1
        self.same(who, lambda o: self.refused(o, number), self.book.revoke(number))

    def refused(self, side: Side, number: int) -> bool:
        return side.keys.revoke(id_of(side.token(number))).revoked is not None

    @rule(number=FEW, who=WHO)
    def come_with_key(self, number: int, who: int) -> None:
        number %= len(self.book.revoked) + 1
        self.same(who, lambda o: self.admitted(o, number), self.book.admit(number))

    def admitted(self, side: Side, number: int) -> bool:
        side.keys.refresh()
        return self.known_at(side, number)

    @rule(number=FEW)
    def come_with_key_as_last_polled(self, number: int) -> None:
        number %= len(self.book.revoked) + 1
        self.same(2, lambda o: self.known_at(o, number), self.known.admit(number))

    def known_at(self, side: Side, number: int) -> bool:
        token = side.token(number)
        return side.keys.find(token).digest == digest_of(token)


@pytest.fixture
def machine(
    fresh_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Machine]]:
    """With its processes at both databases."""
    monkeypatch.setattr(running, "FOLD", 2)  # parts are put together all the time
    Machine.sides, Machine.steps = [], 0
    for kind in ("sqlite", "postgresql"):
        url, ids, tokens = fresh_url(kind), [], []
        Machine.sides.append([Side(url, ids, tokens) for _ in range(3)])
    followers = [sides[2] for sides in Machine.sides]
    for follower in followers:  # they look when they are told to
        follower.registry._mirror._poller = threading.current_thread()
    yield Everything
    for follower in followers:
        follower.registry._mirror._poller = None
    for sides in Machine.sides:
        for side in sides:
            side.end()


@pytest.mark.parametrize(
    ("examples", "length", "least"),
    [(8, 40, 200), pytest.param(150, 100, 10_000, marks=pytest.mark.hostile)],
)
def test_what_is_stored_is_a_dictionary(
    examples: int, length: int, least: int, machine: type[Machine]
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=length,
            derandomize=examples < 100,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{machine.steps} steps in each database, the same answers\n")
    assert machine.steps >= least
