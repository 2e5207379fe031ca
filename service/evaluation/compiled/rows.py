"""What came of rows, added to all sums at once as machine code: the same integers as NumPy's."""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from service.evaluation import histograms, moments, pending
from service.evaluation.compiled import sums
from service.evaluation.compiled.sums import STRIP, Words, at, check, columns, cut, put, room
from service.evaluation.histograms import HIGHEST, LOWEST, STEPS
from service.evaluation.moments import MODERATE
from service.evaluation.pieces import Array, Groups, Integers
from service.numerics import elementary
from service.numerics.elementary import MANTISSA, bits, fused
from service.numerics.machine import machine_code

# Of the bins of the losses: their ends, and the bits after the exponent where the steps begin.
BELOW, ABOVE = 2.0**LOWEST * (1.0 - 2.0**-53), 2.0**HIGHEST
FIRST = (1023 + LOWEST) * len(STEPS) - 1
STEP_1, STEP_2, STEP_3 = (int(np.float64(step).view(np.int64)) & MANTISSA for step in STEPS[1:])


class Rows(NamedTuple):
    """What came of rows: columns of `Outcomes`."""

    labels: Integers
    predicted: Integers
    bins: Integers
    steps: Integers
    ranks: Integers
    losses: Array
    confidences: Array
    brier: Array


class Sums(NamedTuple):
    """What rows are added to.

    Attributes:
        support: rows by class.
        correct: of these the rows predicted right.
        predicted: rows by predicted class.
        ranks: rows by how many classes come before the true one, as far as there is room.
        binned: rows by calibration bin.
        weight: the same.
        right: of these the rows predicted right.
        sizes: rows by bin of the loss.
        answered: rows by bin of the ranking.
        rightly: of these the rows predicted right.
        infinite: rows of infinite loss by class, which are in no sum of losses.
        loss: of the losses by class, in words, as all that follow.
        square: of their squares.
        cube: of their cubes, rounded.
        sized: of the losses by bin of the loss.
        confidence: by calibration bin.
        brier: of all rows.
    """

    support: Integers
    correct: Integers
    predicted: Integers
    ranks: Integers
    binned: Integers
    weight: Integers
    right: Integers
    sizes: Integers
    answered: Integers
    rightly: Integers
    infinite: Integers
    loss: Words
    square: Words
    cube: Words
    sized: Words
    confidence: Words
    brier: Words


@numba.njit(inline="always")
def _count(groups: Any, counts: Any) -> None:
    for i in range(groups.size):
        counts[at(groups[i])] += 1


@numba.njit(inline="always")
def _count_some(groups: Any, which: Any, counts: Any) -> None:
    """Counts the rows where `which` is 1 and not 0."""
    for i in range(groups.size):
        counts[at(groups[i])] += which[i]


@numba.njit(inline="always")
def _loss_number(loss: Any) -> Any:
    """The bin of a loss, as `loss_numbers` has it."""
    pattern = bits(min(max(loss, BELOW), ABOVE))
    digits = pattern & MANTISSA
    steps = (digits >= STEP_1) + (digits >= STEP_2) + (digits >= STEP_3)
    return (pattern >> 52) * len(STEPS) - FIRST + steps


@numba.njit(inline="always")
def _all_moderate(losses: Any) -> Any:
    """Whether all cubes and squares are exact without scaling, or infinite."""
    extreme = 0
    for i in range(losses.size):
        least, most = MODERATE
        loss = losses[i]
        extreme += not ((least < loss < most) | (loss == 0.0) | (loss == np.inf))
    return extreme == 0


@numba.njit(inline="always")
def _add_losses(losses: Any, labels: Any, sizes: Any, powers: Any, halves: Any, to: Any) -> None:
    """Adds finite losses, their squares and their cubes."""
    cut(losses, halves)
    put(labels, halves, to.loss)
    put(sizes[: losses.size], halves, to.sized)
    for i in range(losses.size):
        powers[i] = losses[i] * losses[i]
    cut(powers[: losses.size], halves)
    put(labels, halves, to.square)
    for i in range(losses.size):
        powers[i] = powers[i] * losses[i]
    cut(powers[: losses.size], halves)
    put(labels, halves, to.cube)
    for i in range(losses.size):
        square = losses[i] * losses[i]
        powers[i] = fused(losses[i], losses[i], -square)
    cut(powers[: losses.size], halves)
    put(labels, halves, to.square)


