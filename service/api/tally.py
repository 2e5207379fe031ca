"""Requests counted in plain numbers, until they are told to the library of Prometheus."""

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BYTES = (256, 1024, 4096, 16384, 65536, 262144, 2**20, 2**22, 2**24, 2**25, 2**28)


class Observed:
    """Amounts since they were last told, by the bucket whose upper bound is the first not below.

    Args:
        bounds: of all buckets but the last, which has none.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, amount: float) -> None:
        """Counts one."""
        self.counts[bisect_left(self.bounds, amount)] += 1
        self.total += amount


class SummedHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, observed: Observed) -> None:
        """Adds them; as `observe` would, one by one."""
        self._sum.inc(observed.total)
        for bucket, count in zip(self._buckets, observed.counts, strict=True):
            if count:
                bucket.inc(count)


class Tally:
    """The answers of one method, route and status since they were last told."""

    __slots__ = ("received", "seconds", "sent")

    def __init__(self) -> None:
        self.seconds = Observed(SECONDS)
        self.received, self.sent = Observed(BYTES), Observed(BYTES)
