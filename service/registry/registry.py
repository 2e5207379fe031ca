"""Versions of models: kept in a database, found in memory."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from service.classifier import Model, to_bytes
from service.errors import Code, Conflict, NotFound, Stale, Unavailable, XentError
from service.registry.memory import DEFAULT, Alias, Entry, Recent

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.registry.database import Database

POLL_SECONDS = 1.0


class WouldWait(Exception):
    """What was asked needs the database, for which the loop of a server must not wait.

    Nothing was done: the same call in another thread does it.
    """


@dataclass(frozen=True, slots=True)
class Page:
    """Some models in order.

    Attributes:
        models: the models.
        next: what to give as `after` for the following ones; None where there are none.
    """

    models: tuple[Model, ...]
    next: str | None


class Registry:
    """Models by name and version; may be used by several threads, processes and machines.

    A version never changes. Versions are counted from 1 for every name; the models that ship are
    version 1 of theirs, and nobody may add to them. What another process has registered is found
    within `POLL_SECONDS` and the time that reading it takes.

    Args:
        shipped: the models that ship, by name.
        capacity: bytes of the registered models that are kept in memory.
        url: of the database. A SQLite file is made when something is first registered.
    """

    def __init__(self, shipped: Mapping[str, Model], capacity: int, url: str) -> None:
        self._shipped = dict(shipped)
        self._url = url
        self._recent = Recent(capacity)
        self._entries: Mapping[str, Entry] = {}
        self._seen = -1  # the last change that the entries know of
        self._refreshing = threading.Lock()
        self._ending = threading.Event()
        self._poller: threading.Thread | None = None

    def start(self) -> None:
        """Reads what there is, and from then on looks for changes in a thread of its own.

        A database that cannot be used now is no error: the models that ship are served.
        """
        with suppress(XentError):
            self.refresh()
        self._poller = threading.Thread(target=self._poll, name="registry", daemon=True)
        self._poller.start()

    def end(self) -> None:
        """Looks no more and gives the connections back."""
        self._ending.set()
        if self._poller is not None:
            self._poller.join()
        if "_database" in self.__dict__:
            self._database.close()

    def find(self, name: str, version: int | str | None = None) -> Model:
        """One version of a model.

        Args:
            name: of the model.
            version: its number, also as text, or an alias; None is the alias `default`.

        Raises:
            NotFound: no such model, or no such version of it.
            Unavailable: it is not in memory, and the database cannot be used now.
            WouldWait: it is not in memory.
        """
        if name in self._shipped:
            number = Entry(1, {}).number(version)
            if number is None:
                raise _unknown_version(name, 1)
            return self._shipped[name]
        entry = self._entry(name)
        number = entry.number(version)
        if number is None:
            raise _unknown_version(name, entry.latest)
        return self._recent.get(name, number) or self._load(name, number)

    def models(self, after: str | None, limit: int) -> Page:
        """The default version of every model, by name.

        Args:
            after: the name that the page begins behind; None begins with the first.
            limit: of the models on it.

        Raises:
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        from service.registry import queries

        _not_in_a_loop()
        begin = after or ""
        found = [(name, 1) for name in self._shipped if name > begin]
        known = {(name, 1): model for name, model in self._shipped.items()}
        if self._exists():
            with self._database.reading() as connection:
                found += queries.names_after(connection, begin, limit + 1)
                found.sort()
                known |= self._together(connection, set(found[:limit]) - known.keys())
        found.sort()
        page = [known[key] for key in found[:limit]]
        return Page(tuple(page), found[limit - 1][0] if len(found) > limit else None)

    def versions(self, name: str, after: int | None, limit: int) -> Page:
        """The versions of a model, from the first on.

        Args:
            name: of the model.
            after: the version that the page begins behind; None begins with the first.
            limit: of the versions on it.

        Raises:
            NotFound: no such model.
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        from service.registry import queries

        begin = after or 0
        if name in self._shipped:
            return Page((self._shipped[name],) if begin < 1 else (), None)
        entry = self._entry(name)
        if begin >= entry.latest:
            return Page((), None)
        _not_in_a_loop()
        with self._database.reading() as connection:
            found = queries.read_all(queries.versions_after(connection, name, begin, limit + 1))
        more = len(found) > limit
        return Page(tuple(found[:limit]), str(found[limit - 1].version) if more else None)

    def check(self, name: str) -> None:
        """Refuses a name that nothing can be registered under.

        Raises:
            Conflict: a model that ships has it.
        """
        if name in self._shipped:
            text = f"{name} is a model that ships, which stays as it is; take another name"
            raise Conflict(Code.SHIPPED_MODEL, text)

    def register(self, model: Model) -> Model:
        """Keep a model as the next version of its name.

        Args:
            model: whose version is not looked at.

        Returns:
            The model with its version; from then on it outlives a crash.

        Raises:
            Conflict: a model that ships has its name.
            StoreFull: the disk is full.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: in the thread of a server's loop.
        """
        from service.registry import queries

        self.check(model.name)
        _not_in_a_loop()
        with self._database.writing() as connection:
            numbered = queries.add_version(connection, model)
        self._recent.put(numbered)
        with suppress(XentError):  # it is stored; the poll will see it
            self.refresh()
        return numbered

    def artifact(self, name: str, version: int | str | None = None) -> tuple[bytes, str]:
        """The file of a version and its SHA-256, in hexadecimal digits.

        Raises:
            NotFound, Unavailable, WouldWait: as in `find`.
        """
        from service.registry import queries

        if name in self._shipped:
            data = to_bytes(self.find(name, version))
            return data, hashlib.sha256(data).hexdigest()
        entry = self._entry(name)
        number = entry.number(version)
        _not_in_a_loop()
        with self._database.reading() as connection:
            found = None if number is None else queries.artifact_of(connection, name, number)
        if found is None:
            raise _unknown_version(name, entry.latest)
        return found

    def alias(self, name: str, alias: str) -> Alias:
        """What an alias stands for.

        Raises:
            NotFound: no such model, or it has no such alias.
            Unavailable, WouldWait: as in `versions`.
        """
        if name in self._shipped:
            raise _unknown_alias(name, alias)
        self._look()
        found = self._entry(name).aliases.get(alias)
        if found is None:
            raise _unknown_alias(name, alias)
        return found

    def seen(self, name: str, alias: str) -> int | None:
        """What to give as `seen` to `move_alias`: the change that made an alias what it is."""
        self.check(name)
        self._look()
        found = self._entry(name).aliases.get(alias)
        return None if found is None else found.change

    def move_alias(self, name: str, alias: str, number: int, seen: int | None) -> Alias:
        """Let an alias stand for another version.

        Args:
            name: of the model.
            alias: to be moved, or made.
            number: of the version that it shall stand for.
            seen: the `change` of what it stood for when the caller looked; None where it was not.

        Raises:
            Stale: somebody has moved it since then.
            Conflict: the model ships.
            NotFound, StoreFull, Unavailable, WouldWait: as in `find` and `register`.
        """
        return self._move(name, alias, lambda now: number, seen)

    def roll_back(self, name: str, alias: str, seen: int | None) -> Alias:
        """Let an alias stand for what it stood for before; doing it twice changes nothing.

        Raises:
            Conflict: there is nothing before.
            Stale, NotFound, StoreFull, Unavailable, WouldWait: as in `move_alias`.
        """

        def previous(now: Alias | None) -> int:
            if now is None or now.previous is None:
                text = f"the alias {alias} has stood for nothing before"
                raise Conflict(Code.NOTHING_BEFORE, text)
            return now.previous

        return self._move(name, alias, previous, seen)

    def _move(
        self, name: str, alias: str, target: Callable[[Alias | None], int], seen: int | None
    ) -> Alias:
        from service.registry import queries

        self.check(name)
        _not_in_a_loop()
        with self._database.writing() as connection:
            # the lock of every change, before anything is looked at
            change = queries.next_change(connection)
            now = queries.alias_of(connection, name, alias)
            if (None if now is None else now.change) != seen:
                text = f"the alias {alias} of {name} has been moved since it was looked at"
                raise Stale(Code.STALE, text)
            number = target(now)
            if queries.artifact_of(connection, name, number) is None:
                raise _unknown_version(name, None)
            moved = queries.move_alias(connection, name, alias, now, Alias(number, None, change))
        with suppress(XentError):
            self.refresh()
        return moved

    def refresh(self) -> None:
        """Learns what has changed; versions that aliases stand for are read before they count.

        Raises:
            Unavailable: the database cannot be used now.
        """
        if not self._exists():
            self._seen = max(self._seen, 0)
            return
        from service.registry import queries

        with self._refreshing:
            with self._database.reading() as connection:
                change = queries.last_change(connection)
                if change == self._seen:
                    return
                changed = queries.entries_since(connection, self._seen)
            if self._seen >= 0:  # at the start nobody waits for all of them
                self._read_ahead(changed)
            self._entries = {**self._entries, **changed}
            self._seen = change

    def _read_ahead(self, entries: Mapping[str, Entry]) -> None:
        """Reads what aliases stand for, so that scoring goes on without the database."""
        for name, entry in entries.items():
            served = {entry.number(DEFAULT), *(alias.number for alias in entry.aliases.values())}
            for number in served - {None}:
                if self._ending.is_set() or self._recent.nearly_full:
                    return
                if number is not None and self._recent.get(name, number) is None:
                    with suppress(XentError):  # whoever asks for it is told
                        self._load(name, number)

    def _poll(self) -> None:
        self._read_ahead(self._entries)
        while not self._ending.wait(POLL_SECONDS):
            with suppress(XentError):
                self.refresh()

    def _entry(self, name: str) -> Entry:
        if self._poller is None:  # nobody looks for changes
            self._look()
        entry = self._entries.get(name)
        if entry is not None:
            return entry
        if self._seen < 0:
            text = "the store could not be read yet; only the models that ship are known"
            raise Unavailable(Code.STORE_UNAVAILABLE, text)
        text = "there is no model of that name; GET /v1/models lists those that there are"
        raise NotFound(Code.UNKNOWN_MODEL, text)

    def _look(self) -> None:
        """Learns what others have changed, where a second is too old."""
        _not_in_a_loop()
        self.refresh()

    def _load(self, name: str, number: int) -> Model:
        from service.registry import queries

        _not_in_a_loop()
        with self._database.reading() as connection:
            found = queries.artifact_of(connection, name, number)
        if found is None:
            raise _unknown_version(name, None)
        model = queries.read(*found)
        self._recent.put(model)
        return model

    def _together(
        self, connection: "Connection", wanted: set[tuple[str, int]]
    ) -> dict[tuple[str, int], Model]:
        """Versions by name and number; those that are not in memory are read at once."""
        from service.registry import queries

        found = {key: model for key in wanted if (model := self._recent.get(*key)) is not None}
        files = queries.artifacts_of(connection, wanted - found.keys())
        for model in queries.read_all(files):
            self._recent.put(model)
            found[model.name, model.version] = model
        return found

    @cached_property
    def _file(self) -> Path | None:
        """The SQLite file, without which there is nothing to read."""
        prefix = "sqlite:///"
        return Path(self._url.removeprefix(prefix)) if self._url.startswith(prefix) else None

    def _exists(self) -> bool:
        return self._file is None or self._file.exists()

    @cached_property
    def _database(self) -> "Database":
        # a third of a second to import, which a server that only scores does not spend
        from service.registry.database import Database

        return Database(self._url)


def _not_in_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WouldWait


def _unknown_version(name: str, latest: int | None) -> NotFound:
    known = "" if latest is None else f"; its newest is {latest}"
    text = f"{name} has no such version or alias{known}"
    return NotFound(Code.UNKNOWN_VERSION, text)


def _unknown_alias(name: str, alias: str) -> NotFound:
    return NotFound(Code.UNKNOWN_ALIAS, f"the alias {alias[:63]} of {name} is not set")
