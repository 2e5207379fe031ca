"""Exact sums of float64 values, one for each group, that merge in any order to the same value.

A float64 is an integer times a power of two, and integers add without rounding. NumPy adds the
integers of equal group and power, Python's integers take over from there.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from service.numerics.errorfree import two_product

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.integer]
Scaled = tuple[Array, npt.NDArray[np.int32]]
"""Numbers as fractions * 2**exponents."""

# Rows that are added at a time: their columns stay in the cache, and the sums below in float64.
CHUNK = 1 << 15
# Values of sizes between these are cut at powers of two. CHUNK multiples of 2**(e - PIECE), each
# at most 2**e, have a sum of 53 bits; the powers are multiples of STEP, so that tables are few.
LARGE, SMALL = 2.0**32, 2.0**-140
PIECE = 53 - 15
STEP = 4
# Above this many groups, or pairs of group and exponent, sorting costs less than a table of them.
TABLE = 1 << 20
# Tables of 53 bits that int64 can add before they go to Python's integers.
PENDING = 1 << 9


class ExactSums:
    """The exact sums of `size` groups.

        value of group g = integers[g] * 2**exponent, and infinite if an infinity was added to it

    Args:
        size: the number of groups; groups are numbered from 0.
    """

    __slots__ = ("_adds", "_exponent", "_infinite", "_integers", "_pending", "size")
    __hash__ = None  # type: ignore[assignment]  # a sum changes

    def __init__(self, size: int) -> None:
        self.size = size
        self._exponent = 0
        self._integers: defaultdict[int, int] = defaultdict(int)
        self._infinite: defaultdict[int, int] = defaultdict(int)
        self._pending: dict[int, npt.NDArray[np.int64]] = {}
        self._adds = 0

    @property
    def exponent(self) -> int:
        """All sums are multiples of 2 to this power."""
        self._settle()
        return self._exponent

    @property
    def integers(self) -> dict[int, int]:
        """The finite parts of the sums, by group, in that unit."""
        self._settle()
        return self._integers

    @property
    def infinite(self) -> dict[int, int]:
        """How many infinities were added, by group."""
        return self._infinite

    def count(self, groups: Groups) -> None:
        """Adds 1 to the group of each row.

        Args:
            groups: (n,) group numbers.
        """
        if self.size > TABLE:
            for group, count in zip(*_counted(groups), strict=True):
                self._integers[group] += count << -self._exponent
        elif groups.size:
            self._tabulate(groups, None, 0)

    def weigh(self, groups: Groups, weights: Array | None) -> None:
        """Adds to the group of each row its weight, (n,), or 1 without weights."""
        if weights is None:
            self.count(groups)
        else:
            self.add(groups, weights)

    def add_units(self, groups: Groups, values: Array, level: int) -> None:
        """Adds to the group of each row its value, a whole multiple of 2**level.

        Args:
            groups: (n,) group numbers, n <= 2**18.
            values: (n,) whose sizes add up to less than 2**(level + 53) in every group.
            level: an exponent, at most 0.
        """
        self._tabulate(groups, values, level)

    def add(self, groups: Groups, values: Array, weights: Array | None = None) -> None:
        """Adds to the group of each row its value, times its weight where weights are given.

        Args:
            groups: (n,) group numbers.
            values: (n,) numbers, `inf` allowed.
            weights: (n,) numbers; the products are exact and cannot overflow. Finite, and above 0
                where the value is infinite; or the values themselves, whose squares are added.
        """
        for start in range(0, groups.size, CHUNK):
            part = slice(start, start + CHUNK)
            self._add_chunk(groups[part], values[part], None if weights is None else weights[part])

    def add_product(self, groups: Groups, *factors: Scaled) -> None:
        """Adds to the group of each row the exact product of its factors.

        Args:
            groups: (n,) group numbers.
            factors: (n,) finite numbers each, as `np.frexp` gives them.
        """
        terms = [factors[0]]
        for fraction, exponent in factors[1:]:
            terms = [
                _normal(part, exponents + exponent)
                for fractions, exponents in terms
                for part in two_product(fractions, fraction)  # nothing over- or underflows
            ]
        for term in terms:
            self._add_scaled(groups, *term)

    def grow(self, size: int) -> None:
        """Makes room for more groups."""
        self._settle()
        self.size = size

    def merge(self, other: "ExactSums", groups: Sequence[int] | None = None) -> None:
        """Adds the sums of another object.

        Args:
            other: of the same groups.
            groups: the numbers here of the groups there; the same ones without.
        """
        other._settle()
        self._settle()
        self._reach(other._exponent)
        shift = other._exponent - self._exponent
        for group, integer in other._integers.items():
            self._integers[group if groups is None else groups[group]] += integer << shift
        for group, count in other._infinite.items():
            self._infinite[group if groups is None else groups[group]] += count

    def scaled(self, exponent: int) -> list[int]:
        """The finite parts of all groups as integers: the sums divided by 2**exponent.

        Args:
            exponent: at most that of these sums.
        """
        shift = self.exponent - exponent
        totals = [0] * self.size
        for group, integer in self._integers.items():
            totals[group] = integer << shift
        return totals

    def to_json(self) -> dict[str, Any]:
        """The sums in the one form that equal sums share, whatever led to them."""
        self._settle()
        return {
            "size": self.size,
            "sums": [
                [group, *_canonical(integer, self._exponent)]
                for group, integer in sorted(self._integers.items())
                if integer
            ],
            "infinite": [[group, count] for group, count in sorted(self._infinite.items())],
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
            if not (_is_group(group, size) and type(exponent) is int and -8192 < exponent < 8192):
                raise ValueError("a sum has no group, or no exponent")
            integer = int(digits, 16)
            if integer == 0:
                raise ValueError("a sum of 0 is not stored")
            sums._reach(exponent)
            sums._integers[group] = integer << (exponent - sums._exponent)
        for group, count in stored["infinite"]:
            if not (_is_group(group, size) and type(count) is int and count > 0):
                raise ValueError("an infinite sum has no group, or no count")
            sums._infinite[group] = count
        return sums

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSums) and self.to_json() == other.to_json()

    def _add_chunk(self, groups: Groups, values: Array, weights: Array | None) -> None:
        infinite = np.isinf(values)
        if infinite.any():
            for group, count in zip(*_counted(groups[infinite]), strict=True):
                self._infinite[group] += count
            finite = ~infinite
            groups, values = groups[finite], values[finite]
            weights = None if weights is None else weights[finite]
        if groups.size == 0:
            return
        if weights is None:
            self._add_levels(groups, values)
        elif _moderate(values) and (weights is values or _moderate(weights)):
            for part in two_product(values, weights):
                self._add_levels(groups, part)
        else:
            self.add_product(groups, np.frexp(values), np.frexp(weights))

    def _add_levels(self, groups: Groups, values: Array) -> None:
        """Adds values in whole multiples of one power of two after another.

        Each pass rounds them to multiples of it, adds those and goes on with what the rounding
        left (Rump, Ogita & Oishi, "Accurate floating-point summation", SIAM J. Sci. Comput. 31,
        2008: ExtractVector). The sums are exact, whatever the powers.
        """
        largest = max(float(values.max()), -float(values.min()))
        while SMALL < largest < LARGE and self.size <= TABLE:
            # at most 2**e, e from frexp, and rounded up
            level = -((PIECE - math.frexp(largest)[1]) // STEP) * STEP
            sigma = 1.5 * 2.0 ** (52 + level)
            heads = values + sigma
            heads -= sigma
            self._tabulate(groups, heads, level)
            values = values - heads
            left = values != 0.0
            count = np.count_nonzero(left)
            if count == 0:
                return
            if count < values.size // 2:
                groups, values = groups[left], values[left]
            largest = 2.0 ** (level - 1)
        self._add_scaled(groups, *np.frexp(values))

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
            self._integers[group] += ((high << 26) + low) << (lowest - 53 - self._exponent + above)

    def _tabulate(self, groups: Groups, values: Array | None, level: int) -> None:
        """Adds values that are multiples of 2**level, or 1 for each row, to the pending table."""
        pending = self._pending.get(level)
        if pending is None:
            pending = self._pending[level] = np.zeros(self.size, np.int64)
        if self.size > 2 * groups.size:  # a table of its own would cost more than the rows
            whole = 1 if values is None else (values * 2.0**-level).astype(np.int64)
            np.add.at(pending, groups, whole)
        else:
            if values is not None and self.size == 1:
                table = values.sum()  # adds to one cell would wait for each other
            else:
                table = np.bincount(groups, values, minlength=self.size)
            pending += table if values is None else (table * 2.0**-level).astype(np.int64)
        self._adds += 1
        if self._adds == PENDING:
            self._settle()

    def _settle(self) -> None:
        """Hands what is pending to Python's integers."""
        for exponent, table in self._pending.items():
            groups = np.flatnonzero(table)
            self._reach(exponent)
            shift = exponent - self._exponent
            for group, integer in zip(groups.tolist(), table[groups].tolist(), strict=True):
                self._integers[group] += integer << shift
        self._pending.clear()
        self._adds = 0

    def _reach(self, exponent: int) -> None:
        """Makes room for multiples of 2**exponent."""
        if exponent < self._exponent:
            for group in self._integers:
                self._integers[group] <<= self._exponent - exponent
            self._exponent = exponent


def _is_group(group: object, size: int) -> bool:
    return type(group) is int and 0 <= group < size


def _canonical(integer: int, exponent: int) -> tuple[str, int]:
    zeros = (integer & -integer).bit_length() - 1
    return format(integer >> zeros, "x"), exponent + zeros


def _moderate(values: Array) -> bool:
    """Whether products of such values are exact in two parts."""
    sizes = np.abs(values)
    return bool(((sizes < 2.0**400) & ((sizes > 2.0**-400) | (sizes == 0.0))).all())


def _normal(fractions: Array, exponents: npt.NDArray[np.int32]) -> Scaled:
    fractions, shift = np.frexp(fractions)
    return fractions, exponents + shift


def _counted(groups: Groups) -> tuple[list[int], list[int]]:
    """The groups that occur and how often."""
    found, counts = np.unique(groups, return_counts=True)
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
