"""Exponential and logarithm of pairs of float64, to twice the digits.

An exponential is 2**(n / 4096) exp(r), |r| <= ln 2 / 8192, where the power is from a table, as in
P. T. P. Tang, "Table-driven implementation of the exponential function in IEEE floating-point
arithmetic", ACM Trans. Math. Softw. 15 (1989), but with every step carried as a pair.
"""

import math
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from service.numerics.errorfree import Pair, as_pair, two_product, two_sum

STEPS = 4096
"""Entries of the table: the cube of r, the first term without a remainder, is then 2**-43 of 1."""

FIXED = 128
"""Bits after the point of the integers that the table is made from."""


def exponential(x: Pair) -> tuple[Pair, npt.NDArray[np.int64]]:
    """Exp x as m 2**e with 0.99 < m < 2, to 94 bits.

    Args:
        x: within +-VANISHED.
    """
    steps, change = _reduced(x)
    exponents, places = steps >> STEPS.bit_length() - 1, steps & STEPS - 1
    high, low = POWERS.high[places], POWERS.low[places]
    product = two_product(high, change.high)
    total = two_sum(high, product.high)
    small = product.low + (high * change.low + low * (1.0 + change.high))
    return two_sum(total.high, total.low + small), exponents


def log1p(x: Pair) -> Pair:
    """log(1 + x) for 0 <= x < 1e300: a step of Newton from the rounded logarithm."""
    first = np.log1p(x.high)
    back = expm1(as_pair(first))
    return two_sum(first, ((x.high - back.high) + (x.low - back.low)) / (1.0 + x.high))


def expm1(x: Pair) -> Pair:
    """Exp x - 1, without the 1 near 0, where it would cost the digits."""
    steps, change = _reduced(x)
    power, exponents = exponential(x)
    whole = two_sum(np.ldexp(power.high, exponents), -np.ones_like(x.high))
    whole = two_sum(whole.high, whole.low + np.ldexp(power.low, exponents))
    near = steps == 0
    return Pair(*(np.where(near, *parts) for parts in zip(change, whole, strict=True)))


def _reduced(x: Pair) -> tuple[npt.NDArray[np.int64], Pair]:
    """The n and exp(r) - 1 of x = n ln 2 / 4096 + r, |r| <= ln 2 / 8192."""
    steps = np.rint(x.high * (STEPS / math.log(2.0)))
    # the first product is exact, and so is its difference
    r = two_sum(x.high - steps * STEP[0], -steps * STEP[1])
    r = two_sum(r.high, r.low + (x.low - steps * STEP[2]))
    square = two_product(r.high, r.high)
    tail = np.full_like(r.high, 1.0 / 720.0)
    for factorial in (120.0, 24.0, 6.0):
        tail *= r.high
        tail += 1.0 / factorial
    tail *= square.high * r.high
    change = two_sum(r.high, 0.5 * square.high)
    change_low = change.low + (r.low + 0.5 * square.low + r.high * r.low + tail)
    return steps.astype(np.int64), two_sum(change.high, change_low)


def _step() -> tuple[float, float, float]:
    """Ln 2 / 4096 in three parts, of which the first two have 30 bits: times n they are exact."""
    rest, parts = Fraction(Decimal(2).ln(Context(prec=60))) / STEPS, []
    for bits in (42, 72):
        parts.append(float(Fraction(math.floor(rest * 2**bits), 2**bits)))
        rest -= Fraction(parts[-1])
    return parts[0], parts[1], float(rest)


def _powers() -> Pair:
    """2**(i / STEPS) for i from 0 to STEPS - 1, by roots of integers."""
    root = 2 << FIXED
    for _ in range(STEPS.bit_length() - 1):
        root = math.isqrt(root << FIXED)
    values = [1 << FIXED]
    for _ in range(STEPS - 1):
        values.append(values[-1] * root >> FIXED)
    high = [float(value) for value in values]
    low = [float(value - int(head)) for value, head in zip(values, high, strict=True)]
    return Pair(np.ldexp(high, -FIXED), np.ldexp(low, -FIXED))


STEP = _step()
POWERS = _powers()
