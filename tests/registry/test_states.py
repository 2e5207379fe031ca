"""The registry against a dictionary: the same steps in both databases, and the same answers."""

import sys
import threading
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from service.classifier import Model
from service.errors import Code, XentError
from service.registry import Registry

from .conftest import model

NAMES = st.sampled_from(["a", "b", "a.b", "b-"])
ALIASES = st.sampled_from(["champion", "default", "x"])
NUMBERS = st.integers(0, 6)
REMOVED = st.one_of(st.none(), NUMBERS)  # a model, or one of its versions
WHO = st.integers(0, 1)
LIMITS = st.integers(1, 4)
EXAMPLES = count()


class Book:
    """What a registry should know, in dictionaries."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}  # of all versions that there ever were
        self.aliases: dict[tuple[str, str], tuple[int, int | None]] = {}
        self.deleted: set[str] = set()
        self.gone: set[tuple[str, int]] = set()  # versions that are deleted
        self.purged: set[tuple[str, int]] = set()  # some of these

    def left(self, name: str) -> list[int]:
        """The versions that are not deleted."""
        numbers = range(1, len(self.values.get(name, [])) + 1)
        return [number for number in numbers if (name, number) not in self.gone]

    def served(self, name: str) -> list[int]:
        return [] if name in self.deleted else self.left(name)

    def register(self, name: str, value: float) -> Any:
        if name in self.deleted:
            return Code.MODEL_DELETED
        values = self.values.setdefault(name, [])
        values.append(value)
        return len(values)

    def find(self, name: str, version: int | str | None) -> Any:
        served = self.served(name)
        if not served:
            return Code.UNKNOWN_MODEL
        if not isinstance(version, int):
            alias = version or "default"
            newest = served[-1] if alias == "default" else 0
            version = self.aliases.get((name, alias), (newest, None))[0]
        if version not in served:
            return Code.UNKNOWN_VERSION
        return version, self.values[name][version - 1]

    def move(self, name: str, alias: str, number: int) -> Any:
        now, before = self.aliases.get((name, alias), (None, None))
        if name in self.values and not self.served(name):
            return Code.UNKNOWN_MODEL
        if number not in self.served(name):
            return Code.UNKNOWN_VERSION
        self.aliases[name, alias] = moved = (number, before if number == now else now)
        return moved

    def roll_back(self, name: str, alias: str) -> Any:
        before = self.aliases.get((name, alias), (None, None))[1]
        if not self.served(name):
            return Code.UNKNOWN_MODEL
        if before is None and alias == "default" and (name, alias) in self.aliases:
            del self.aliases[name, alias]
            return self.served(name)[-1], None
        return Code.NOTHING_BEFORE if before is None else self.move(name, alias, before)

    def delete(self, name: str, number: int | None) -> Any:
        if name not in self.values or (number is None and not self.served(name)):
            return Code.UNKNOWN_MODEL
        if number is None:
            self.deleted.add(name)
            return None
        if number not in self.served(name):
            return Code.UNKNOWN_VERSION
        if any(of == name and n == number for (of, _), (n, _) in self.aliases.items()):
            return Code.ALIASED
        self.gone.add((name, number))
        return None

    def restore(self, name: str, number: int | None) -> Any:
        if number is None:
            if not self.left(name):
                return Code.UNKNOWN_MODEL
            self.deleted.discard(name)
            return None
        known = 1 <= number <= len(self.values.get(name, []))
        if not known or (name, number) in self.purged or name in self.deleted:
            return Code.UNKNOWN_VERSION
        self.gone.discard((name, number))
        return None

    def purge(self, name: str, number: int | None) -> Any:
        if number is None:
            if name not in self.values:
                return Code.UNKNOWN_MODEL
            if name not in self.deleted:
                return Code.NOT_DELETED
            self.deleted.discard(name)
            self.aliases = {key: to for key, to in self.aliases.items() if key[0] != name}
            every = {(name, n) for n in range(1, len(self.values[name]) + 1)}
            self.gone |= every
            self.purged |= every
            return None
        known = 1 <= number <= len(self.values.get(name, []))
        if not known or (name, number) in self.purged:
            return Code.UNKNOWN_VERSION
        if (name, number) not in self.gone:
            return Code.NOT_DELETED
        self.purged.add((name, number))
        return None


def answer(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call gives, or the code of its error."""
    try:
        return call(*arguments)
    except XentError as error:
        return error.code


