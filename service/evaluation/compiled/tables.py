"""Tables of probabilities as machine code: the same integers as NumPy's."""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from service.evaluation import tables
from service.evaluation.bins import RANKS
from service.evaluation.compiled import outcomes, sums
from service.evaluation.compiled.outcomes import bin_of, rank
from service.evaluation.compiled.sums import STRIP, at, check, columns
from service.evaluation.pieces import Array, Groups, Integers, unit_apart
from service.evaluation.tables import PLACES, SMALL
from service.numerics import elementary
from service.numerics.elementary import bits
from service.numerics.machine import machine_code

# A probability plus one of these is rounded to a whole number of units, or of their squares, which
# is the difference of the bits.
UNIT = 2.0**-PLACES
UNITS, TAILS = float(unit_apart(-PLACES)), float(unit_apart(-2 * PLACES))
UNITS_BITS, TAILS_BITS = (int(np.float64(apart).view(np.int64)) for apart in (UNITS, TAILS))


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

    ranked: Integers
    ranked_true: Integers
    classwise: Integers
    classwise_true: Integers
    cells: Integers
    cells_true: Integers
    tails: Integers


@numba.njit(inline="always")
def _add_small(row: Any, units: Any, cells: Any, c: Any, some: Any, tails: Any) -> None:
    """Adds to cells what the units leave of small probabilities."""
    found = 0
    for i in range(cells.size):
        some[at(found)] = i
        found += row[i] < SMALL
    for j in range(found):
        place = at(some[j])
        rest = row[place] - units[place] * UNIT
        tails[at(cells[place] + c)] += bits(rest + TAILS) - TAILS_BITS


@numba.njit(inline="always")
def _add_large(row: Any, units: Any, rows: Any, bins: Any, some: Any, table: Any) -> None:
    """Adds the units of probabilities beyond the first bin to their bins."""
    found = 0
    for i in range(rows):
        some[at(found)] = i
        found += row[i] * bins > 1.0
    for j in range(found):
        place = at(some[j])
        table[at(bin_of(row[place], bins))] += units[place]


def _tabulate(
    p: Array, labels: Integers, predicted: Integers, numbers: Integers, bins: int, out: Tables
) -> None:
    k, n = p.shape
    row, units, cells = np.empty(STRIP), np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    ranks, some = np.empty(STRIP, np.int64), np.empty(STRIP + 1, np.int64)
    for start in range(0, n, STRIP):
        rows = min(STRIP, n - start)
        for i in range(rows):
            cells[i] = (predicted[start + i] * bins + numbers[start + i]) * k
        for c in range(k):
            total = 0
            for i in range(rows):
                row[i] = p[c, start + i]
            for i in range(rows):
                units[i] = bits(row[i] + UNITS) - UNITS_BITS
                total += units[i]
            if out.ranked.size:
                for i in range(rows):
                    ranks[i] = c * RANKS + rank(row[i])
                for i in range(rows):
                    out.ranked[at(ranks[i])] += 1
            if out.classwise.size:
                out.classwise[c * bins] += total
                _add_large(row, units, rows, bins, some, out.classwise[c * bins :])
            if out.cells.size:
                for i in range(rows):
                    out.cells[at(cells[i] + c)] += units[i]
                _add_small(row, units, cells[:rows], c, some, out.tails)
        for i in range(rows):
            c = labels[start + i]
            true = p[at(c), start + i]
            if out.ranked.size:
                out.ranked_true[at(c * RANKS + rank(true))] += 1
            if out.classwise.size:
                out.classwise_true[at(c * bins + bin_of(true, bins))] += 1
            if out.cells.size:
                out.cells_true[at(cells[i] + c)] += 1


@cache
def loops() -> Any:
    """The loop, compiled or from the file of a former run."""
    numbers = types.Array(types.int64, 1, "C", readonly=True)
    p = types.Array(types.float64, 2, "A", readonly=True)
    filled = types.NamedUniTuple(types.Array(types.int64, 1, "C"), len(Tables._fields), Tables)
    tabulating = types.void(p, numbers, numbers, numbers, types.int64, filled)
    return machine_code([(_tabulate, [tabulating])], elementary, outcomes, sums, tables)[0]


def tabulate(
    p: Array, labels: Groups, predicted: Groups, numbers: Groups, bins: int, to: Tables
) -> None:
    """Adds (K, n) probabilities to tables.

    Args:
        p: (K, n), in [0, 1].
        labels: (n,) true classes.
        predicted: (n,) most probable ones.
        numbers: (n,) calibration bins of their probabilities.
        bins: of equal width.
        to: what is added to.

    Raises:
        IndexError: there is no such class or bin.
    """
    of = tuple(columns(np.int64, labels, predicted, numbers))
    for column, size in zip(of, (len(p), len(p), bins), strict=True):
        check(column, size)
    loops()(p, *of, bins, to)
