"""Tables of integers by group that wait to be added to Python's integers, many at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

ROOM = 1 << 62
"""What the sizes of all integers added to a table may add up to."""

CARRY = 40
"""Bits that stay in a table that is full; those above go to the table of so many levels above."""


class Pending:
    """Sums by group, each a whole multiple of 2**level, by level."""

    __slots__ = ("_most", "_tables")

    def __init__(self) -> None:
        self._tables: dict[int, Integers] = {}
        self._most: dict[int, int] = {}

    def table(self, size: int, level: int, most: int) -> Integers:
        """The sums of a level, for integers to be added to before anything else.

        Args:
            size: the number of groups, the same until the next drain.
            level: an exponent.
            most: what the sizes of the integers for one group add up to at most; no more than ROOM.
        """
        if level not in self._tables:
            self._tables[level], self._most[level] = np.zeros(size, np.int64), 0
        table = self._tables[level]
        if self._most[level] + most > ROOM:
            above = self.table(size, level + CARRY, (self._most[level] >> CARRY) + 1)
            above += table >> CARRY
            table &= (1 << CARRY) - 1
            self._most[level] = 1 << CARRY
        self._most[level] += most
        return table

    def merge(self, other: "Pending") -> None:
        """Adds what waits there, of the same groups."""
        for level, table in other._tables.items():
            here = self.table(table.size, level, other._most[level])
            here += table

    def drain(self) -> Iterator[tuple[int, list[int], list[int]]]:
        """Gives each level with the groups that are not 0 and their integers, and forgets them."""
        tables, self._tables, self._most = self._tables, {}, {}
        for level, table in tables.items():
            groups = np.flatnonzero(table)
            yield level, groups.tolist(), table[groups].tolist()
