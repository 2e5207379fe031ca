"""Moments as the database has them, and as they are written for people and programs."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def microseconds_of(moment: datetime) -> int:
    """Microseconds since 1970 of a moment with a time zone; negative before."""
    return (moment - _EPOCH) // _MICROSECOND


def written(microseconds: int) -> str:
    """A moment as RFC 3339 writes it, in UTC and always to the microsecond.

    Args:
        microseconds: since 1970.
    """
    moment = _EPOCH + microseconds * _MICROSECOND
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
