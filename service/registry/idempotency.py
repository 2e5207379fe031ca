"""Which requests have had their effect, by the keys that their clients gave them.

Every function works in the transaction it is given. A row is a claim while its answer is NULL, and
then the answer; either counts until `until`. The answer is written in the transaction of the
effect, so that there is one exactly where there is the other.
"""

from sqlalchemy import Connection, bindparam, delete, select, text, tuple_, update

from service.errors import Code, Conflict, InvalidInput, XentError
from service.registry.attempt import Attempt
from service.registry.clock import now
from service.registry.schema import attempts

SWEPT = 1000
"""Rows that one call of `sweep` removes at most, so that writers do not wait for it."""

# In one statement a key is taken that nobody has, whose row counts no more, or that is one's own.
_CLAIM = text(
    "INSERT INTO attempts (principal, key, request, token, until) "
    "VALUES (:principal, :key, :request, :token, :until) ON CONFLICT (principal, key) DO UPDATE "
    "SET request = :request, token = :token, until = :until, answer = NULL "
    "WHERE attempts.until <= :moment OR (attempts.answer IS NULL AND attempts.token = :token) "
    "RETURNING token"
)
_OWN = (attempts.c.principal == bindparam("whose")) & (attempts.c.key == bindparam("of_key"))
_CLAIMED = _OWN & (attempts.c.token == bindparam("own_token")) & attempts.c.answer.is_(None)
_FIND = select(attempts.c.request, attempts.c.answer).where(
    _OWN, attempts.c.until > bindparam("moment")
)
_SET = update(attempts).where(_OWN)
_RELEASE = delete(attempts).where(_CLAIMED)


def claim(connection: Connection, attempt: Attempt, seconds: float) -> bytes | None:
    """Takes the key for an attempt, also again, or gives the answer that an earlier one has left.

    Of several transactions that claim a key at one time, one goes on and the others wait for it.

    Args:
        connection: of the transaction.
        attempt: which may have claimed the key before.
        seconds: that the claim counts for.

    Raises:
        InvalidInput: the key was given to another request.
        Conflict: another attempt is at work.
    """
    moment = now()
    row = {
        "principal": attempt.principal,
        "key": attempt.key,
        "request": attempt.request,
        "token": attempt.token,
        "until": _after(seconds),
    }
    if connection.execute(_CLAIM, {**row, "moment": moment}).one_or_none() is not None:
        return None
    answer = look(connection, attempt, moment)
    if answer is None:  # the row is gone since
        raise refusal(attempt, attempt.request)
    return answer


def look(connection: Connection, attempt: Attempt, moment: int | None = None) -> bytes | None:
    """The answer that an earlier attempt has left; None where none is at work either.

    Args:
        connection: of the transaction.
        attempt: which has not claimed the key.
        moment: that rows have to count for, in microseconds since 1970; now without.

    Raises:
        InvalidInput, Conflict: as in `claim`.
    """
    moment = now() if moment is None else moment
    row = connection.execute(_FIND, {**_own(attempt), "moment": moment}).one_or_none()
    if row is None:
        return None
    if row.answer is None or row.request != attempt.request:
        raise refusal(attempt, row.request)
    return bytes(row.answer)


def refusal(attempt: Attempt, request: str) -> XentError:
    """The error of an attempt where another one has its key, for what `request` is of."""
    if request != attempt.request:
        detail = "this Idempotency-Key was sent with another request; take a new one for this"
        return InvalidInput.at("", Code.IDEMPOTENCY_KEY_REUSED, detail)
    detail = "the first request with this Idempotency-Key is still at work; ask again soon"
    return Conflict(Code.ATTEMPT_RUNNING, detail)


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
