"""Exact sums and tables of probabilities as machine code: the same integers as NumPy's."""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from service.numerics.arrays import Array, Integers
from service.numerics.machine import machine_code

Table = npt.NDArray[np.int64]

STRIP = 256
"""Rows that are worked on together: what is kept of them stays in the L1 cache."""

BELOW_ONE = 1.0 - 2.0**-53


class Ranking(NamedTuple):
    """Bins of probabilities by their first bits: by p up to 1/2, by 1 - p above.

    Attributes:
        shift: the last bits, which do not count.
        low: the other bits of the lowest bin's upper end.
        high: those of the highest bin's lower end, of 1 - p.
        bins: how many there are.
    """

    shift: int
    low: int
    high: int
    bins: int


class Tables(NamedTuple):
    """Integers to be added to by class and bin, and by cell and class; empty ones are left out.

    Attributes:
        ranked: rows by class and bin of the ranking.
        ranked_true: those of the class.
        classwise: units by class and bin of equal width; in the first the sum over all bins.
        classwise_true: rows of the class.
        cells: units by cell and class.
        cells_true: rows of the class.
        tails: what is left of small numbers of units, in units of their square, as `cells`.
    """

    ranked: Table
    ranked_true: Table
    classwise: Table
    classwise_true: Table
    cells: Table
    cells_true: Table
    tails: Table


def _add_levels(
    groups: Table, values: Array, levels: Array, first: Table, second: Table, third: Table
) -> bool:
    left = 0
    a, b, c = levels
    per_a, per_b, per_c = 1.0 / a, 1.0 / b, 1.0 / c
    for i in range(groups.size):
        value, group = values[i], groups[i]
        head = np.rint(value * per_a)
        first[group] += np.int64(head)
        value -= head * a
        head = np.rint(value * per_b)
        second[group] += np.int64(head)
        value -= head * b
        head = np.rint(value * per_c)
        third[group] += np.int64(head)
        value -= head * c
        values[i] = value
        left += value != 0.0
    return left > 0


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _bin(p: Any, ranking: Any) -> Any:
    low = max(np.float64(p).view(np.int64) >> ranking.shift, ranking.low) - ranking.low
    rest = max(np.float64(1.0 - p).view(np.int64) >> ranking.shift, ranking.high) - ranking.high
    return ranking.bins - 1 - rest if p > 0.5 else low


def _tabulate(
    p: Array,
    labels: Table,
    cells: Table,
    bins: int,
    unit: float,
    small: float,
    ranking: Ranking,
    out: Tables,
) -> None:
    k, n = p.shape
    per_unit = 1.0 / unit
    ranks, units = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    some = np.empty(STRIP + 1, np.int64)
    for start in range(0, n, STRIP):
        rows = min(STRIP, n - start)
        for c in range(k):
            row, total = p[c, start : start + rows], 0
            for i in range(rows):
                units[i] = np.int64(np.rint(row[i] * per_unit))
                total += units[i]
            if out.ranked.size:
                for i in range(rows):
                    ranks[i] = _bin(row[i], ranking)
                for i in range(rows):
                    out.ranked[c * ranking.bins + ranks[i]] += 1
            if out.classwise.size:
                out.classwise[c * bins] += total
                found = 0
                for i in range(rows):
                    some[found] = i
                    found += row[i] * bins > 1.0
                for j in range(found):
                    i = some[j]
                    number = np.int64(row[i] * bins * BELOW_ONE)
                    out.classwise[c * bins + number] += units[i]
            if out.cells.size:
                for i in range(rows):
                    out.cells[cells[start + i] + c] += units[i]
                found = 0
                for i in range(rows):
                    some[found] = i
                    found += row[i] < small
                for j in range(found):
                    i = some[j]
                    rest = row[i] - units[i] * unit
                    out.tails[cells[start + i] + c] += np.int64(
                        np.rint(rest * (per_unit * per_unit))
                    )
        for i in range(start, start + rows):
            c = labels[i]
            if out.ranked.size:
                out.ranked_true[c * ranking.bins + _bin(p[c, i], ranking)] += 1
            if out.classwise.size:
                out.classwise_true[c * bins + np.int64(p[c, i] * bins * BELOW_ONE)] += 1
            if out.cells.size:
                out.cells_true[cells[i] + c] += 1


class Loops(NamedTuple):
    """The compiled loops."""

    add_levels: Any
    tabulate: Any


@cache
def loops() -> Loops:
    """The loops, compiled or from the files of a former run."""
    table, columns = (
        types.Array(types.int64, 1, "C"),
        types.Array(types.int64, 1, "C", readonly=True),
    )
    vector = types.Array(types.float64, 1, "C")
    levels = types.UniTuple(types.float64, 3)
    p = types.Array(types.float64, 2, "C", readonly=True)
    numbers = (types.int64, types.float64, types.float64)
    ranking = types.NamedUniTuple(types.int64, len(Ranking._fields), Ranking)
    tables = types.NamedUniTuple(table, len(Tables._fields), Tables)
    adding = types.boolean(columns, vector, levels, table, table, table)
    tabulating = types.void(p, columns, columns, *numbers, ranking, tables)
    return Loops(*machine_code([(_add_levels, [adding]), (_tabulate, [tabulating])]))


def add_levels(
    groups: Integers, values: Array, units: tuple[float, float, float], tables: list[Table]
) -> Array | None:
    """Adds to the group of each row whole multiples of one unit after the other.

    Args:
        groups: (n,) group numbers.
        values: (n,) finite, at most 2**51 first units.
        units: powers of two, each at most 2**51 times the next one.
        tables: the sums in each unit.

    Returns:
        (n,) what is left of the values, or `None` where nothing is.

    Raises:
        IndexError: there is no such group; machine code would write to whatever memory is there.
    """
    _check(groups, tables[0].size)
    left = values.copy()
    of = np.require(groups, np.int64, ["C", "A"])
    return left if loops().add_levels(of, left, units, *tables) else None


def tabulate(
    p: Array,
    labels: Integers,
    cells: Integers,
    *,
    bins: int,
    unit: float,
    small: float,
    ranking: Ranking,
    tables: Tables,
) -> None:
    """Adds (k, n) probabilities to tables.

    Args:
        p: (k, n), in [0, 1].
        labels: (n,) true classes.
        cells: (n,) where the cells of the rows begin.
        bins: of equal width.
        unit: a power of two.
        small: below this, `tails` has what the units leave.
        ranking: the bins of the ranking.
        tables: what is added to.

    Raises:
        IndexError: there is no such class or cell.
    """
    k = len(p)
    _check(labels, k)
    if tables.cells.size:
        _check(cells, tables.cells.size - k + 1)
    columns = (np.require(column, np.int64, ["C", "A"]) for column in (labels, cells))
    loops().tabulate(np.ascontiguousarray(p), *columns, bins, unit, small, ranking, tables)


def _check(groups: Integers, size: int) -> None:
    if groups.size and not 0 <= groups.min() <= groups.max() < size:
        raise IndexError(f"a number is not in 0..{size - 1}")
