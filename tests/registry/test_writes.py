"""Each kind of write on a disk that fails at every step of it: acknowledged and there, or told.

Registering and promoting are in test_disk.py, with losing power.
"""

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
from starlette.responses import Response

from service.api.once import Once
from service.errors import Code, NotFound, StoreFull, Unauthenticated, Unavailable
from service.evaluation import Options, evaluate
from service.registry import Batch
from service.registry import running as room
from service.registry.attempt import Attempt
from service.registry.audit import entries
from service.wire import dump_json

from .conftest import Opened, model
from .disk import ERRORS, Disk, failing_disk
from .ledger import check

OPTIONS = Options.of(class_count=2, worst=3)
FRESH = count()


def rows(*numbers: int) -> dict[str, Any]:
    """Of batches, three each."""
    of = np.concatenate([np.arange(3 * number, 3 * number + 3) for number in numbers])
    return {"logits": np.sin(np.outer(of + 1.0, [1.0, 2.0])), "labels": of % 2, "row_ids": of}


def logged(opened: Opened, action: str, subject: str) -> bool:
    """Whether the log of changes has a line."""
    lines = [(line.action, line.subject) for line in entries(opened.store, None, 10)]
    assert lines.count((action, subject)) <= 1
    return (action, subject) in lines


class Push:
    """Each is followed by a fold of what there is, whose own failure costs nothing."""

    def __init__(self, opened: Opened) -> None:
        self.id = opened.open_evaluation(OPTIONS)
        self.push(opened, 0)

    def push(self, opened: Opened, number: int) -> bool:
        batch = Batch.of(OPTIONS.score(str(number), **rows(number)))
        return opened.evaluations.running.push(self.id, str(number), str(number), batch).repeated

    def write(self, opened: Opened) -> None:
        self.push(opened, 1)

    def done(self, opened: Opened) -> bool:
        counted = opened.evaluations.find(self.id).batches
        assert opened.evaluations.find(self.id).report == report(counted)
        assert self.push(opened, 1) == (counted == 2)  # sent again
        assert opened.evaluations.find(self.id).report == report(2)
        return counted == 2


class Close(Push):
    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self.push(opened, 1)

    def write(self, opened: Opened) -> None:
        opened.evaluations.running.close(self.id)

    def done(self, opened: Opened) -> bool:
        found = opened.evaluations.find(self.id)
        assert (found.report, found.batches) == (report(2), 2)
        assert (found.closed is None) == (found.summary is None)
        opened.evaluations.running.close(self.id)
        assert opened.evaluations.find(self.id).report == report(2)
        return found.closed is not None


def report(batches: int | None) -> bytes:
    return dump_json(evaluate(**rows(*range(batches or 0)), worst=3))


class CreateKey:
    def __init__(self, opened: Opened) -> None:
        self.name, self.token = f"key {next(FRESH)}", ""

    def write(self, opened: Opened) -> None:
        self.token = opened.keys.create(self.name, ["score"])[1]

    def done(self, opened: Opened) -> bool:
        found = [key for key in opened.keys.page(None, 1000).keys if key.name == self.name]
        assert len(found) <= 1
        assert all(logged(opened, "key.create", f"keys/{key.id}") for key in found)
        opened.keys.refresh()
        if self.token:
            assert [opened.keys.find(self.token)] == found
        return bool(found)


class RevokeKey:
    def __init__(self, opened: Opened) -> None:
        self.key, self.token = opened.keys.create("key", ["score"])

    def write(self, opened: Opened) -> None:
        opened.keys.revoke(self.key.id)

    def done(self, opened: Opened) -> bool:
        opened.keys.refresh()
        revoked = False
        try:
            assert opened.keys.find(self.token) == self.key
        except Unauthenticated as error:
            revoked = error.code == Code.KEY_REVOKED
            assert revoked
        assert logged(opened, "key.revoke", f"keys/{self.key.id}") == revoked
        return revoked


class Delete:
    action, deletes = "version.delete", True

    def __init__(self, opened: Opened) -> None:
        self.name = f"model-{next(FRESH)}"
        for value in (0.0, 1.0):
            opened.registry.register(model(self.name, value))

    def write(self, opened: Opened) -> None:
        opened.registry.delete(self.name, 2)

    def done(self, opened: Opened) -> bool:
        listed = len(opened.registry.lists.versions(self.name, None, 10).cards)
        newest = opened.registry.find(self.name)
        assert (listed, newest.coefficients.item()) in ((1, 0.0), (2, 1.0))
        done = (listed == 1) == self.deletes
        assert logged(opened, self.action, f"models/{self.name}/versions/2") == done
        return done


class Restore(Delete):
    action, deletes = "version.restore", False

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        opened.registry.delete(self.name, 2)

    def write(self, opened: Opened) -> None:
        opened.registry.restore(self.name, 2)


class KeepAnswer:
    """A version, and the answer of its Idempotency-Key."""

    def __init__(self, opened: Opened) -> None:
        self.name = f"model-{next(FRESH)}"

    def write(self, opened: Opened) -> None:
        self.perform(opened)

    def perform(self, opened: Opened) -> bool:
        """Whether the answer was one that was kept."""
        made = model(self.name)
        once = Once(opened.store, Attempt("anonymous", self.name, "digest"))
        answer = once.perform(lambda c: Response(str(opened.registry.add(c, made).model.version)))
        assert answer.body == b"1"
        return "idempotency-replayed" in answer.headers

    def done(self, opened: Opened) -> bool:
        try:
            there = opened.registry.find(self.name).version == 1
        except NotFound:
            there = False
        assert self.perform(opened) == there  # sent again
        assert len(opened.registry.lists.versions(self.name, None, 10).cards) == 1
        return there


@pytest.fixture
def disk() -> Iterator[Disk]:
    with failing_disk() as found:
        yield found


KINDS = (*ERRORS, "full")
WRITES: tuple[Callable[[Opened], Any], ...] = (
    Push, Close, CreateKey, RevokeKey, Delete, Restore, KeepAnswer,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        pytest.param(kind, times, marks=() if (kind, times) == ("sync", 1) else pytest.mark.slow)
        for kind in KINDS
        for times in (1, math.inf)
    ],
)
@pytest.mark.parametrize("writes", WRITES)
def test_a_write_is_there_or_told_to_be_in_doubt_whichever_step_fails(
    writes: Callable[[Opened], Any],
    kind: str,
    times: float,
    disk: Disk,
    fresh_url: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "FOLD", 1)
    url, full = fresh_url("sqlite"), kind == "full"
    opened = Opened(url)
    outcomes = []
    for nth in count(1):
        work = writes(opened)
        with disk.fails("write" if full else kind, nth=nth, times=times, full=full):
            told: Any = None
            try:
                work.write(opened)
            except (StoreFull, Unavailable) as error:
                told = type(error)
        after = Opened(url)  # as if it had been started again
        done = work.done(after)
        after.end()
        outcomes.append((told, done))
        if not disk.failed:
            break
    check(url, [])
    opened.end()
    assert outcomes[-1] == (None, True)
    assert (None, False) not in outcomes
    assert (StoreFull, True) not in outcomes  # which says that nothing was stored
    refused = {told for told, _ in outcomes if told is not None}
    assert refused <= {StoreFull if full else Unavailable}
    assert refused or kind in ("delete", "truncate")
