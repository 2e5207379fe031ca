"""Tables of integers by group that wait to be added to Python's integers, many at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

ROOM = 1 << 62
"""What the sizes of all integers added to a table may add up to."""

CARRY = 40
"""Bits that stay in a table that is full; those above go to the table of so many levels above."""


WORD, HALF = 16, 27
"""Machine code adds a float64 in halves of 26 and of 27 bits, either to the word that its exponent
names, of levels 16 apart: this holds every finite number, and needs no look at the others."""

BOTTOM, WORDS = -1075, (2046 + HALF) // WORD + 1
"""The level of the first word, and how many there are."""

ROWS = ROOM >> (HALF + WORD - 1)
"""How many numbers fit in words."""


class Pending:
    """Sums by group, each a whole multiple of 2**level, by level."""

    __slots__ = ("_most", "_rows", "_tables", "_words")

    def __init__(self) -> None:
        self._tables: dict[int, Integers] = {}
        self._most: dict[int, int] = {}
        self._words: Integers | None = None
        self._rows = 0

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

    def words(self, size: int, rows: int) -> Integers:
        """(WORDS, size) sums of levels from BOTTOM on, WORD apart, for machine code to add to.

        Args:
            size: the number of groups, the same until the next drain.
            rows: how many numbers are to be added, at most ROWS.
        """
        if self._rows + rows > ROWS:
            self._put_words()
        if self._words is None:
            self._words = np.zeros((WORDS, size), np.int64)
        self._rows += rows
        return self._words

    def _put_words(self) -> None:
        """Hands the words to the tables of their levels."""
        words, rows = self._words, self._rows
        self._words, self._rows = None, 0
        if words is not None:
            for word in np.flatnonzero(words.any(axis=1)).tolist():
                level = BOTTOM + word * WORD
                table = self.table(words.shape[1], level, rows << (HALF + WORD - 1))
                table += words[word]

    def merge(self, other: "Pending") -> None:
        """Adds what waits there, of the same groups."""
        other._put_words()
        for level, table in other._tables.items():
            here = self.table(table.size, level, other._most[level])
            here += table

    def drain(self) -> Iterator[tuple[int, list[int], list[int]]]:
        """Gives each level with the groups that are not 0 and their integers, and forgets them."""
        self._put_words()
        tables, self._tables, self._most = self._tables, {}, {}
        for level, table in tables.items():
            groups = np.flatnonzero(table)
            yield level, groups.tolist(), table[groups].tolist()
