"""Who changed what, and when: written in the transaction of the change itself."""

import json
from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.registry.clock import now
from service.registry.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is at work.

    Attributes:
        principal: the id of a key, `anonymous`, or `local`: whoever can open the database itself.
        request: the id of the request; None where it is none.
    """

    principal: str
    request: str | None


_LOCAL = Actor("local", None)
ACTOR: ContextVar[Actor] = ContextVar("actor", default=_LOCAL)
"""Who is at work in this context; the server sets it when it has authorised a request."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log.

    Attributes:
        change: the number of the change, which orders all of them.
        at: when, in microseconds since 1970.
        principal: who, as in `Actor`.
        request: the id of the request, if there was one.
        action: what was done, such as `key.create`.
        subject: to what, as a path below /v1.
        detail: the values of the change; nothing secret.
    """

    change: int
    at: int
    principal: str
    request: str | None
    action: str
    subject: str
    detail: dict[str, Any]


def record(connection: "Connection", change: int, action: str, subject: str, **detail: Any) -> None:
    """Writes a line in the transaction of a change.

    Args:
        connection: of the transaction.
        change: its number; a change has one line.
        action: what is done.
        subject: to what.
        detail: the values of the change; nothing secret.
    """
    from sqlalchemy import insert

    from service.registry.schema import audit

    actor = ACTOR.get()
    line = {
        "change": change,
        "at": now(),
        "principal": actor.principal,
        "request": actor.request,
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail, sort_keys=True),
    }
    connection.execute(insert(audit), line)


def entries(store: Store, before: int | None, limit: int) -> list[Entry]:
    """Lines of the log, the newest first.

    Args:
        store: that has the log.
        before: only changes of a lower number.
        limit: of the lines.

    Raises:
        Unavailable: the database cannot be used now.
        WouldWait: in the thread of a server's loop.
    """
    if not store.exists:
        return []
    from sqlalchemy import select

    from service.registry.schema import audit

    statement = select(audit).order_by(audit.c.change.desc()).limit(limit)
    if before is not None:
        statement = statement.where(audit.c.change < before)
    return _read(store, statement)


def lines_of(store: Store, changes: Collection[int]) -> dict[int, Entry]:
    """The lines of some changes, as far as there are any; raises as `entries` does."""
    if not changes or not store.exists:
        return {}
    from sqlalchemy import select

    from service.registry.schema import audit

    found = _read(store, select(audit).where(audit.c.change.in_(changes)))
    return {entry.change: entry for entry in found}


def _read(store: Store, statement: "Select[Any]") -> list[Entry]:
    with store.reading() as connection:
        found = connection.execute(statement).all()
    return [Entry(**row._asdict() | {"detail": json.loads(row.detail)}) for row in found]
