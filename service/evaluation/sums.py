"""Exact sums of float64 values, one for each group, that merge in any order to the same value.

A float64 is an integer times a power of two, and integers add without rounding. NumPy adds the
integers of equal group and exponent, Python's integers take over from there.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from service.numerics.errorfree import two_product

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

# Sums of 2**20 pieces below 2**27 stay below 2**53, where float64 still counts exactly.
CHUNK = 1 << 20
# Above this many pairs of group and exponent, sorting the pairs costs less than a table of them.
TABLE = 1 << 20


class ExactSums:
    """The exact sums of `size` groups.

        value of group g = integers[g] * 2**exponent, and infinite if an infinity was added to it

    Args:
        size: the number of groups; groups are numbered from 0.
    """

    __slots__ = ("exponent", "infinite", "integers", "size")
    __hash__ = None  # type: ignore[assignment]  # a sum changes

    def __init__(self, size: int) -> None:
        self.size = size
        self.exponent = 0
        self.integers: defaultdict[int, int] = defaultdict(int)
        self.infinite: defaultdict[int, int] = defaultdict(int)

    def count(self, groups: Groups) -> None:
        """Adds 1 to the group of each row.

        Args:
            groups: (n,) group numbers.
        """
        found, counts = _counted(groups, self.size)
        for group, count in zip(found, counts, strict=True):
            self.integers[group] += count << -self.exponent

    def add(self, groups: Groups, values: Array, weights: Array | None = None) -> None:
        """Adds to the group of each row its value, times its weight where weights are given.

        Args:
            groups: (n,) group numbers.
            values: (n,) numbers >= 0, `inf` allowed.
            weights: (n,) finite numbers > 0; the products are exact and cannot overflow.
        """
        for start in range(0, groups.size, CHUNK):
            part = slice(start, start + CHUNK)
            self._add_chunk(groups[part], values[part], None if weights is None else weights[part])

    def merge(self, other: "ExactSums") -> None:
        """Adds the sums of another object of the same size."""
        self._reach(other.exponent)
        shift = other.exponent - self.exponent
        for group, integer in other.integers.items():
            self.integers[group] += integer << shift
        for group, count in other.infinite.items():
            self.infinite[group] += count

    def scaled(self, exponent: int) -> list[int]:
        """The finite parts of all groups as integers: the sums divided by 2**exponent.

        Args:
            exponent: at most that of these sums.
        """
        shift = self.exponent - exponent
        totals = [0] * self.size
        for group, integer in self.integers.items():
            totals[group] = integer << shift
        return totals

    def to_json(self) -> dict[str, Any]:
        """The sums in the one form that equal sums share, whatever led to them."""
        return {
            "size": self.size,
            "sums": [
                [group, *_canonical(integer, self.exponent)]
                for group, integer in sorted(self.integers.items())
                if integer
            ],
            "infinite": [[group, count] for group, count in sorted(self.infinite.items())],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any], size: int) -> "ExactSums":
        """Reads back what `to_json` gave.

        Raises:
            ValueError: the form is not of sums of that size.
        """
        sums = cls(size)
        if stored.keys() != {"size", "sums", "infinite"} or stored["size"] != size:
            raise ValueError(f"sums of {size} groups are expected")
        for group, digits, exponent in stored["sums"]:
            if not (_is_group(group, size) and type(exponent) is int and -4096 < exponent < 4096):
                raise ValueError("a sum has no group, or no exponent")
            integer = int(digits, 16)
            if integer <= 0:
                raise ValueError("a stored sum is above 0")
            sums._reach(exponent)
            sums.integers[group] = integer << (exponent - sums.exponent)
        for group, count in stored["infinite"]:
            if not (_is_group(group, size) and type(count) is int and count > 0):
                raise ValueError("an infinite sum has no group, or no count")
            sums.infinite[group] = count
        return sums

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSums) and self.to_json() == other.to_json()

    def _add_chunk(self, groups: Groups, values: Array, weights: Array | None) -> None:
        infinite = np.isinf(values)
        if infinite.any():
            for group, count in zip(*_counted(groups[infinite], self.size), strict=True):
                self.infinite[group] += count
            groups, values = groups[~infinite], values[~infinite]
            weights = None if weights is None else weights[~infinite]
        if weights is None:
            self._add_scaled(groups, *np.frexp(values))
            return
        value, value_exponents = np.frexp(values)
        weight, weight_exponents = np.frexp(weights)
        exponents = value_exponents + weight_exponents
        for part in two_product(value, weight):  # of fractions, so that nothing over- or underflows
            fractions, shift = np.frexp(part)
            self._add_scaled(groups, fractions, exponents + shift)

    def _add_scaled(
        self, groups: Groups, fractions: Array, exponents: npt.NDArray[np.int32]
    ) -> None:
        """Adds fractions * 2**exponents, with fractions in (-1, 1) of 53 bits."""
        some = fractions != 0  # the exponent of 0 says nothing of its size
        if not some.all():
            groups, fractions, exponents = groups[some], fractions[some], exponents[some]
        if groups.size == 0:
            return
        lowest = int(exponents.min())
        span = int(exponents.max()) - lowest + 1
        keys = groups * span + (exponents - lowest)
        upper = fractions * 2.0**27
        whole = np.floor(upper)
        found, highs, lows = _tables(keys, self.size * span, whole, (upper - whole) * 2.0**26)
        self._reach(lowest - 53)
        for key, high, low in zip(found, highs, lows, strict=True):
            group, above = divmod(key, span)
            self.integers[group] += ((high << 26) + low) << (lowest - 53 - self.exponent + above)

    def _reach(self, exponent: int) -> None:
        """Makes room for multiples of 2**exponent."""
        if exponent < self.exponent:
            for group in self.integers:
                self.integers[group] <<= self.exponent - exponent
            self.exponent = exponent


def _is_group(group: object, size: int) -> bool:
    return type(group) is int and 0 <= group < size


def _canonical(integer: int, exponent: int) -> tuple[str, int]:
    zeros = (integer & -integer).bit_length() - 1
    return format(integer >> zeros, "x"), exponent + zeros


def _counted(groups: Groups, size: int) -> tuple[list[int], list[int]]:
    """The groups that occur and how often."""
    if size > TABLE:
        found, counts = np.unique(groups, return_counts=True)
    else:
        table = np.bincount(groups, minlength=1)
        found = np.flatnonzero(table)
        counts = table[found]
    return found.tolist(), counts.tolist()


def _tables(
    keys: Groups, size: int, highs: Array, lows: Array
) -> tuple[list[int], list[int], list[int]]:
    """The keys that occur, and the sums of whole numbers by key."""
    if size > TABLE:
        found, keys = np.unique(keys, return_inverse=True)
        size = found.size
    else:
        found = np.flatnonzero(np.bincount(keys, minlength=1))
    tables = (np.bincount(keys, part, minlength=size).astype(np.int64) for part in (highs, lows))
    high, low = (table if table.size == found.size else table[found] for table in tables)
    return found.tolist(), high.tolist(), low.tolist()
