"""The steps of cross-entropy on ordinary rows as machine code, by Numba: the extra `fast`.

NumPy has vectors for float64 exponentials only where the processor has AVX-512, and makes a pass
over memory for each step. Here the steps follow each other on rows that are in the cache, and LLVM
makes vectors of them for the processor it runs on. A row gets the same bits in any batch, on any
thread and on every processor.
"""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

from service.numerics import elementary, errorfree
from service.numerics.arrays import NARROW, Array, Floats, Integers
from service.numerics.compiled_shares import divide, spread
from service.numerics.errorfree import Pair
from service.numerics.machine import NAME, machine_code

__all__ = ["NAME", "divide", "log_one_plus", "loops", "spread", "weigh"]

STRIP = 256
"""Rows of few classes that are worked on together: their exponentials stay in the L1 cache."""

LANES = 16
"""Sums that a long row is added up in, side by side."""


@numba.njit(inline="always")
def exponentials_of(z: Floats, out: Array) -> None:
    """exp(z) into other memory: LLVM makes no vectors of a loop that overwrites its input."""
    for i in range(z.size):
        out[i] = elementary.exponential(z[i])


two_sum = numba.njit(inline="always")(errorfree.two_sum)


@numba.njit(inline="always")
def add(terms: Array, high: Array, low: Array) -> None:
    """Adds terms to as many sums, and what the roundings lost to others."""
    for i in range(terms.size):
        high[i], lost = two_sum(high[i], terms[i])
        low[i] += lost


@numba.njit(inline="always")
def put_sums(high: Any, low: Any, i: int, own: Array, others: Pair, total: Pair) -> None:
    """Puts the sum of the other weights of a row, and that of all, where they belong."""
    of_others = two_sum(high, low)
    of_all = two_sum(of_others.high, own[i])
    others.high[i], others.low[i] = of_others
    total.high[i], total.low[i] = of_all.high, of_all.low + of_others.low


def _weigh_short(
    z: Floats, classes: Integers, weights: Array, own: Array, others: Pair, total: Pair
) -> None:
    """`weigh` for (k, n) weights: the same class of many rows side by side."""
    n, k = z.shape
    strip, high, low = np.empty(STRIP), np.empty(STRIP), np.empty(STRIP)
    for start in range(0, n, STRIP):
        end = min(start + STRIP, n)
        for c in range(k):
            for i in range(end - start):
                strip[i] = z[start + i, c]
            exponentials_of(strip[: end - start], weights[c, start:end])
        for i in range(start, end):
            own[i] = weights[classes[i], i]
            weights[classes[i], i] = 0.0
        high[:] = 0.0
        low[:] = 0.0
        for c in range(k):
            add(weights[c, start:end], high, low)
        for i in range(start, end):
            put_sums(high[i - start], low[i - start], i, own, others, total)


def _weigh_long(
    z: Floats, classes: Integers, weights: Array, own: Array, others: Pair, total: Pair
) -> None:
    """`weigh` for (n, k) weights: a row after the other, its sum in lanes that meet at the end."""
    n, k = z.shape
    highs, lows = np.empty(LANES), np.empty(LANES)
    for i in range(n):
        exponentials_of(z[i], weights[i])
        own[i] = weights[i, classes[i]]
        weights[i, classes[i]] = 0.0
        highs[:] = 0.0
        lows[:] = 0.0
        for start in range(0, k, LANES):
            end = min(start + LANES, k)
            add(weights[i, start:end], highs[: end - start], lows[: end - start])
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            add(highs[lanes : 2 * lanes], highs[:lanes], lows[:lanes])
            for lane in range(lanes):
                lows[lane] += lows[lanes + lane]
        put_sums(highs[0], lows[0], i, own, others, total)


def _log_one_plus(x: Array, out: Array) -> None:
    for i in range(x.size):
        out[i] = elementary.log_one_plus(x[i])


class Loops(NamedTuple):
    """The compiled loops."""

    weigh_short: Any
    weigh_long: Any
    log_one_plus: Any


@cache
def loops() -> Loops:
    """The loops, compiled or from the files of a former run."""
    vector, table = types.Array(types.float64, 1, "C"), types.Array(types.float64, 2, "C")
    classes = types.Array(types.intp, 1, "C", readonly=True)
    pair = types.NamedUniTuple(vector, 2, Pair)
    weigh = []
    for dtype in (types.float64, types.float32):
        logits = types.Array(dtype, 2, "C", readonly=True)
        weigh.append(types.void(logits, classes, table, vector, pair, pair))
    sources = (
        (_weigh_short, weigh),
        (_weigh_long, weigh),
        (_log_one_plus, [types.void(vector, vector)]),
    )

    return Loops(*machine_code(sources, elementary, errorfree))


def weigh(logits: Floats, classes: Integers, weights: Array) -> tuple[Array, Pair, Pair]:
    """Puts exp(z) of (n, k) logits into (k, n) weights and takes one class of each row out of them.

    Args:
        logits: (n, k).
        classes: (n,) the class to take out.
        weights: (k, n) in the layout of `class_first`.

    Returns:
        (n,) the weight of that class, which is 0 among the weights, the sums of the others, and
        those of all.

    Raises:
        IndexError: there is no such class; machine code would write to whatever memory is there.
    """
    n, k = logits.shape
    if n and not 0 <= classes.min() <= classes.max() < k:
        raise IndexError(f"a class is not in 0..{k - 1}")
    dtype = np.float32 if logits.dtype == np.float32 else np.float64
    z, y = np.require(logits, dtype, ["C", "A"]), np.require(classes, np.intp, ["C", "A"])
    own, others, total = np.empty(n), *(Pair(np.empty(n), np.empty(n)) for _ in range(2))
    if k <= NARROW:
        loops().weigh_short(z, y, weights, own, others, total)
    else:
        loops().weigh_long(z, y, weights.T, own, others, total)
    return own, others, total


def log_one_plus(x: Array) -> Array:
    """log(1 + x) of (n,) numbers >= 0."""
    out = np.empty(x.shape)
    loops().log_one_plus(x, out)
    return out
