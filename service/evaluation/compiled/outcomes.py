"""What comes of rows as machine code: NumPy's numbers."""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from service.evaluation import bins as ranking
from service.evaluation.bins import BELOW_ONE, RANKING, RANKS, bin_edges
from service.evaluation.compiled import sums
from service.evaluation.compiled.sums import STRIP, at, check, columns
from service.evaluation.outcomes import Judged, Predicted
from service.evaluation.pieces import Array, Groups, Integers
from service.numerics import elementary
from service.numerics.arrays import NARROW, Floats
from service.numerics.elementary import bits
from service.numerics.machine import machine_code

SHIFT, LOW, HIGH = RANKING


@numba.njit(inline="always")
def rank(p: Any) -> Any:
    """The bin of a probability in the ranking, as `rank_numbers` has it."""
    low = max(bits(p) >> SHIFT, LOW) - LOW
    rest = max(bits(1.0 - p) >> SHIFT, HIGH) - HIGH
    return RANKS - 1 - rest if p > 0.5 else low


@numba.njit(inline="always")
def bin_of(p: Any, bins: Any) -> Any:
    """The calibration bin of a probability, as `class_bins` has it; the last one beyond 1."""
    return min(np.int64(p * bins * BELOW_ONE), bins - 1)


class Strip(NamedTuple):
    """Memory for a strip of rows that nothing else has, without which there are no vectors.

    Its members are taken out before a loop: inside one each look at them would be counted.
    """

    value: Array
    best: Array
    own: Array
    labels: Integers
    predicted: Integers
    ranks: Integers
    classes: Array


@numba.njit(inline="always")
def _compare(z: Any, rows: Any, of: Any) -> None:
    """Finds the first largest class of each row, and how many come before the true one."""
    value, best, own, labels, predicted, ranks, _ = of
    for i in range(rows):
        best[i], own[i] = -np.inf, z[i, at(labels[i])]
        predicted[i], ranks[i] = 0, 0
    equal = np.int64(0)
    for c in range(z.shape[1]):
        for i in range(rows):
            value[i] = z[i, c]
        for i in range(rows):
            ranks[i] += np.int64(value[i] > own[i])
            equal += np.int64(value[i] == own[i])
            better = value[i] > best[i]
            predicted[i] = c if better else predicted[i]
            best[i] = value[i] if better else best[i]
    if equal > rows:  # there are others like the true one
        for i in range(rows):
            for c in range(labels[i]):
                ranks[i] += np.int64(z[i, c] == own[i])


@numba.njit(inline="always")
def _square(p: Any, miss: Any, of: Any, brier: Any) -> None:
    """Adds the squares of what each row is off, class by class."""
    labels, classes = of.labels, of.classes
    for c in range(p.shape[0]):
        for i in range(brier.size):
            classes[c, i] = p[c, i]
    for i in range(brier.size):
        classes[at(labels[i]), i] = miss[i]
        brier[i] = 0.0
    for c in range(p.shape[0]):
        for i in range(brier.size):
            brier[i] += classes[c, i] * classes[c, i]


def _judge(
    z: Floats, p: Array, miss: Array, labels: Integers, edges: Array, to: Predicted, judged: Judged
) -> None:
    n, bins = labels.size, edges.size - 1
    values, numbers = np.empty((3, STRIP)), np.empty((3, STRIP), np.int64)
    of = Strip(
        values[0],
        values[1],
        values[2],
        numbers[0],
        numbers[1],
        numbers[2],
        np.empty((NARROW, STRIP)),
    )
    for start in range(0, n, STRIP):
        rows = min(STRIP, n - start)
        end = start + rows
        of.labels[:rows] = labels[start:end]
        _compare(z[start:end], rows, of)
        to.predicted[start:end] = of.predicted[:rows]
        judged.ranks[start:end] = of.ranks[:rows]
        for i in range(start, end):
            confidence = p[at(to.predicted[i]), i]
            number = bin_of(confidence, bins)
            number -= (confidence <= edges[at(number)]) & (number > 0)
            number += confidence > edges[at(number + 1)]
            judged.bins[i], judged.steps[i] = number, rank(confidence)
            to.true[i], to.confidences[i] = p[at(labels[i]), i], confidence
        if judged.brier.size:
            _square(p[:, start:end], miss[start:end], of, judged.brier[start:end])


@cache
def loops() -> Any:
    """The loop, compiled or from the file of a former run."""
    numbers = types.Array(types.int64, 1, "C", readonly=True)
    values = types.Array(types.float64, 1, "C", readonly=True)
    filled, counts = types.Array(types.float64, 1, "C"), types.Array(types.int64, 1, "C")
    p = types.Array(types.float64, 2, "A", readonly=True)
    predicted = types.NamedTuple((counts, filled, filled), Predicted)
    judged = types.NamedTuple((*[counts] * 3, filled), Judged)
    judging = []
    for dtype in (types.float64, types.float32):
        z = types.Array(dtype, 2, "C", readonly=True)
        judging.append(types.void(z, p, values, numbers, values, predicted, judged))
    return machine_code([(_judge, judging)], elementary, ranking, sums)[0]


def judge(rows: Floats, p: Array, miss: Array, labels: Groups, bins: int, to: Predicted) -> Judged:
    """What comes of rows.

    Args:
        rows: (n, K) logits or probabilities.
        p: (K, n) their probabilities.
        miss: (n,) 1 - p of the true classes.
        labels: (n,) true classes.
        bins: of the calibration.
        to: where the predicted classes are put.

    Returns:
        What came of them; nothing in `brier` for many classes, which NumPy adds in another order.

    Raises:
        IndexError: there is no such class; machine code would read whatever memory is there.
    """
    n, k = rows.shape
    numbers, steps, ranks = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    judged = Judged(numbers, steps, ranks, np.empty(n if k <= NARROW else 0))
    dtype = np.float32 if rows.dtype == np.float32 else np.float64
    z = np.require(rows, dtype, ["C", "A"])
    (of,), (apart,) = columns(np.int64, labels), columns(np.float64, miss)
    check(of, k)
    loops()(z, p, apart, of, bin_edges(bins), to, judged)
    return judged
