"""PostgreSQL through psycopg: connections that are checked, and that do not wait for ever."""

from typing import Any

from psycopg import Connection, InternalError, OperationalError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

PING_SECONDS = 1.0
"""How long a connection of the pool may take to answer before another one is opened."""

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
    """

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """What the server answers; the pool's question whether it is there comes in autocommit."""
        patience = PING_SECONDS if self.autocommit else ANSWER_SECONDS
        try:
            return super().wait(gen, interval, patience if timeout is None else timeout)
        except (OperationalError, InternalError):
            self.close()  # like a file that saw a disk fail: the pool opens another one
            raise


def postgresql(url: URL) -> Engine:
    """The engine of a PostgreSQL database.

    Args:
        url: whose query may set what `ARGUMENTS` does.
    """
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={key: value for key, value in ARGUMENTS.items() if key not in url.query},
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=3,
        pool_recycle=1800,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Impatient:
        return Impatient.connect(*arguments, **options)

    return engine
