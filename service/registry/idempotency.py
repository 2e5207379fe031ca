"""Which requests have had their effect, by the keys that their clients gave them.

Every function works in the transaction it is given. A row is a claim while its answer is NULL, and
then the answer; either counts until `until`. The answer is written in the transaction of the
effect, so that there is one exactly where there is the other.
"""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, delete, select, text, tuple_, update

from service.errors import Code, Conflict, InvalidInput
from service.registry.clock import now
from service.registry.schema import attempts

SWEPT = 1000
"""Rows that one call of `sweep` removes at most, so that writers do not wait for it."""

_INSERT = text(
    "INSERT INTO attempts (principal, key, request, token, until) "
    "VALUES (:principal, :key, :request, :token, :until) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of the requests with a key.

    Attributes:
        principal: whose key it is.
        key: as the client sent it.
        request: SHA-256 of what is asked, in hexadecimal digits.
        token: of this attempt alone.
    """

    principal: str
    key: str
    request: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


def claim(connection: Connection, attempt: Attempt, seconds: float) -> bytes | None:
    """Takes the key for an attempt, or gives the answer that an earlier one has left.

    Of several transactions that claim a key at one time, one goes on and the others wait for it.

    Args:
        connection: of the transaction.
        attempt: which may have claimed the key before.
        seconds: that the claim counts for.

    Raises:
        InvalidInput: the key was given to another request.
        Conflict: another attempt is at work.
    """
    own = _own(attempt)
    connection.execute(delete(attempts).where(own, attempts.c.until <= now()))
    connection.execute(
        _INSERT,
        {
            "principal": attempt.principal,
            "key": attempt.key,
            "request": attempt.request,
            "token": attempt.token,
            "until": _after(seconds),
        },
    )
    columns = attempts.c.request, attempts.c.token, attempts.c.answer
    row = connection.execute(select(*columns).where(own)).one_or_none()
    if row is not None and row.request != attempt.request:
        detail = "this Idempotency-Key was sent with another request; take a new one for this"
        raise InvalidInput.at("", Code.IDEMPOTENCY_KEY_REUSED, detail)
    if row is not None and row.answer is not None:
        return bytes(row.answer)
    if row is None or row.token != attempt.token:
        detail = "the first request with this Idempotency-Key is still at work; ask again soon"
        raise Conflict(Code.ATTEMPT_RUNNING, detail)
    return None


def renew(connection: Connection, attempt: Attempt, seconds: float) -> None:
    """Lets the claim of an attempt count for longer."""
    connection.execute(update(attempts).where(_claimed(attempt)).values(until=_after(seconds)))


def release(connection: Connection, attempt: Attempt) -> None:
    """Gives up the claim of an attempt that had no effect."""
    connection.execute(delete(attempts).where(_claimed(attempt)))


def keep(connection: Connection, attempt: Attempt, answer: bytes, seconds: float) -> None:
    """Leaves the answer of an attempt, which has claimed the key in this transaction."""
    values = {"answer": answer, "until": _after(seconds)}
    connection.execute(update(attempts).where(_own(attempt)).values(**values))


def sweep(connection: Connection) -> int:
    """Removes rows that count no more; returns how many."""
    old = select(attempts.c.principal, attempts.c.key).where(attempts.c.until <= now())
    rows = tuple_(attempts.c.principal, attempts.c.key).in_(old.limit(SWEPT))
    return connection.execute(delete(attempts).where(rows)).rowcount


def _own(attempt: Attempt) -> ColumnElement[bool]:
    return (attempts.c.principal == attempt.principal) & (attempts.c.key == attempt.key)


def _claimed(attempt: Attempt) -> ColumnElement[bool]:
    return _own(attempt) & (attempts.c.token == attempt.token) & attempts.c.answer.is_(None)


def _after(seconds: float) -> int:
    return now() + round(1e6 * seconds)
