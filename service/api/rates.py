"""Quotas of keys, by the minute, in this process.

Source: draft-ietf-httpapi-ratelimit-headers-10, for the two headers.
"""

from math import ceil, floor
from time import monotonic

from starlette.types import Scope

from service.errors import TooMany
from service.registry import Key

WINDOW = 60


class Quota:
    """A bucket that is filled evenly, within a minute, and spent from.

    Args:
        size: how much it holds.
        now: on a clock that never goes back, in seconds.
    """

    def __init__(self, size: int, now: float) -> None:
        self.size = size
        self._left = float(size)
        self._at = now

    def left(self, now: float) -> float:
        """What it holds; less than nothing where more was spent than there was."""
        passed, self._at = now - self._at, now
        self._left = min(self.size, self._left + passed * self.size / WINDOW)
        return self._left

    def spend(self, units: int) -> None:
        """Takes out, also what is not there."""
        self._left -= units

    def seconds_until(self, units: float) -> int:
        """When it will hold so much, as of the last look."""
        return ceil(max(0.0, units - self._left) * WINDOW / self.size)


class Rate:
    """The quotas of one key: requests are spent as they come, rows as they are scored.

    How many rows a request has is known when it is parsed: it is let in while there is any quota of
    rows left, and the next ones wait for what it was over.
    """

    def __init__(self, key: Key, now: float) -> None:
        sizes = {"requests": key.requests_per_minute, "rows": key.rows_per_minute}
        self._quotas = {name: Quota(size, now) for name, size in sizes.items() if size is not None}
        policies = [
            f'"{name}";q={quota.size};w={WINDOW}' + (';qu="rows"' if name == "rows" else "")
            for name, quota in self._quotas.items()
        ]
        self._policy = ", ".join(policies).encode()

    def enter(self) -> None:
        """Lets a request in and counts it.

        Raises:
            TooMany: a quota is used up.
        """
        now = monotonic()
        for name, quota in self._quotas.items():
            if quota.left(now) < 1:
                text = f"the key has used up its {quota.size} {name} of a minute"
                raise TooMany(text, max(1, quota.seconds_until(1)))
        if "requests" in self._quotas:
            self._quotas["requests"].spend(1)

    def score(self, rows: int) -> None:
        """Counts the rows of a request that was let in."""
        if "rows" in self._quotas:
            self._quotas["rows"].spend(rows)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What is left, for the answer."""
        now = monotonic()
        shown = [
            f'"{name}";r={max(0, floor(quota.left(now)))};t={quota.seconds_until(quota.size)}'
            for name, quota in self._quotas.items()
        ]
        return [(b"ratelimit-policy", self._policy), (b"ratelimit", ", ".join(shown).encode())]


class Rates:
    """The rates of all keys that have one; only the loop of the server uses it."""

    def __init__(self) -> None:
        self._rates: dict[str, Rate] = {}

    def of(self, key: Key) -> Rate | None:
        """The rate of a key, if it has one."""
        if key.requests_per_minute is None and key.rows_per_minute is None:
            return None
        rate = self._rates.get(key.id)
        if rate is None:
            rate = self._rates[key.id] = Rate(key, monotonic())
        return rate


def count_rows(scope: Scope, rows: int) -> None:
    """Counts rows that a request had scored, where its key has a rate."""
    rate: Rate | None = scope["state"].get("rate")
    if rate is not None:
        rate.score(rows)