def _add_rows(rows: Rows, to: Sums) -> bool:
    if not _all_moderate(rows.losses):
        return False
    halves = room()
    losses, powers, single = np.empty(STRIP), np.empty(STRIP), np.zeros(STRIP, np.int64)
    right, infinite = np.empty(STRIP, np.int64), np.empty(STRIP, np.int64)
    sizes = np.empty(STRIP, np.int64)
    for start in range(0, rows.losses.size, STRIP):
        end = min(start + STRIP, rows.losses.size)
        labels, predicted = rows.labels[start:end], rows.predicted[start:end]
        bins, steps, ranks = rows.bins[start:end], rows.steps[start:end], rows.ranks[start:end]
        for i in range(end - start):
            loss = rows.losses[start + i]
            right[i] = np.int64(labels[i] == predicted[i])
            infinite[i] = np.int64(loss == np.inf)
            losses[i] = 0.0 if loss == np.inf else loss
            sizes[i] = _loss_number(loss)
        for i in range(end - start):
            if ranks[i] < to.ranks.size:
                to.ranks[at(ranks[i])] += 1
        _count(labels, to.support)
        _count_some(labels, right, to.correct)
        _count_some(labels, infinite, to.infinite)
        _count(predicted, to.predicted)
        _count(bins, to.binned)
        _count(bins, to.weight)
        _count_some(bins, right, to.right)
        _count(steps, to.answered)
        _count_some(steps, right, to.rightly)
        _count(sizes[: end - start], to.sizes)
        cut(rows.confidences[start:end], halves)
        put(bins, halves, to.confidence)
        cut(rows.brier[start:end], halves)
        put(single[: end - start], halves, to.brier)
        _add_losses(losses[: end - start], labels, sizes, powers, halves, to)
    return True


def _add_pairs(first: Integers, second: Integers, table: Integers) -> None:
    for i in range(first.size):
        table[at(first[i]), at(second[i])] += 1


class Loops(NamedTuple):
    """The compiled loops."""

    add_pairs: Any
    add_rows: Any


@cache
def loops() -> Loops:
    """The loops, compiled or from the files of a former run."""
    numbers = types.Array(types.int64, 1, "C", readonly=True)
    words, counts = types.Array(types.int64, 2, "C"), types.Array(types.int64, 1, "C")
    rows = types.NamedTuple((*[counts] * 5, *[types.Array(types.float64, 1, "C")] * 3), Rows)
    filled = types.NamedTuple((*[counts] * 11, *[words] * 6), Sums)
    sources = (
        (_add_pairs, [types.void(numbers, numbers, words)]),
        (_add_rows, [types.boolean(rows, filled)]),
    )
    within = (elementary, sums, histograms, moments, pending)
    return Loops(*machine_code(sources, *within))


def add_pairs(first: Groups, second: Groups, table: Integers) -> None:
    """Adds 1 to a table for the pair of numbers of each row.

    Args:
        first: (n,) row of the table.
        second: (n,) column of the table.
        table: two axes.

    Raises:
        IndexError: there is no such row or column.
    """
    of = tuple(columns(np.int64, first, second))
    for numbers, size in zip(of, table.shape, strict=True):
        check(numbers, size)
    loops().add_pairs(*of, table)


def add_rows(rows: Rows, to: Sums) -> bool:
    """Adds rows of weight 1 to all sums.

    Args:
        rows: what came of them.
        to: what they are added to.

    Returns:
        Whether they are added: not if there is a loss whose cube or square has to be scaled.

    Raises:
        IndexError: there is no such class or bin.
    """
    of = Rows(*columns(np.int64, *rows[:5]), *columns(np.float64, *rows[5:]))
    sizes = to.support.size, to.predicted.size, to.binned.size, to.answered.size
    for numbers, size in zip(of[:4], sizes, strict=True):
        check(numbers, size)
    check(of.ranks, 1 << 62)
    return bool(loops().add_rows(of, to))
