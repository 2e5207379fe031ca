"""Tables of integers by group that wait to be added to Python's integers, many at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from service.evaluation.pieces import Array, Groups

# Tables of 53 bits that int64 can add before they have to be drained.
PENDING = 1 << 9


class Pending:
    """Sums by group, each a whole multiple of 2**level, by level.

    Attributes:
        adds: how often something was added since the last drain, PENDING at most.
    """

    __slots__ = ("_tables", "adds")

    def __init__(self) -> None:
        self._tables: dict[int, npt.NDArray[np.int64]] = {}
        self.adds = 0

    def add(self, size: int, groups: Groups, values: Array | None, level: int) -> None:
        """Adds to the group of each row its value, or 1.

        Args:
            size: the number of groups, the same until the next drain.
            groups: (n,) group numbers.
            values: (n,) multiples of 2**level, with sums of 53 bits in every group; or `None`.
            level: an exponent.
        """
        pending = self._tables.get(level)
        if pending is None:
            pending = self._tables[level] = np.zeros(size, np.int64)
        if size > 2 * groups.size:  # a table of its own would cost more than the rows
            whole = 1 if values is None else (values * 2.0**-level).astype(np.int64)
            np.add.at(pending, groups, whole)
        else:
            if values is not None and size == 1:
                table = values.sum()  # adds to one cell would wait for each other
            else:
                table = np.bincount(groups, values, minlength=size)
            pending += table if values is None else (table * 2.0**-level).astype(np.int64)
        self.adds += 1

    def merge(self, other: "Pending") -> None:
        """Adds what waits there, of the same groups; fewer than PENDING adds together."""
        for level, table in other._tables.items():
            here = self._tables.get(level)
            self._tables[level] = table.copy() if here is None else here + table
        self.adds += other.adds

    def drain(self) -> Iterator[tuple[int, list[int], list[int]]]:
        """Gives each level with the groups that are not 0 and their integers, and forgets them."""
        tables, self._tables, self.adds = self._tables, {}, 0
        for level, table in tables.items():
            groups = np.flatnonzero(table)
            yield level, groups.tolist(), table[groups].tolist()
