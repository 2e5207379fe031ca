"""One relational database, SQLite or PostgreSQL: its transactions, and its faults as ours."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from service.errors import Code, StoreFull, Unavailable, XentError
from service.registry.migrations import migrate

BUSY_SECONDS = 20
"""How long a write waits for those of other processes."""

SQLITE_FULL = 13
DISK_FULL = "53100"
# A connection that was cut without a word is found out within seconds, and no lock outlives its
# holder: a replica that hangs must not stop the others.
POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 3,
    "target_session_attrs": "read-write",
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,
    "options": "-c statement_timeout=5000 -c lock_timeout=5000"
    " -c idle_in_transaction_session_timeout=10000",
}


class Database:
    """Opens when it is first used, and again after whatever broke it.

    Args:
        url: of a SQLite file or of a PostgreSQL database.
    """

    def __init__(self, url: str) -> None:
        self._url = made = make_url(url)
        self._lock = threading.Lock()
        self._migrated = False
        self.engine = _sqlite(made) if made.get_backend_name() == "sqlite" else _postgresql(made)
        self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            Unavailable: the database cannot be reached, or is broken.
        """
        with _faults():
            self._prepare()
            with self.engine.begin() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; what it did lasts when the block has ended without an error.

        Raises:
            Unavailable: as in `reading`; whether the writes were made is then not known.
            StoreFull: the disk is full; nothing was written.
        """
        with _faults():
            self._prepare()
            # of the threads of this process the first to come goes first: SQLite has no queue
            with self._lock, self._writer.begin() as connection:
                yield connection

    def close(self) -> None:
        """Gives its connections back."""
        self.engine.dispose()

    def _prepare(self) -> None:
        if self._migrated:
            return
        with self._lock:
            if not self._migrated:
                file = self._url.database
                if self.engine.dialect.name == "sqlite" and file is not None:
                    Path(file).parent.mkdir(parents=True, exist_ok=True)
                migrate(self.engine, self._writer)
                self._migrated = True


def _sqlite(url: URL) -> Engine:
    # A connection costs a fifth of a millisecond, and one that saw a disk fail is never used again.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin as below, not when Python thinks so
        cursor = connection.cursor()
        # The write-ahead log of SQLite before 3.51.3 can lose it all: docs/decisions/0008.
        cursor.execute("PRAGMA journal_mode=TRUNCATE")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # One that reads first and writes later fails when another wrote in between.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _postgresql(url: URL) -> Engine:
    arguments = {key: value for key, value in POSTGRESQL.items() if key not in url.query}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=3,
        pool_recycle=1800,
    )


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (exc.IntegrityError, exc.ProgrammingError, exc.DataError):
        raise  # ours
    except exc.DBAPIError as error:
        raise _fault(error.orig) from error
    except (exc.TimeoutError, OSError) as error:
        raise _fault(error) from error


def _fault(error: BaseException | None) -> XentError:
    """Never the text of the error: it may hold the address, or what was to be written."""
    code = getattr(error, "sqlite_errorcode", None)
    full = (
        (code is not None and code & 0xFF == SQLITE_FULL)
        or getattr(error, "sqlstate", None) == DISK_FULL
        or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    )
    if full:
        return StoreFull(Code.STORE_FULL, "the disk of the store is full; nothing was stored")
    text = (
        "the store cannot be used now, or did not confirm the change, which may not have been "
        f"made ({getattr(error, 'sqlite_errorname', type(error).__name__)}); scoring goes on"
    )
    return Unavailable(Code.STORE_UNAVAILABLE, text)
