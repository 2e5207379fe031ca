"""PostgreSQL through psycopg: connections that are checked, and that do not wait for ever."""

from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import Any

from psycopg import Connection, Error, InternalError, OperationalError
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.engine import URL

REST_SECONDS = 1.0
"""After so long a rest a connection of the pool is asked whether it is there."""

PING_SECONDS = 1.0
"""How long it may take to answer before another one is opened."""

ANSWER_SECONDS = 6.0
"""How long a statement may take: a second more than the server itself allows."""

# A connection that was cut without a word is found out within seconds, and no lock outlives its
# holder: a replica that hangs must not stop the others.
ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 3,
    "target_session_attrs": "read-write",
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,
    "options": "-c statement_timeout=5000 -c lock_timeout=5000"
    " -c idle_in_transaction_session_timeout=10000",
}


class Impatient(Connection[Any]):
    """A connection that is given up when its server keeps silent.

    A server that is stopped, or a proxy that holds the line, goes on acknowledging what is sent,
    so that none of TCP's own timeouts ends the wait.

    Attributes:
        patience: seconds that it waits for an answer.
        used: when it was given back to the pool.
    """

    patience = ANSWER_SECONDS
    used = 0.0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """What the server answers."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except (OperationalError, InternalError):
            self.close()  # like a file that saw a disk fail: the pool opens another one
            raise

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """One whose results come as they are: files would come as hexadecimal digits."""
        return super().cursor(*arguments, **{"binary": True, **options})

    def has_been_ended(self) -> bool:
        """Whether it is closed, or the server has spoken unasked, as it does when it ends it."""
        if self.closed:
            return True
        with DefaultSelector() as line:
            line.register(self.fileno(), EVENT_READ)
            return bool(line.select(0))


def postgresql(url: URL) -> Engine:
    """The engine of a PostgreSQL database.

    Args:
        url: whose query may set what `ARGUMENTS` does.
    """
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={key: value for key, value in ARGUMENTS.items() if key not in url.query},
        pool_size=4,
        max_overflow=4,
        pool_timeout=3,
        pool_recycle=1800,
        pool_use_lifo=True,  # the one that has the statements prepared, and need not be asked
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Impatient:
        return Impatient.connect(*arguments, **options)

    @event.listens_for(engine, "checkout")
    def check(connection: Impatient, record: Any, proxy: Any) -> None:
        if connection.used == 0:  # new
            return
        rested = monotonic() - connection.used > REST_SECONDS
        if connection.has_been_ended() or (rested and not _answers(engine, connection)):
            raise exc.InvalidatePoolError  # the pool opens another one

    @event.listens_for(engine, "checkin")
    def leave(connection: Impatient | None, record: Any) -> None:
        if connection is not None:
            connection.used = monotonic()

    return engine


def _answers(engine: Engine, connection: Impatient) -> bool:
    connection.patience = PING_SECONDS
    try:
        return engine.dialect.do_ping(connection)  # type: ignore[arg-type]
    except Error:
        return False
    finally:
        connection.patience = ANSWER_SECONDS
