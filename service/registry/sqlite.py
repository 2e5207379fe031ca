"""SQLite through Python: a rollback journal, and a connection that is kept while all goes well."""

import os
import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool

PRAGMAS = (
    # The write-ahead log of SQLite before 3.51.3 can lose it all: docs/decisions/0008.
    "journal_mode=TRUNCATE",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is purged is overwritten
)


class Kept(sqlite3.Connection):
    """A connection that knows its file, and how it left it.

    Attributes:
        file: device and number of the file, taken before it was opened: of one that was put in its
            place meanwhile it would take the old for the new.
        left: as `file`, and when it was last written, at the end of the last transaction.
    """

    def __init__(self, database: str, *arguments: Any, **options: Any) -> None:
        self.file = _state(database)[:2]
        self.left: tuple[int, ...] | None = None
        super().__init__(database, *arguments, **options)


def sqlite(url: URL, wait: float) -> Engine:
    """The engine of a SQLite file.

    A connection is used again only after a success, and only while nobody else has written to the
    file or put another in its place: SQLite tells a changed file by a counter, which in a copy that
    was put back comes by the same numbers again.

    Args:
        url: of the file.
        wait: seconds that a transaction waits for those of other processes.
    """
    file = url.database or ""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        connect_args={"timeout": wait, "factory": Kept},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Kept, record: Any) -> None:
        connection.isolation_level = None  # transactions begin as below, not when Python thinks so
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()  # the pool has not got hold of it yet
            raise

    @event.listens_for(engine, "checkout")
    def check(connection: Kept, record: Any, proxy: Any) -> None:
        if connection.left is not None and connection.left != _state(file):
            raise exc.DisconnectionError  # the pool opens another one

    @event.listens_for(engine, "checkin")
    def leave(connection: Kept | None, record: Any) -> None:
        if connection is not None:
            connection.left = (*connection.file, *_state(file)[2:])

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # One that reads first and writes later fails when another wrote in between.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _state(file: str) -> tuple[int, ...]:
    """Device, number, last change and size of a file; all 0 of one that is not there."""
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0, 0, 0
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
