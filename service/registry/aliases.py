"""Names that stand for versions, and are moved from one to another."""

from collections.abc import Callable
from contextlib import suppress

from service.errors import Code, Conflict, NotFound, Stale, XentError
from service.registry.memory import DEFAULT, Alias
from service.registry.mirror import Mirror
from service.registry.store import Store

UNSET = 0
"""The `change` of an alias that nobody has set; those of others count from 1."""


class Aliases:
    """The aliases of the registered models; those that ship have none.

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
        try:
            self._check(name)
        except Conflict:
            raise _unknown_alias(name, alias) from None
        self._mirror.look()
        entry = self._mirror.entry(name)
        found = entry.aliases.get(alias)
        if found is None and alias == DEFAULT and entry.newest is not None:
            return Alias(entry.newest, None, UNSET)
        if found is None:
            raise _unknown_alias(name, alias)
        return found

    def seen(self, name: str, alias: str) -> int | None:
        """What to give as `seen` to `move`: the change that made an alias what it is."""
        self._check(name)
        self._mirror.look()
        found = self._mirror.entry(name).aliases.get(alias)
        return None if found is None else found.change

    def move(self, name: str, alias: str, number: int, seen: int | None) -> Alias:
        """Let an alias stand for another version.

        Args:
            name: of the model.
            alias: to be moved, or made.
            number: of the version that it shall stand for.
            seen: the `change` of what it stood for when the caller looked; None or `UNSET` where
                it was not.

        Raises:
            Stale: somebody has moved it since then.
            Conflict: the model ships.
            NotFound: no such model or version.
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
            Stale, NotFound, StoreFull, Unavailable, WouldWait: as in `move`.
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
            Stale, Conflict, NotFound, StoreFull, Unavailable, WouldWait: as in `move`.
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
            now = queries.alias_of(connection, name, alias)
            if (UNSET if now is None else now.change) != (seen or UNSET):
                text = f"the alias {alias} of {name} has been moved since it was looked at"
                raise Stale(Code.STALE, text)
            number = target(now)
            if number is None:
                queries.unset_alias(connection, name, alias, change)
                moved = Alias(queries.newest(connection, name), None, UNSET)
            elif queries.is_served(connection, name, number):
                to = Alias(number, None, change)
                moved = queries.move_alias(connection, name, alias, now, to)
            else:
                raise unknown_version(name, None)
        with suppress(XentError):  # it is stored; the poll will see it
            self._mirror.refresh()
        return moved


def unknown_version(name: str, latest: int | None) -> NotFound:
    """The error of a version or alias that is not there."""
    known = "" if latest is None else f"; its newest is {latest}"
    text = f"{name} has no such version or alias{known}"
    return NotFound(Code.UNKNOWN_VERSION, text)


def _unknown_alias(name: str, alias: str) -> NotFound:
    return NotFound(Code.UNKNOWN_ALIAS, f"the alias {alias[:63]} of {name} is not set")
