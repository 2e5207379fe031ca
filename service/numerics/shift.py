"""Rows of logits relative to their largest entry, with the digits that a plain difference loses."""

import math
from typing import NamedTuple

import numpy as np

from service.numerics.arrays import Array, Floats, Integers

VANISHED = -800.0
"""exp is 0 below this, so a remainder there has no effect (and may not be finite)."""

SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp's constant for float64


class Shifted(NamedTuple):
    """Rows of logits seen from their largest entry.

    Attributes:
        top: (n,) the column of the largest entry, the first one among equals.
        gaps: (n, k) (z_j - z_top) / T, all <= 0.
        weights: (n, k) exp of the exact gaps; 1 at `top`.
        others: (n,) the sum of the weights without `top`.
    """

    top: Integers
    gaps: Array
    weights: Array
    others: Array


def two_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """fl(a - b) and its rounding error: their exact sum is a - b (Knuth's TwoSum, TAOCP 4.2.2)."""
    difference = a - b
    virtual = difference - a
    return difference, (a - (difference - virtual)) - (b + virtual)


def two_product(a: Array, b: float | Array) -> tuple[Array, Array]:
    """fl(a b) and its rounding error (Dekker 1971); |a|, |b| and |a b| within 2**±960."""
    product = a * b
    a_high = SPLITTER * a - (SPLITTER * a - a)
    b_high = SPLITTER * b - (SPLITTER * b - b)
    a_low, b_low = a - a_high, b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


def shifted(logits: Floats, temperature: float) -> Shifted:
    """Shifts rows by their largest entry and exponentiates them to full accuracy.

    exp((z_j - z_top) / T) = exp(d) (1 + e), where d is the rounded quotient and e what the
    rounding took away: up to 5e-14 at d = -745, which would be 500 ulp of the exponential.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.

    Returns:
        The shifted rows.
    """
    z = logits.astype(np.float64, copy=False)
    top = z.argmax(axis=1)
    largest = np.take_along_axis(z, top[:, None], axis=1)
    # -inf - finite, differences beyond float64 and their remainders are all meant: the weight is 0.
    with np.errstate(all="ignore"):
        gaps, remainders = _quotients(z, largest, temperature)
        remainders[gaps < VANISHED] = 0.0
        weights = np.exp(gaps)
        weights += weights * remainders
    np.put_along_axis(weights, top[:, None], 0.0, axis=1)
    others = weights.sum(axis=1)
    np.put_along_axis(weights, top[:, None], 1.0, axis=1)
    return Shifted(top, gaps, weights, others)


def _quotients(z: Array, largest: Array, temperature: float) -> tuple[Array, Array]:
    """(z - largest) / T rounded, and the remainder of the rounding."""
    gaps, remainders = two_difference(z, largest)
    if temperature == 1.0:
        return gaps, remainders
    mantissa, exponent = math.frexp(temperature)
    exponents = np.full_like(largest, -exponent, dtype=np.int64)
    # A difference beyond float64 may come back into range by the division: take a quarter of it.
    wide = (np.isneginf(gaps) & np.isfinite(z)).any(axis=1)
    if wide.any():
        gaps[wide], remainders[wide] = two_difference(z[wide] * 0.25, largest[wide] * 0.25)
        exponents[wide] += 2
    gaps, remainders = np.ldexp(gaps, exponents), np.ldexp(remainders, exponents)
    quotients = gaps / mantissa
    high, low = two_product(quotients, mantissa)
    return quotients, (((gaps - high) - low) + remainders) / mantissa
