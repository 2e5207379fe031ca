"""Processes at both databases, and the steps that they take on models; a dictionary as well."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from itertools import count
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from service.classifier import Model
from service.errors import Code, NotFound, XentError
from service.registry import Registry
from service.registry.key import new_token

from .book import MOST_OPEN, Book
from .conftest import Opened, model

NAMES = st.sampled_from(["a", "a", "a.b", "b-"])
ALIASES = st.sampled_from(["champion", "default"])
NUMBERS = st.integers(0, 4)
REMOVED = st.one_of(st.none(), NUMBERS)  # a model, or one of its versions
WHO = st.integers(0, 1)
LIMITS = st.integers(1, 4)
EXAMPLES = count()


NEVER = 10**9
"""A change that has not come; -1 is what `default` has been since the first version."""


def answer(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call gives, or the code of its error."""
    try:
        return call(*arguments)
    except XentError as error:
        return error.code


class Side(Opened):
    """One of the processes at a database.

    Args:
        url: of the database.
        ids: of the evaluations of an example, in their order; the same list at every side.
        tokens: of its keys.
    """

    def __init__(self, url: str, ids: list[str], tokens: list[str]) -> None:
        super().__init__(url, MOST_OPEN)
        self.url, self.ids, self.tokens = url, ids, tokens

    def again(self) -> "Side":
        """As after the end of the process."""
        self.end()
        return Side(self.url, self.ids, self.tokens)

    def id(self, number: int) -> str:
        return self.ids[number] if number < len(self.ids) else "0" * 32

    def token(self, number: int) -> str:
        return self.tokens[number] if number < len(self.tokens) else new_token()


