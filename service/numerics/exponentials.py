"""Exponentials of rows of logits, each relative to one reference, to the last digits.

Softmax and its losses need only ratios of exponentials, so that any reference serves. Subtracting
the largest logit, as is usual, rounds: at a margin of 745 that alone costs 500 ulp of the
exponential. A row of ordinary size is therefore not shifted at all (Blanchard, Higham & Higham,
IMA J. Numer. Anal. 41, 2021: shifting does not make it more accurate); the others are, and
carry the error of the shift along.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from service.numerics import engine
from service.numerics.arrays import Array, Floats, Integers, by_class, in_memory, places
from service.numerics.errorfree import Pair, column_sum, column_sums, two_product, two_sum

LARGEST_TOTAL = 2.0**100
SMALLEST_TOTAL = 2.0**-100
LARGEST_ORDINARY = 69.0
"""The exponential of a logit beyond this is close to the largest total."""

FAINT = 2.0**-900
"""Weights below this are close to the end of float64's range and may have lost digits."""

VANISHED = -800.0
"""exp is 0 below this, so a remainder there has no effect (and may not be finite)."""


class Exponentials(NamedTuple):
    """Weights exp((z_j - r) / T) of rows of logits, for one reference r of each row.

    The total of a row is within 2**±100, and a weight is below float64's normal range only if its
    share of the total is.

    Attributes:
        weights: (k, n), with 0 at the class that was taken out.
        own: (n,) the weight of that class.
        others: (n,) the sum of the other weights.
        total: (n,) the sum of all.
        references: (n,) r: 0, or the row's largest logit.
    """

    weights: Array
    own: Array
    others: Pair
    total: Pair
    references: Array


def exponentials(
    logits: Floats,
    temperature: float,
    classes: Integers,
    weights: Array,
    sums: Callable[[Array], Pair] = column_sums,
) -> Exponentials:
    """Exponentiates rows of logits and takes one class of each row out of the sum.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.
        classes: (n,) the class to take out.
        weights: (k, n), where the weights are to be put.
        sums: how the weights are summed.

    Returns:
        The weights and their sums.
    """
    if temperature != 1.0:
        shifted, references = _shifted(logits, temperature)
        np.copyto(weights, shifted)
        return Exponentials(weights, *_take_out(weights, classes, sums), references)
    if engine.machine_code:
        own, others, total = engine.machine_code.weigh(logits, classes, weights)
    else:
        np.copyto(weights, logits.T)
        np.exp(weights, out=weights)
        own, others, total = _take_out(weights, classes, sums)
    references = np.zeros(len(logits))
    rows = _extraordinary(total.high)
    if rows.size:
        small = (total.high[rows] < 1.0) & (total.high[rows] > SMALLEST_TOTAL)
        part = weights.T[rows].T
        part[classes[rows], np.arange(rows.size)] = own[rows]
        rows = rows[~(small & (part.min(axis=0) > FAINT))]
        shifted, references[rows] = _shifted(logits[rows], temperature)
        own[rows], again, all_of_them = _take_out(shifted, classes[rows], sums)
        weights[:, rows] = shifted
        others.high[rows], others.low[rows] = again
        total.high[rows], total.low[rows] = all_of_them
    return Exponentials(weights, own, others, total, references)


def shares(logits: Floats, temperature: float, weights: Array) -> tuple[Array, Array]:
    """The weights of rows and their sums, where no class is wanted apart from the others.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.
        weights: (k, n), where the weights are to be put.

    Returns:
        The weights and (n,) their sums.
    """
    if temperature != 1.0:
        np.copyto(weights, _shifted(logits, temperature)[0])
        return weights, column_sums(weights).high
    np.copyto(weights, logits.T)
    np.exp(weights, out=weights)
    totals = column_sums(weights).high
    rows = _extraordinary(totals)
    if rows.size:
        fine = (totals[rows] > SMALLEST_TOTAL) & (totals[rows] < 1.0)
        rows = rows[~(fine & (weights.T[rows].T.min(axis=0) > FAINT))]
        shifted, _ = _shifted(logits[rows], temperature)
        weights[:, rows] = shifted
        totals[rows] = column_sums(shifted).high
    return weights, totals


def single_shares(logits: Floats) -> Array | None:
    """The probabilities of one ordinary row of few classes, to the bit those of `shares`.

    A prediction for one row is the most frequent request, and a call of NumPy costs as much as
    ten additions in Python.

    Args:
        logits: (1, k), finite or -inf.

    Returns:
        (1, k) probabilities; `None` for a row that has to be shifted.
    """
    if max(logits.tolist()[0]) > LARGEST_ORDINARY:
        return None  # what overflows would warn, and to switch that off costs more than this
    weights: Array = np.exp(logits, dtype=np.float64)
    total = column_sum(weights.tolist()[0])
    return weights / total if 1.0 <= total < LARGEST_TOTAL else None


def _extraordinary(totals: Array) -> Integers:
    """The rows whose sum is not between 1 and the largest; a nan is in neither."""
    if totals.size and totals.min() >= 1.0 and totals.max() < LARGEST_TOTAL:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero((totals < 1.0) | ~(totals < LARGEST_TOTAL))


def _take_out(
    weights: Array, classes: Integers, sums: Callable[[Array], Pair]
) -> tuple[Array, Pair, Pair]:
    """Takes a class of each row out of the weights: it, the sum of the others, the sum of all."""
    flat, cells = in_memory(weights), places(weights, classes)
    own = flat.take(cells)
    flat[cells] = 0.0
    others = sums(weights)
    return own, others, _with(own, others)


def _with(own: Array, others: Pair) -> Pair:
    total = two_sum(others.high, own)
    return Pair(total.high, total.low + others.low)


def _shifted(logits: Floats, temperature: float) -> tuple[Array, Array]:
    """The weights relative to the largest logit, which is returned too.

    With the rounded quotient d and its remainder e, exp(d + e) = exp(d) (1 + e) to first order;
    e is at most 6e-14 where exp(d) is not 0.
    """
    z = by_class(logits)
    largest = z.max(axis=0)
    gaps, remainders = quotients(z, largest, temperature)
    remainders[gaps < VANISHED] = 0.0
    weights = np.exp(gaps, out=gaps)
    remainders *= weights
    weights += remainders
    return weights, largest


def quotients(z: Array, references: Array, temperature: float) -> Pair:
    """(z - reference) / T rounded, and the remainder of both roundings.

    Args:
        z: (k, n) logits, finite or -inf.
        references: (n,), >= the logits.
        temperature: T > 0.

    Returns:
        The quotients, -inf where they exceed float64, and their remainders, meaningful (to first
        order) where the quotient is above -800.
    """
    gaps, remainders = two_sum(z, -references)
    if temperature == 1.0:
        return Pair(gaps, remainders)
    mantissa, exponent = math.frexp(temperature)
    exponents = np.full(references.shape, -exponent)
    # A difference beyond float64 may come back into range by the division: take a quarter of it.
    # So may one that is within it, but not the sums that its remainder comes from.
    wide = (~np.isfinite(remainders) & np.isfinite(z)).any(axis=0)
    if wide.any():
        gaps[:, wide], remainders[:, wide] = two_sum(z[:, wide] * 0.25, references[wide] * -0.25)
        exponents[wide] += 2
    gaps, remainders = np.ldexp(gaps, exponents), np.ldexp(remainders, exponents)
    answer = gaps / mantissa
    high, low = two_product(answer, mantissa)
    return Pair(answer, (((gaps - high) - low) + remainders) / mantissa)
