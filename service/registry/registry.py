"""Versions of models: kept in a database, found in memory."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from service.classifier import Model, to_bytes
from service.errors import Code, Conflict, XentError
from service.registry.aliases import Aliases, unknown_version
from service.registry.lists import Lists
from service.registry.memory import SHIPPED
from service.registry.mirror import Mirror, unknown_model
from service.registry.store import Store
from service.registry.version import Version

if TYPE_CHECKING:
    from sqlalchemy import Connection


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
        self._shipped = {name: Version.shipped(model) for name, model in shipped.items()}
        self.store = Store(url)
        self._mirror = Mirror(self.store, capacity)
        self.aliases = Aliases(self.store, self._mirror, self._check_shipped)
        self.lists = Lists(self.store, self._mirror, self._shipped)

    def start(self, ready: Callable[[], object] = lambda: None) -> None:
        """Reads what there is, and from then on follows what other processes change.

        A database that cannot be used now is no error: the models that ship are served.

        Args:
            ready: is called, in another thread, once what aliases stand for is in memory.
        """
        self._mirror.start(ready)

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
        return self.version(name, version).model

    def version(self, name: str, version: int | str | None = None) -> Version:
        """One version of a model and what is known of its file; as `find`."""
        if name in self._shipped:
            number = SHIPPED.number(version)
            if number is None:
                raise unknown_version(name, 1)
            return self._shipped[name]
        entry = self._mirror.entry(name)
        number = entry.number(version)
        if number is None:
            raise unknown_version(name, entry.newest)
        found = self._mirror.version(name, number)
        if found is None:
            raise unknown_version(name, entry.newest)
        return found

    def check(self, name: str) -> None:
        """Refuses a name that nothing can be registered under.

        Raises:
            Conflict: a model that ships has it, or one that is deleted.
        """
        self._check_shipped(name)
        if self._mirror.is_deleted(name):
            from service.registry import queries

            raise queries.deleted_model(name)

    def register(self, model: Model) -> Model:
        """Keep a model as the next version of its name.

        Args:
            model: whose version is not looked at.

        Returns:
            The model with its version; from then on it outlives a crash.

        Raises:
            Conflict: a model that ships has its name, or one that is deleted.
            StoreFull: the disk is full.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: in the thread of a server's loop.
        """
        self.check(model.name)
        with self.store.writing() as connection:
            added = self.add(connection, model)
        self.learn(added)
        return added.model

    def add(self, connection: "Connection", model: Model) -> Version:
        """`register` in a transaction of the caller's, who calls `learn` once it has ended."""
        from service.registry import queries

        return queries.add_version(connection, model)

    def learn(self, added: Version) -> None:
        """Keeps in memory what `add` has stored, so that it is not read again."""
        self._mirror.keep(added)
        self._refresh()

    def _refresh(self) -> None:
        """Learns what was stored, as far as the database can be used now."""
        with suppress(XentError):  # the poll will see it
            self._mirror.refresh()

    def artifact(self, name: str, version: int | str | None = None) -> tuple[bytes, str]:
        """The file of a version and its SHA-256, in hexadecimal digits.

        Raises:
            NotFound, Unavailable, WouldWait: as in `find`.
            Damaged: the file is not the one that was stored.
        """
        from service.registry import queries

        if name in self._shipped:
            shipped = self.version(name, version)
            return to_bytes(shipped.model), shipped.digest
        entry = self._mirror.entry(name)
        number = entry.number(version)
        with self.store.reading() as connection:
            found = None if number is None else queries.artifact_of(connection, name, number)
        if number is None or found is None:
            raise unknown_version(name, entry.newest)
        artifact, digest, _ = found
        return self._mirror.checked(name, number, artifact, digest), digest

    def delete(self, name: str, number: int | None = None) -> None:
        """Serve and list a version no longer, or a whole model; both can be restored.

        Args:
            name: of the model.
            number: of the version; None is the model with all of them and its aliases.

        Raises:
            Conflict: the model ships, or an alias stands for the version.
            NotFound: there is no such thing.
            StoreFull, Unavailable, WouldWait: as in `register`.
        """
        from service.registry import deletion

        self._remove(deletion.delete_model, deletion.delete_version, name, number)

    def restore(self, name: str, number: int | None = None) -> None:
        """Undo `delete`; what is not deleted stays as it is.

        Raises:
            Conflict: the model ships.
            NotFound, StoreFull, Unavailable, WouldWait: as in `delete`.
        """
        from service.registry import deletion

        self._remove(deletion.restore_model, deletion.restore_version, name, number)

    def purge(self, name: str, number: int | None = None) -> None:
        """Remove the bytes of what is deleted for good; its numbers are never given out again.

        Raises:
            Conflict: the model ships, or it is not deleted.
            NotFound, StoreFull, Unavailable, WouldWait: as in `delete`.
        """
        from service.registry import deletion

        self._remove(deletion.purge_model, deletion.purge_version, name, number)

    def _remove(
        self,
        of_model: "Callable[[Connection, str], None]",
        of_version: "Callable[[Connection, str, int], None]",
        name: str,
        number: int | None,
    ) -> None:
        self._check_shipped(name)
        if not self.store.exists:  # and is not made for this
            raise unknown_model()
        with self.store.writing() as connection:
            if number is None:
                of_model(connection, name)
            else:
                of_version(connection, name, number)
        self._refresh()

    def _check_shipped(self, name: str) -> None:
        if name in self._shipped:
            text = f"{name} is a model that ships, which stays as it is; take another name"
            raise Conflict(Code.SHIPPED_MODEL, text)
