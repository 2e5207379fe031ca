"""exp and log1p in plain arithmetic without branches, of which Numba makes vectors.

Products and sums are fused where the code says so and nowhere else, so that neither the processor,
nor the place of a number in a vector changes a bit.
"""

from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471805599453
LN2_LOW = 2.3190468138462996e-17

ROUND = 1.5 * 2.0**52
"""A number below 2**51 plus this is rounded to an integer, which is in the last bits of the sum."""

# exp(r) = 1 + r + r**2 / 2 + r**3 P(r) for |r| <= ln(2) / 2, P of degree 9 from the nodes of
# Chebyshev (mpmath.chebyfit): wrong by 3.4e-19, a thousandth of an ulp.
P0 = 0.16666666666666669
P1 = 0.041666666666666664
P2 = 0.008333333333330062
P3 = 0.0013888888888886552
P4 = 0.00019841269863053618
P5 = 2.4801587317144498e-05
P6 = 2.7557268459997064e-06
P7 = 2.755728296954995e-07
P8 = 2.510038549551032e-08
P9 = 2.0911236630261545e-09

# log(1 + f) = f - f**2 / 2 + s (f**2 / 2 + s**2 Q(s**2)), s = f / (2 + f), and ln(2) in two parts.
Q0 = 6.666666666666735130e-01
Q1 = 3.999999999940941908e-01
Q2 = 2.857142874366239149e-01
Q3 = 2.222219843214978396e-01
Q4 = 1.818357216161805012e-01
Q5 = 1.531383769920937332e-01
Q6 = 1.479819860511658591e-01
LN2_HEAD = 6.93147180369123816490e-01
LN2_TAIL = 1.90821492927058770002e-10

ONE = 0x3FF0000000000000
SQRT_HALF = 0x3FE6A09E00000000
EXPONENT_52 = 0x4330000000000000
MANTISSA = 0x000FFFFFFFFFFFFF
"""The bits of 1, of about sqrt(1/2), of 2**52, and those after the exponent."""


@intrinsic
def fused(context: Any, a: Any, b: Any, c: Any) -> Any:
    """A b + c, rounded once."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float64(types.float64, types.float64, types.float64), write


@intrinsic
def bits(context: Any, x: Any) -> Any:
    """The 64 bits of a float64 as an integer."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(types.int64))

    return types.int64(types.float64), write


@intrinsic
def floating(context: Any, x: Any) -> Any:
    """The float64 of 64 bits."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(types.float64))

    return types.float64(types.int64), write


@numba.njit(inline="always")
def power_of_two(rounded: float) -> Any:
    """2**n for -1022 <= n <= 1023 from n + ROUND, whose last bits become the exponent."""
    return floating((bits(rounded) + 1023) << 52)


@numba.njit(inline="always")
def exponential(x: float) -> Any:
    """exp(x) for every float64, within 0.6 ulp: 2**n exp(r), with the remainder of r.

    The power is multiplied in two halves: where the answer is subnormal the second one rounds.
    """
    x = -746.0 if x < -746.0 else x  # 0 below
    x = 710.0 if x > 710.0 else x  # inf above
    n = fused(x, LOG2_E, ROUND) - ROUND
    high = fused(n, -LN2_HIGH, x)
    r = fused(n, -LN2_LOW, high)
    low = fused(n, -LN2_LOW, high - r)
    r2 = r * r
    r4 = r2 * r2
    p = fused(fused(P9, r, P8), r4, fused(fused(P7, r, P6), r2, fused(P5, r, P4)))
    p = fused(p, r4, fused(fused(P3, r, P2), r2, fused(P1, r, P0)))
    p = fused(p, r, 0.5)
    total = 1.0 + r
    rest = ((1.0 - total) + r) + fused(r2, p, low)
    half = fused(n, 0.5, ROUND)
    other = (n - (half - ROUND)) + ROUND
    return ((total + rest) * power_of_two(half)) * power_of_two(other)


@numba.njit(inline="always")
def log_one_plus(x: float) -> Any:
    """log(1 + x) for x >= 0, inf or nan, within 0.8 ulp, the answers of FreeBSD's `log1p`.

    1 + x = 2**e (1 + f) (1 + lost), and log(1 + f) is a series in s = f / (2 + f).
    """
    total = 1.0 + x
    lost = (x - (total - 1.0) if x < 1.0 else 1.0 - (total - x)) / total
    shifted = bits(total) + (ONE - SQRT_HALF)
    e = floating((shifted >> 52) | EXPONENT_52) - (2.0**52 + 1023.0)
    f = floating((shifted & MANTISSA) + SQRT_HALF) - 1.0
    small = x < 0.4142  # e = 0, and x has all digits
    e, f, lost = 0.0 if small else e, x if small else f, 0.0 if small else lost
    half = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    p = fused(z, fused(z, fused(z, Q6, Q5), Q4), Q3)
    p = z * fused(z, fused(z, fused(z, p, Q2), Q1), Q0)
    low = fused(e, LN2_TAIL, lost)
    answer = fused(e, LN2_HEAD, f - (half - fused(s, half + p, low)))
    return answer if x < np.inf else x