class Machine(RuleBasedStateMachine):
    """Two processes at each of the databases, and a third that only now and then looks."""

    sides: list[list[Side]]
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.prefix = f"e{next(EXAMPLES):05}"
        self.book, self.known = Book(), Book()
        for first, *_ in self.sides:
            while first.ids:
                with suppress(NotFound):
                    first.evaluations.delete(first.ids.pop())
            first.tokens.clear()
        self.poll()
        self.register("a", 0, 0)
        self.register("a", 1, 1)

    def same(self, who: int, ask: Callable[[Side], Any], expected: Any) -> None:
        """Every database gives the expected answer."""
        Machine.steps += 1
        for sides in self.sides:
            assert answer(ask, sides[who]) == expected

    def full(self, name: str) -> str:
        return self.prefix + name

    @rule(name=NAMES, value=st.integers(0, 99), who=WHO)
    def register(self, name: str, value: int, who: int) -> None:
        made = model(self.full(name), float(value))
        self.same(
            who, lambda o: self.registered(o.registry, made), self.book.register(name, float(value))
        )

    def registered(self, registry: Registry, made: Model) -> int:
        registry._mirror.refresh()  # another may have restored the model a moment ago
        return registry.register(made).version

    @rule(name=NAMES, alias=ALIASES, number=NUMBERS, who=WHO)
    def promote(self, name: str, alias: str, number: int, who: int) -> None:
        expected = self.book.move(name, alias, number)
        self.same(who, lambda o: self.moved(o.registry, name, alias, number), expected)

    @rule(name=NAMES, alias=ALIASES, who=WHO)
    def roll_back(self, name: str, alias: str, who: int) -> None:
        if name in self.book.values:
            expected = self.book.roll_back(name, alias)
            self.same(who, lambda o: self.moved(o.registry, name, alias, None), expected)

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
        self.same(
            who,
            lambda o: o.registry.delete(self.full(name), number),
            self.book.delete(name, number),
        )

    @rule(name=NAMES, alias=ALIASES, who=WHO)
    def delete_what_an_alias_stands_for(self, name: str, alias: str, who: int) -> None:
        self.delete(name, self.book.aliases.get((name, alias), (1, None))[0], who)

    @rule(name=NAMES, number=REMOVED, who=WHO)
    def restore(self, name: str, number: int | None, who: int) -> None:
        expected = self.book.restore(name, number)
        self.same(who, lambda o: o.registry.restore(self.full(name), number), expected)

    @rule(name=NAMES, number=REMOVED, who=WHO)
    def purge(self, name: str, number: int | None, who: int) -> None:
        self.same(
            who, lambda o: o.registry.purge(self.full(name), number), self.book.purge(name, number)
        )
        self.poll()  # who has not looked since may have it in memory, or not

    @rule(name=NAMES, alias=ALIASES, number=NUMBERS, who=WHO)
    def promote_with_an_old_look(self, name: str, alias: str, number: int, who: int) -> None:
        self.same(
            who,
            lambda o: o.registry.aliases.move(self.full(name), alias, number, NEVER),
            Code.STALE,
        )

    @rule(name=NAMES, version=st.one_of(st.none(), NUMBERS, ALIASES), who=WHO)
    def find(self, name: str, version: int | str | None, who: int) -> None:
        self.same(
            who, lambda o: self.found(o.registry, name, version), self.book.find(name, version)
        )

    @rule(name=NAMES, version=st.one_of(st.none(), NUMBERS, ALIASES))
    def find_as_last_polled(self, name: str, version: int | str | None) -> None:
        self.same(
            2, lambda o: self.found(o.registry, name, version), self.known.find(name, version)
        )

    def found(self, registry: Registry, name: str, version: int | str | None) -> Any:
        found = registry.find(self.full(name), version)
        return found.version, found.coefficients.item()

    @rule()
    def poll(self) -> None:
        self.same(2, lambda o: o.registry._mirror.refresh(), None)
        self.same(2, lambda o: o.keys.refresh(), None)
        self.known = deepcopy(self.book)

    @rule(limit=LIMITS, who=WHO)
    def list_models(self, limit: int, who: int) -> None:
        expected = [
            (self.full(name), *self.book.find(name, None))
            for name in sorted(self.book.values)
            if self.book.served(name)
        ]
        self.same(who, lambda o: pages(o.registry.lists.models, self.prefix, limit), expected)

    @rule(name=NAMES, limit=LIMITS, who=WHO)
    def list_versions(self, name: str, limit: int, who: int) -> None:
        served = self.book.served(name)
        expected = [(self.full(name), *self.book.find(name, number)) for number in served]
        self.same(
            who,
            lambda o: pages(
                lambda after, n: o.registry.lists.versions(self.full(name), after, n), None, limit
            ),
            expected or Code.UNKNOWN_MODEL,
        )

    @rule(limit=LIMITS, who=WHO)
    def list_deleted(self, limit: int, who: int) -> None:
        expected = [(self.full(name), number) for name, number in self.book.restorable()]
        self.same(who, lambda o: self.deleted(o.registry, limit), expected)

    def deleted(self, registry: Registry, limit: int) -> list[tuple[str, int]]:
        found, after, more = [], (self.prefix, 0), True
        while more:
            page = registry.lists.deleted(after, limit)
            assert len(page.things) <= limit
            found += [(thing.name, thing.number) for thing in page.things]
            after, more = (found or [after])[-1], page.more
        return found

    @rule(name=NAMES, limit=LIMITS, who=WHO)
    def list_aliases(self, name: str, limit: int, who: int) -> None:
        expected = self.book.standing(name)
        self.same(who, lambda o: self.standing(o.registry, self.full(name), limit), expected)

    def standing(self, registry: Registry, name: str, limit: int) -> list[tuple[str, Any]]:
        found, after = [], None
        while True:
            page = registry.aliases.page(name, after, limit)
            assert len(page.aliases) <= limit
            for alias, to in page.aliases.items():
                assert (to.change in page.moved) == (to.change > 0)
                found.append((alias, (to.number, to.previous)))
            after = page.next
            if after is None:
                return found

    @rule(who=WHO)
    def reopen(self, who: int) -> None:
        for sides in self.sides:
            sides[who] = sides[who].again()


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
