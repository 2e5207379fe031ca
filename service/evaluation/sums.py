"""Exact sums of float64 values, one for each group, that merge in any order to the same value.

A float64 is an integer times a power of two, and integers add without rounding. NumPy adds the
integers of equal group and power, Python's integers take over from there.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from service.evaluation.pending import Pending
from service.evaluation.pieces import (
    PIECE,
    TABLE,
    Array,
    Groups,
    Integers,
    Scaled,
    by_key,
    counted,
    cut,
    level_of,
    moderate,
    product,
)
from service.numerics import engine
from service.numerics.errorfree import two_product

# Rows that are added at a time: their columns stay in the cache, and their sums in int64.
CHUNK = 1 << 15


# How far below the level of the largest values the pieces are that machine code adds at once.
LEVELS = (0, 40, 80)


def chunks(count: int) -> Iterator[slice]:
    """Parts of so many rows whose columns stay in the cache."""
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


class ExactSums:
    """The exact sums of `size` groups.

        value of group g = integers[g] * 2**exponent, and infinite if an infinity was added to it

    Args:
        size: the number of groups; groups are numbered from 0.
    """

    __slots__ = ("_exponent", "_infinite", "_integers", "_pending", "size")
    __hash__ = None  # type: ignore[assignment]  # a sum changes

    def __init__(self, size: int) -> None:
        self.size = size
        self._exponent = 0
        self._integers: defaultdict[int, int] = defaultdict(int)
        self._infinite: defaultdict[int, int] = defaultdict(int)
        self._pending = Pending()

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
            for group, count in zip(*counted(groups), strict=True):
                self._integers[group] += count << -self._exponent
        elif groups.size:
            np.add.at(self.table(0, groups.size), groups, 1)

    def weigh(self, groups: Groups, weights: Array | None) -> None:
        """Adds to the group of each row its weight, (n,), or 1 without weights."""
        if weights is None:
            self.count(groups)
        else:
            self.add(groups, weights)

    def table(self, level: int, most: int) -> Integers:
        """(size,) sums of multiples of 2**level, for integers to be added to before anything else.

        Args:
            level: an exponent.
            most: what the sizes of the integers for one group add up to at most, 2**62.
        """
        return self._pending.table(self.size, level, most)

    def add(self, groups: Groups, values: Array, weights: Array | None = None) -> None:
        """Adds to the group of each row its value, times its weight where weights are given.

        Args:
            groups: (n,) group numbers.
            values: (n,) numbers, `inf` allowed.
            weights: (n,) numbers; the products are exact and cannot overflow. Finite, and above 0
                where the value is infinite; or the values themselves, whose squares are added.
        """
        for part in chunks(groups.size):
            self._add_chunk(groups[part], values[part], None if weights is None else weights[part])

    def add_product(self, groups: Groups, *factors: Scaled) -> None:
        """Adds to the group of each row the exact product of its factors.

        Args:
            groups: (n,) group numbers.
            factors: (n,) finite numbers each, as `np.frexp` gives them.
        """
        for term in product(factors):
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
        if groups is not None:
            other._settle()
        self._pending.merge(other._pending)
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
        exponent, sums = self._exponent, []
        for group, integer in sorted(self._integers.items()):  # many: no function for each
            if integer:
                zeros = (integer & -integer).bit_length() - 1
                sums.append([group, f"{integer >> zeros:x}", exponent + zeros])
        return {
            "size": self.size,
            "sums": sums,
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
            for group, count in zip(*counted(groups[infinite]), strict=True):
                self._infinite[group] += count
            finite = ~infinite
            groups, values = groups[finite], values[finite]
            weights = None if weights is None else weights[finite]
        if groups.size == 0:
            return
        if weights is None:
            self._add_levels(groups, values)
        elif moderate(values) and (weights is values or moderate(weights)):
            for part in two_product(values, weights):
                self._add_levels(groups, part)
        else:
            self.add_product(groups, np.frexp(values), np.frexp(weights))

    def _add_levels(self, groups: Groups, values: Array) -> None:
        if self.size > TABLE:
            self._add_scaled(groups, *np.frexp(values))
            return
        if engine.machine_code:
            groups, values = self._add_compiled(engine.machine_code, groups, values)
            if groups.size == 0:
                return
        for some, part, level in cut(groups, values):
            if level is None:
                self._add_scaled(some, *np.frexp(part))
            elif self.size == 1:  # adds to one cell would wait for each other
                self.table(level, some.size << PIECE)[0] += part.sum()
            else:
                np.add.at(self.table(level, some.size << PIECE), some, part)

    def _add_compiled(
        self, compiled: ModuleType, groups: Groups, values: Array
    ) -> tuple[Groups, Array]:
        """Adds LEVELS pieces of each value in one pass, and gives what is left."""
        level = level_of(values)
        if level is None:
            return groups, values
        levels = [level - apart for apart in LEVELS]
        tables = [self.table(each, groups.size << PIECE) for each in levels]
        left = compiled.add_levels(groups, values, tuple(2.0**each for each in levels), tables)
        if left is None:
            return groups[:0], values[:0]
        some = np.flatnonzero(left)
        return groups[some], left[some]

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
        found, highs, lows = by_key(keys, self.size * span, whole, (upper - whole) * 2.0**26)
        self._reach(lowest - 53)
        for key, high, low in zip(found, highs, lows, strict=True):
            group, above = divmod(key, span)
            self._integers[group] += ((high << 26) + low) << (lowest - 53 - self._exponent + above)

    def _settle(self) -> None:
        """Hands what is pending to Python's integers."""
        for exponent, groups, integers in self._pending.drain():
            self._reach(exponent)
            shift = exponent - self._exponent
            for group, integer in zip(groups, integers, strict=True):
                self._integers[group] += integer << shift

    def _reach(self, exponent: int) -> None:
        """Makes room for multiples of 2**exponent."""
        if exponent < self._exponent:
            for group in self._integers:
                self._integers[group] <<= self._exponent - exponent
            self._exponent = exponent


def _is_group(group: object, size: int) -> bool:
    return type(group) is int and 0 <= group < size
