"""Versions of models: kept in a database, found in memory."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.classifier import Model, to_bytes
from service.errors import Code, Conflict, XentError
from service.registry.aliases import Aliases, unknown_version
from service.registry.memory import Entry
from service.registry.mirror import Mirror
from service.registry.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


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
        self.store = Store(url)
        self._mirror = Mirror(self.store, capacity)
        self.aliases = Aliases(self.store, self._mirror, self.check)

    def start(self) -> None:
        """Reads what there is, and from then on follows what other processes change.

        A database that cannot be used now is no error: the models that ship are served.
        """
        self._mirror.start()

    def end(self) -> None:
        """Looks no more and gives the connections back."""
        self._mirror.end()
        self.store.end()

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
                raise unknown_version(name, 1)
            return self._shipped[name]
        entry = self._mirror.entry(name)
        number = entry.number(version)
        if number is None:
            raise unknown_version(name, entry.latest)
        model = self._mirror.model(name, number)
        if model is None:
            raise unknown_version(name, entry.latest)
        return model

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

        begin = after or ""
        found = [(name, 1) for name in self._shipped if name > begin]
        known = {(name, 1): model for name, model in self._shipped.items()}
        if self.store.exists:
            with self.store.reading() as connection:
                found += queries.names_after(connection, begin, limit + 1)
                found.sort()
                known |= self._mirror.together(connection, set(found[:limit]) - known.keys())
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
        entry = self._mirror.entry(name)
        if begin >= entry.latest:
            return Page((), None)
        with self.store.reading() as connection:
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
        self.check(model.name)
        with self.store.writing() as connection:
            numbered = self.add(connection, model)
        self._mirror.keep(numbered)
        self.refresh()
        return numbered

    def add(self, connection: "Connection", model: Model) -> Model:
        """`register` in a transaction of the caller's, who calls `refresh` once it has ended."""
        from service.registry import queries

        return queries.add_version(connection, model)

    def refresh(self) -> None:
        """Learns what was stored, as far as the database can be used now."""
        with suppress(XentError):  # the poll will see it
            self._mirror.refresh()

    def artifact(self, name: str, version: int | str | None = None) -> tuple[bytes, str]:
        """The file of a version and its SHA-256, in hexadecimal digits.

        Raises:
            NotFound, Unavailable, WouldWait: as in `find`.
        """
        from service.registry import queries

        if name in self._shipped:
            data = to_bytes(self.find(name, version))
            return data, hashlib.sha256(data).hexdigest()
        entry = self._mirror.entry(name)
        number = entry.number(version)
        with self.store.reading() as connection:
            found = None if number is None else queries.artifact_of(connection, name, number)
        if found is None:
            raise unknown_version(name, entry.latest)
        return queries.intact(*found), found[1]
