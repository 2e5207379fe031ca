"""Names that stand for versions, and are moved from one to another."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.errors import Code, Conflict, NotFound, Stale, XentError
from service.registry import audit
from service.registry.memory import DEFAULT, SHIPPED, Alias
from service.registry.mirror import Mirror, unknown_model
from service.registry.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


def unset(newest: int) -> Alias:
    """What `default` stands for until it is set: the newest version.

    Its `change` tells which that is; those of aliases that are set count from 1.
    """
    return Alias(newest, None, -newest)


@dataclass(frozen=True, slots=True)
class AliasesPage:
    """Some aliases of a model in the order of their names.

    Attributes:
        aliases: what each stands for, by name.
        moved: the lines of the log of changes that made it so, by the change; those of
            aliases that were moved before there was a log are missing.
        next: what to give as `after` for the following ones; None where there are none.
    """

    aliases: Mapping[str, Alias]
    moved: Mapping[int, audit.Entry]
    next: str | None


class Aliases:
    """The aliases of the models; those that ship have `default` alone, which stays.

    Args:
        store: where they last.
        mirror: what this process knows of them.
        check: refuses the names of models that nothing can be changed of.
    """

    def __init__(self, store: Store, mirror: Mirror, check: Callable[[str], None]) -> None:
        self._store = store
        self._mirror = mirror
        self._check = check

    def find(self, name: str, alias: str) -> Alias:
        """What an alias stands for; `default` stands for the newest version until it is set.

        Raises:
            NotFound: no such model, or it has no such alias.
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        found = self._all(name).get(alias)
        if found is None:
            raise _unknown_alias(name, alias)
        return found

    def page(self, name: str, after: str | None, limit: int) -> AliasesPage:
        """The aliases of a model, `default` always among them.

        Args:
            name: of the model.
            after: the alias that the page begins behind; None begins with the first.
            limit: of the aliases on it.

        Raises:
            NotFound, Unavailable, WouldWait: as in `find`.
        """
        every = self._all(name)
        left = sorted(alias for alias in every if alias > (after or ""))
        found = {alias: every[alias] for alias in left[:limit]}
        changes = [alias.change for alias in found.values() if alias.change > 0]
        moved = audit.lines_of(self._store, changes)
        return AliasesPage(found, moved, left[limit - 1] if len(left) > limit else None)

    def seen(self, name: str, alias: str) -> int | None:
        """What to give as `seen` to `move`: the change that made an alias what it is."""
        self._check(name)
        found = self._all(name).get(alias)
        return None if found is None else found.change

    def move(self, name: str, alias: str, number: int, seen: int | None) -> Alias:
        """Let an alias stand for another version.

        Args:
            name: of the model.
            alias: to be moved, or made.
            number: of the version that it shall stand for.
            seen: the `change` of what it stood for when the caller looked; None where it was not
                set.

        Raises:
            Stale: somebody has moved it since then.
            Conflict: the model ships.
            NotFound: no such model or version.
            Damaged: the stored file of the version is not the one that was stored.
            StoreFull: the disk is full.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: in the thread of a server's loop.
        """
        return self._move(name, alias, lambda now: number, seen)

    def roll_back(self, name: str, alias: str, seen: int | None) -> Alias:
        """Let an alias stand for what it stood for before; doing it twice changes nothing.

        `default`, where it has only been set once, stands for the newest version again.

        Raises:
            Conflict: there is nothing before.
            Stale, NotFound, Damaged, StoreFull, Unavailable, WouldWait: as in `move`.
        """

        def previous(now: Alias | None) -> int | None:
            if now is None or (now.previous is None and alias != DEFAULT):
                text = f"the alias {alias} has stood for nothing before"
                raise Conflict(Code.NOTHING_BEFORE, text)
            return now.previous

        return self._move(name, alias, previous, seen)

    def delete(self, name: str, alias: str, seen: int | None) -> None:
        """Let an alias stand for nothing any more, and `default` for the newest version.

        Raises:
            Stale, Conflict, NotFound, Damaged, StoreFull, Unavailable, WouldWait: as in `move`.
        """

        def nothing(now: Alias | None) -> None:
            if now is None:
                raise _unknown_alias(name, alias)

        self._move(name, alias, nothing, seen)

    def _move(
        self, name: str, alias: str, target: Callable[[Alias | None], int | None], seen: int | None
    ) -> Alias:
        from service.registry import queries

        self._check(name)
        with self._store.writing() as connection:
            # the lock of every change, before anything is looked at
            change = queries.next_change(connection)
            now, newest = queries.alias_of(connection, name, alias)
            if seen not in _changes(alias, now, newest):
                text = f"the alias {alias} of {name} has been moved since it was looked at"
                raise Stale(Code.STALE, text)
            number = target(now)
            if number is None and newest is None:
                raise unknown_model()
            served = newest if number is None and alias == DEFAULT else number
            file = None if served is None else self._verified(connection, name, served)
            if number is None:
                assert now is not None  # of what is not set, no target is None
                assert newest is not None
                moved = unset(newest)
                queries.unset_alias(connection, name, alias, now, change)
            else:
                to = Alias(number, None, change)
                moved = queries.move_alias(connection, name, alias, now, to)
        with suppress(XentError):  # it is stored; the poll will see it
            if served is not None and file is not None:
                self._mirror.keep_file(name, served, *file)
            self._mirror.refresh()
        return moved

    def _verified(self, connection: "Connection", name: str, number: int) -> tuple[bytes, str, int]:
        """Reads what is to be served: who has it in memory would see its damage much later."""
        from service.registry import queries

        found = queries.artifact_of(connection, name, number, served=True)
        if found is None:
            text = f"{name} has no version {number}, or it is deleted"
            raise NotFound(Code.UNKNOWN_VERSION, text)
        self._mirror.checked(name, number, *found[:2])
        return found

    def _all(self, name: str) -> Mapping[str, Alias]:
        """What there is now, `default` also where nobody has set it."""
        try:
            self._check(name)
            self._mirror.look()
            entry = self._mirror.entry(name)
        except Conflict:
            entry = SHIPPED
        assert entry.newest is not None
        return {DEFAULT: unset(entry.newest), **entry.aliases}


def _changes(alias: str, now: Alias | None, newest: int | None) -> tuple[int | None, ...]:
    """The `seen` of those who have seen what an alias stands for now."""
    if now is not None:
        return (now.change,)
    return (None, -newest) if alias == DEFAULT and newest is not None else (None,)


def unknown_version(name: str, latest: int | None) -> NotFound:
    """The error of a version or alias that is not there."""
    known = "" if latest is None else f"; its newest is {latest}"
    text = f"{name} has no such version or alias{known}"
    return NotFound(Code.UNKNOWN_VERSION, text)


def _unknown_alias(name: str, alias: str) -> NotFound:
    return NotFound(Code.UNKNOWN_ALIAS, f"the alias {alias[:63]} of {name} is not set")
