"""Logarithms near 1, in nats or in bits."""

import math
from fractions import Fraction

import numpy as np

from service.numerics import engine
from service.numerics.arrays import Array
from service.numerics.errorfree import Pair, pair_product, two_sum

BITS_PER_NAT = 1.0 / math.log(2.0)
BITS_PER_NAT_LOW = 2.0355273740931033e-17

NAT_IN_BITS = Fraction(BITS_PER_NAT) + Fraction(BITS_PER_NAT_LOW)
"""1 / ln 2 to 106 bits."""


def nats_to_unit(nats: Array, *, bits: bool) -> Array:
    """The same amount in bits, or unchanged."""
    return nats * BITS_PER_NAT if bits else nats


def in_bits(nats: Pair) -> Pair:
    """The same amounts in bits, rounded once in `high`: log 8 is 3; infinity stays what it is."""
    exact = pair_product(nats, Pair(np.array(BITS_PER_NAT), np.array(BITS_PER_NAT_LOW)))
    return two_sum(exact.high, np.where(np.isfinite(exact.low), exact.low, 0.0))


def log_one_plus(x: Array, *, bits: bool) -> Array:
    """log(1 + x) for x >= 0, in nats or, with the same accuracy, in bits.

    Bits come from log2 of the rounded 1 + x and a first-order term for what the rounding lost, so
    that powers of two are exact: the uniform loss over 8 classes is 3 bits.
    """
    if not bits:
        return engine.machine_code.log_one_plus(x) if engine.machine_code else np.log1p(x)
    with np.errstate(invalid="ignore"):  # inf - inf where x is infinite, mended below
        total = 1.0 + x
        lost = x - (total - 1.0)
        answer = np.log2(total) + lost / total * BITS_PER_NAT
    return np.where(x < 0.5, np.log1p(x) * BITS_PER_NAT, np.where(np.isinf(x), x, answer))


def log1mexp(x: Array) -> Array:
    """log(1 - exp(x)) for x <= 0.

    Args:
        x: any shape, <= 0, -inf allowed.

    Returns:
        The logarithm: -inf at 0, 0 at -inf.

    Source: M. Maechler, "Accurately computing log(1 - exp(-|a|))" (Rmpfr, 2012).
    """
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):  # each branch is evaluated everywhere, used where it is right
        near = np.log(-np.expm1(x))
        far = np.log1p(-np.exp(x))
    return np.where(x > -math.log(2.0), near, far) + 0.0  # no negative zero
