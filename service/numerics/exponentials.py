"""Exponentials of rows of logits, each relative to one reference, to the last digits.

Softmax and its losses need only ratios of exponentials, so that any reference serves. Subtracting
the largest logit, as is usual, rounds: at a margin of 745 that alone costs 500 ulp of the
exponential. A row of ordinary size is therefore not shifted at all (Blanchard, Higham & Higham,
IMA J. Numer. Anal. 41, 2021: shifting does not make it more accurate); the others are, and
carry the error of the shift along.
"""

import math

import numpy as np

from service.numerics.arrays import Array, Floats, by_class
from service.numerics.errorfree import two_difference, two_product

LARGEST_TOTAL = 2.0**100
SMALLEST_TOTAL = 2.0**-100
FAINT = 2.0**-900
"""Weights below this are close to the end of float64's range and may have lost digits."""

VANISHED = -800.0
"""exp is 0 below this, so a remainder there has no effect (and may not be finite)."""


def exponentials(logits: Floats, temperature: float, weights: Array) -> Array:
    """Fills in exp((z_j - r) / T) for one reference r of each row.

    The largest weight of a row and their sum are within 2**±100, and a weight is below the normal
    range only if its share of the sum is.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.
        weights: (k, n), receives the exponentials.

    Returns:
        (n,) the references: 0, or the row's largest logit.
    """
    references = np.zeros(len(logits))
    if temperature != 1.0:
        weights[...], references[...] = _shifted(logits, temperature)
        return references
    np.copyto(weights, logits.T)
    np.exp(weights, out=weights)
    total = weights.sum(axis=0)
    rows = np.flatnonzero((total < 1.0) | (total > LARGEST_TOTAL))
    if rows.size:
        total = total[rows]
        small = (total > SMALLEST_TOTAL) & (total < 1.0)
        rows = rows[~(small & (weights[:, rows].min(axis=0) > FAINT))]
        weights[:, rows], references[rows] = _shifted(logits[rows], temperature)
    return references


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


def quotients(z: Array, references: Array, temperature: float) -> tuple[Array, Array]:
    """(z - reference) / T rounded, and the remainder of both roundings.

    Args:
        z: (k, n) logits, finite or -inf.
        references: (n,), >= the logits.
        temperature: T > 0.

    Returns:
        The quotients, -inf where they exceed float64, and their remainders, meaningful (to first
        order) where the quotient is above -800.
    """
    gaps, remainders = two_difference(z, references)
    if temperature == 1.0:
        return gaps, remainders
    mantissa, exponent = math.frexp(temperature)
    exponents = np.full(references.shape, -exponent)
    # A difference beyond float64 may come back into range by the division: take a quarter of it.
    wide = (np.isneginf(gaps) & np.isfinite(z)).any(axis=0)
    if wide.any():
        gaps[:, wide], remainders[:, wide] = two_difference(
            z[:, wide] * 0.25, references[wide] * 0.25
        )
        exponents[wide] += 2
    gaps, remainders = np.ldexp(gaps, exponents), np.ldexp(remainders, exponents)
    answer = gaps / mantissa
    high, low = two_product(answer, mantissa)
    return answer, (((gaps - high) - low) + remainders) / mantissa