class Machine(RuleBasedStateMachine):
    """Two registries at each of the databases, and a third that only now and then looks."""

    urls: tuple[str, ...]
    registries: list[list[Registry]]
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.prefix = f"e{next(EXAMPLES):05}"
        self.book, self.known = Book(), Book()
        self.poll()

    def same(self, who: int, ask: Callable[[Registry], Any], expected: Any) -> None:
        """Every database gives the expected answer."""
        Machine.steps += 1
        for registries in self.registries:
            assert answer(ask, registries[who]) == expected

    def full(self, name: str) -> str:
        return self.prefix + name

    @rule(name=NAMES, value=st.integers(0, 99), who=WHO)
    def register(self, name: str, value: int, who: int) -> None:
        made = model(self.full(name), float(value))
        self.same(who, lambda r: self.registered(r, made), self.book.register(name, float(value)))

    def registered(self, registry: Registry, made: Model) -> int:
        registry.refresh()  # another may have restored the model a moment ago
        return registry.register(made).version

    @rule(name=NAMES, alias=ALIASES, number=NUMBERS, who=WHO)
    def promote(self, name: str, alias: str, number: int, who: int) -> None:
        expected = self.book.move(name, alias, number)
        self.same(who, lambda r: self.moved(r, name, alias, number), expected)

    @rule(name=NAMES, alias=ALIASES, who=WHO)
    def roll_back(self, name: str, alias: str, who: int) -> None:
        if name in self.book.values:
            expected = self.book.roll_back(name, alias)
            self.same(who, lambda r: self.moved(r, name, alias, None), expected)

    def moved(self, registry: Registry, name: str, alias: str, number: int | None) -> Any:
        full = self.full(name)
        seen = registry.aliases.seen(full, alias) if name in self.book.values else None
        if number is None:
            found = registry.aliases.roll_back(full, alias, seen)
        else:
            found = registry.aliases.move(full, alias, number, seen)
        return found.number, found.previous

    @rule(name=NAMES, number=REMOVED, who=WHO)
    def delete(self, name: str, number: int | None, who: int) -> None:
        self.same(who, lambda r: r.delete(self.full(name), number), self.book.delete(name, number))

    @rule(name=NAMES, number=REMOVED, who=WHO)
    def restore(self, name: str, number: int | None, who: int) -> None:
        expected = self.book.restore(name, number)
        self.same(who, lambda r: r.restore(self.full(name), number), expected)

    @rule(name=NAMES, number=REMOVED, who=WHO)
    def purge(self, name: str, number: int | None, who: int) -> None:
        self.same(who, lambda r: r.purge(self.full(name), number), self.book.purge(name, number))
        self.poll()  # who has not looked since may have it in memory, or not

    @rule(name=NAMES, alias=ALIASES, number=NUMBERS, who=WHO)
    def promote_with_an_old_look(self, name: str, alias: str, number: int, who: int) -> None:
        self.same(who, lambda r: r.aliases.move(self.full(name), alias, number, -1), Code.STALE)

    @rule(name=NAMES, version=st.one_of(st.none(), NUMBERS, ALIASES), who=WHO)
    def find(self, name: str, version: int | str | None, who: int) -> None:
        self.same(who, lambda r: self.found(r, name, version), self.book.find(name, version))

    @rule(name=NAMES, version=st.one_of(st.none(), NUMBERS, ALIASES))
    def find_as_last_polled(self, name: str, version: int | str | None) -> None:
        self.same(2, lambda r: self.found(r, name, version), self.known.find(name, version))

    def found(self, registry: Registry, name: str, version: int | str | None) -> Any:
        found = registry.find(self.full(name), version)
        return found.version, found.coefficients.item()

    @rule()
    def poll(self) -> None:
        self.same(2, lambda r: r._mirror.refresh(), None)
        self.known = deepcopy(self.book)

    @rule(limit=LIMITS, who=WHO)
    def list_models(self, limit: int, who: int) -> None:
        expected = [
            (self.full(name), *self.book.find(name, None))
            for name in sorted(self.book.values)
            if self.book.served(name)
        ]
        self.same(who, lambda r: pages(r.models, self.prefix, limit), expected)

    @rule(name=NAMES, limit=LIMITS, who=WHO)
    def list_versions(self, name: str, limit: int, who: int) -> None:
        served = self.book.served(name)
        expected = [(self.full(name), *self.book.find(name, number)) for number in served]
        self.same(
            who,
            lambda r: pages(lambda after, n: r.versions(self.full(name), after, n), None, limit),
            expected or Code.UNKNOWN_MODEL,
        )

    @rule(who=WHO)
    def reopen(self, who: int) -> None:
        for registries, url in zip(self.registries, self.urls, strict=True):
            registries[who].end()
            registries[who] = Registry({}, 20_000, url)


def pages(ask: Callable[[Any, int], Any], after: Any, limit: int) -> list[tuple[str, int, float]]:
    """All entries of a list that is read page by page."""
    found: list[tuple[str, int, float]] = []
    while True:
        page = ask(after, limit)
        assert len(page.cards) <= limit
        cards = [orjson.loads(card) for card in page.cards]
        found += [(card["name"], card["version"], card["fit"]["objective"]) for card in cards]
        if page.next is None:
            return found
        after = int(page.next) if page.next.isdecimal() else page.next


@pytest.mark.parametrize(
    ("examples", "length", "least"),
    [(5, 25, 50), pytest.param(300, 50, 10_000, marks=pytest.mark.hostile)],
)
def test_a_registry_is_a_dictionary(
    examples: int, length: int, least: int, fresh_url: Callable[[str], str]
) -> None:
    Machine.urls = tuple(fresh_url(kind) for kind in ("sqlite", "postgresql"))
    Machine.registries = [[Registry({}, 20_000, url) for _ in range(3)] for url in Machine.urls]
    followers = [registries[2] for registries in Machine.registries]
    for follower in followers:  # they look when they are told to
        follower._mirror._poller = threading.current_thread()
    Machine.steps = 0
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=length,
            deadline=None,
            derandomize=examples < 100,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"{Machine.steps} steps in each database, the same answers\n")
    assert Machine.steps >= least
    for follower in followers:
        follower._mirror._poller = None
    for registries in Machine.registries:
        for registry in registries:
            registry.end()
