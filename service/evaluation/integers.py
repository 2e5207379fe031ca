"""Integers by group, exact however many and large they are, that merge and are written down."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from service.evaluation.pending import Pending
from service.evaluation.pieces import Integers


class GroupedIntegers:
    """Sums of `size` groups, whole multiples of a power of two.

        value of group g = integers[g] * 2**exponent, and infinite if an infinity was added to it

    What is added by NumPy waits in tables, and is Python's integers when it is asked for.

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

    def add_infinite(self, counts: Integers) -> None:
        """Adds (size,) numbers of infinities to the sums."""
        for group in np.flatnonzero(counts).tolist():
            self._infinite[group] += int(counts[group])

    def table(self, level: int, most: int) -> Integers:
        """(size,) sums of multiples of 2**level, for integers to be added to before anything else.

        Args:
            level: an exponent.
            most: what the sizes of the integers for one group add up to at most, 2**62.
        """
        return self._pending.table(self.size, level, most)

    def words(self, rows: int) -> Integers:
        """(WORDS, size) sums for machine code to add so many numbers to, see `Pending.words`."""
        return self._pending.words(self.size, rows)

    def grow(self, size: int) -> None:
        """Makes room for more groups."""
        self._settle()
        self.size = size

    def merge(self, other: Self, groups: Sequence[int] | None = None) -> None:
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
    def from_json(cls, stored: dict[str, Any], size: int) -> Self:
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
        return isinstance(other, GroupedIntegers) and self.to_json() == other.to_json()

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
