"""One relational database, SQLite or PostgreSQL: its transactions, and its faults as ours."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.engine import URL, make_url

from service.errors import Code, StoreFull, Unavailable, XentError
from service.registry.migrations import migrate

WAIT_SECONDS = 20
"""How long a write waits for those of other threads, and with SQLite of other processes."""

SQLITE_FULL = 13
DISK_FULL = "53100"


class Database:
    """Opens when it is first used, and again after whatever broke it.

    Args:
        url: of a SQLite file or of a PostgreSQL database.
    """

    def __init__(self, url: str) -> None:
        self._url = made = make_url(url)
        self._lock = threading.Lock()
        self._migrated = False
        self.engine = _engine(made)
        self._reader = self.engine
        if self.engine.dialect.name == "postgresql":  # those of SQLite are so anyway
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; all its statements see the state that the first one saw.

        Raises:
            Unavailable: the database cannot be reached, or is broken.
        """
        with _faults():
            self._prepare()
            with _transaction(self._reader) as connection:
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
            with self._turn(), _transaction(self._writer) as connection:
                yield connection

    def close(self) -> None:
        """Gives its connections back."""
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Of the threads of this process the first to come goes first: SQLite has no queue."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise TimeoutError
        try:
            yield
        finally:
            self._lock.release()

    def _prepare(self) -> None:
        if self._migrated:
            return
        with self._turn():
            if not self._migrated:
                file = self._url.database
                if self.engine.dialect.name == "sqlite" and file is not None:
                    Path(file).parent.mkdir(parents=True, exist_ok=True)
                migrate(self.engine, self._writer)
                self._migrated = True


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """A connection to SQLite is used again only after a success; psycopg's know when they broke."""
    with engine.connect() as connection:
        try:
            with connection.begin():
                yield connection
        except BaseException:
            if connection.dialect.name == "sqlite":
                connection.invalidate()
            raise


def _engine(url: URL) -> Engine:
    """The engine of either kind; a driver is imported where it is asked for."""
    if url.get_backend_name() == "sqlite":
        from service.registry.sqlite import sqlite

        return sqlite(url, WAIT_SECONDS)
    from service.registry.postgresql import postgresql

    return postgresql(url)


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
    reason = getattr(error, "sqlite_errorname", type(error).__name__)
    text = (
        "the store, of XENT_DATA_DIR or XENT_DATABASE_URL, cannot be used now, or did not confirm "
        f"the change, which may not have been made ({reason}); scoring goes on"
    )
    return Unavailable(Code.STORE_UNAVAILABLE, text)
