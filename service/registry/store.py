"""The way to the database: opened when it is first needed, and never by the loop of a server."""

import asyncio
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.registry.database import Database


class WouldWait(Exception):
    """What was asked needs the database, for which the loop of a server must not wait.

    Nothing was done: the same call in another thread does it.
    """


class Store:
    """What lasts; may be used by several threads.

    Args:
        url: of the database. A SQLite file is made when something is first kept.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def exists(self) -> bool:
        """Whether there is anything to read: there may be no SQLite file yet.

        One that may not be looked at counts, so that who reads it is told why it cannot be read:
        taken for one that is not there, it would open a server that has keys.
        """
        try:
            if self._file is not None:
                self._file.stat()
        except OSError as error:
            return not isinstance(error, FileNotFoundError | NotADirectoryError)
        return True

    def reading(self) -> "AbstractContextManager[Connection]":
        """A transaction that only reads; all its statements see the state that the first one saw.

        Raises:
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        not_in_a_loop()
        return self._database.reading()

    def writing(self) -> "AbstractContextManager[Connection]":
        """A transaction that writes; what it did lasts when the block has ended without an error.

        Raises:
            StoreFull: the disk is full; nothing was written.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: in the thread of a server's loop.
        """
        not_in_a_loop()
        return self._database.writing()

    def end(self) -> None:
        """Gives the connections back."""
        if "_database" in self.__dict__:
            self._database.close()

    @cached_property
    def _file(self) -> Path | None:
        """The SQLite file, without which there is nothing to read."""
        prefix = "sqlite:///"
        return Path(self._url.removeprefix(prefix)) if self._url.startswith(prefix) else None

    @cached_property
    def _database(self) -> "Database":
        # a third of a second to import, which a server that only scores does not spend
        from service.registry.database import Database

        return Database(self._url)


def not_in_a_loop() -> None:
    """Refuses to be called where waiting would hold up a server.

    Raises:
        WouldWait: in the thread of a loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WouldWait
