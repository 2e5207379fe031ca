"""What weights are divided into as machine code: probabilities, and gradients."""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from service.numerics import errorfree
from service.numerics.arrays import NARROW, Array, Floats, Integers
from service.numerics.errorfree import Pair
from service.numerics.exponentials import Exponentials
from service.numerics.machine import machine_code

STRIP = 256
"""Rows of few classes that are worked on together."""

quotient = numba.njit(inline="always", error_model="numpy")(errorfree.quotient)


@numba.njit(inline="always")
def _share(high: Any, low: Any, total: Pair, i: int) -> Any:
    return quotient(Pair(high, low), Pair(total.high[i], total.low[i]))


def _spread_short(
    weights: Array, classes: Integers, others: Array, factors: Pair, total: Pair, out: Floats
) -> None:
    """`spread` for (k, n) weights."""
    k, n = weights.shape
    strip = np.empty(STRIP)
    for start in range(0, n, STRIP):
        rows = min(STRIP, n - start)
        for i in range(rows):
            strip[i] = _share(factors.high[start + i], factors.low[start + i], total, start + i)
        for c in range(k):
            for i in range(rows):
                out[start + i, c] = weights[c, start + i] * strip[i]
        for i in range(rows):
            out[start + i, classes[start + i]] = 0.0 - others[start + i] * strip[i]


def _spread_long(
    weights: Array, classes: Integers, others: Array, factors: Pair, total: Pair, out: Floats
) -> None:
    """`spread` for (n, k) weights, which may be the memory that is written to."""
    n, k = weights.shape
    for i in range(n):
        share = _share(factors.high[i], factors.low[i], total, i)
        for c in range(k):
            out[i, c] = weights[i, c] * share
        out[i, classes[i]] = 0.0 - others[i] * share


def _divide_short(
    weights: Array, classes: Integers, own: Array, others: Array, total: Pair, miss: Array
) -> None:
    """`divide` for (k, n) weights."""
    k, n = weights.shape
    strip = np.empty(STRIP)
    for start in range(0, n, STRIP):
        rows = min(STRIP, n - start)
        for i in range(rows):
            strip[i] = _share(1.0, 0.0, total, start + i)
            miss[start + i] = others[start + i] * strip[i]
        for c in range(k):
            for i in range(rows):
                weights[c, start + i] *= strip[i]
        for i in range(rows):
            weights[classes[start + i], start + i] = own[start + i] * strip[i]


def _divide_long(
    weights: Array, classes: Integers, own: Array, others: Array, total: Pair, miss: Array
) -> None:
    """`divide` for (n, k) weights."""
    n, k = weights.shape
    for i in range(n):
        share = _share(1.0, 0.0, total, i)
        miss[i] = others[i] * share
        for c in range(k):
            weights[i, c] *= share
        weights[i, classes[i]] = own[i] * share


class Loops(NamedTuple):
    """The compiled loops."""

    spread_short: Any
    spread_long: Any
    divide_short: Any
    divide_long: Any


@cache
def loops() -> Loops:
    """The loops, compiled or from the files of a former run."""
    vector, table = types.Array(types.float64, 1, "C"), types.Array(types.float64, 2, "C")
    classes = types.Array(types.intp, 1, "C", readonly=True)
    pair = types.NamedUniTuple(vector, 2, Pair)
    gradients = [types.Array(dtype, 2, "C") for dtype in (types.float64, types.float32)]
    spread = [types.void(table, classes, vector, pair, pair, of) for of in gradients]
    divide = [types.void(table, classes, vector, vector, pair, vector)]
    sources = (
        (_spread_short, spread),
        (_spread_long, spread),
        (_divide_short, divide),
        (_divide_long, divide),
    )
    return Loops(*machine_code(sources, errorfree))


def spread(found: Exponentials, classes: Integers, factors: Pair, out: Floats) -> None:
    """Puts weights * factor / total into rows and, at the class taken out, minus the others' sum.

    Args:
        found: of (n, k) rows.
        classes: (n,) the class that was taken out of the weights.
        factors: (n,).
        out: (n, k) contiguous rows of float64 or float32; may be the memory of the weights.
    """
    y = np.require(classes, np.intp, ["C", "A"])
    factors = Pair(*(np.require(part, np.float64, ["C", "A"]) for part in factors))
    if len(found.weights) <= NARROW:
        loops().spread_short(found.weights, y, found.others.high, factors, found.total, out)
    else:
        loops().spread_long(found.weights.T, y, found.others.high, factors, found.total, out)


def divide(found: Exponentials, classes: Integers) -> Array:
    """Makes probabilities of weights, of the class taken out as well, and sums those of the others.

    Args:
        found: of (n, k) rows; its weights are overwritten.
        classes: (n,) the class that was taken out of the weights.

    Returns:
        (n,) the sum of the others' probabilities.
    """
    weights, own, others, total, _ = found
    y, miss = np.require(classes, np.intp, ["C", "A"]), np.empty(own.size)
    if len(weights) <= NARROW:
        loops().divide_short(weights, y, own, others.high, total, miss)
    else:
        loops().divide_long(weights.T, y, own, others.high, total, miss)
    return miss
