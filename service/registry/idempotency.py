"""Which requests have had their effect, by the keys that their clients gave them.

Every function works in the transaction it is given. A row is a claim while its answer is NULL, and
then the answer; either counts until `until`. The answer is written in the transaction of the
effect, so that there is one exactly where there is the other.
"""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, select, text, tuple_, update

from service.errors import Code, Conflict, InvalidInput
from service.registry.clock import now
from service.registry.schema import attempts

SWEPT = 1000
"""Rows that one call of `sweep` removes at most, so that writers do not wait for it."""

_INSERT = text(
    "INSERT INTO attempts (principal, key, request, token, until) "
    "VALUES (:principal, :key, :request, :token, :until) ON CONFLICT DO NOTHING"
)
_OWN = (attempts.c.principal == bindparam("whose")) & (attempts.c.key == bindparam("of_key"))
_CLAIMED = _OWN & (attempts.c.token == bindparam("own_token")) & attempts.c.answer.is_(None)
_DELETE_OLD = delete(attempts).where(_OWN, attempts.c.until <= bindparam("moment"))
_FIND = select(attempts.c.request, attempts.c.token, attempts.c.answer).where(_OWN)
_SET = update(attempts).where(_OWN)
_RENEW = update(attempts).where(_CLAIMED)
_RELEASE = delete(attempts).where(_CLAIMED)


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
    connection.execute(_DELETE_OLD, {**own, "moment": now()})
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
    row = connection.execute(_FIND, own).one_or_none()
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
    connection.execute(_RENEW, {**_claimed(attempt), "until": _after(seconds)})


def release(connection: Connection, attempt: Attempt) -> None:
    """Gives up the claim of an attempt that had no effect."""
    connection.execute(_RELEASE, _claimed(attempt))


def keep(connection: Connection, attempt: Attempt, answer: bytes, seconds: float) -> None:
    """Leaves the answer of an attempt, which has claimed the key in this transaction."""
    connection.execute(_SET, {**_own(attempt), "answer": answer, "until": _after(seconds)})


def sweep(connection: Connection) -> int:
    """Removes rows that count no more; returns how many."""
    old = select(attempts.c.principal, attempts.c.key).where(attempts.c.until <= now())
    rows = tuple_(attempts.c.principal, attempts.c.key).in_(old.limit(SWEPT))
    return connection.execute(delete(attempts).where(rows)).rowcount


def _own(attempt: Attempt) -> dict[str, str]:
    return {"whose": attempt.principal, "of_key": attempt.key}


def _claimed(attempt: Attempt) -> dict[str, str]:
    return {**_own(attempt), "own_token": attempt.token}


def _after(seconds: float) -> int:
    return now() + round(1e6 * seconds)
