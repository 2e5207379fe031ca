"""Exact values as pairs of float64 numbers, and the errors of computed ones in ulp."""

from typing import Any, NamedTuple

import numpy as np
from mpmath import mp, mpf

mp.prec = 220

LN2 = mp.log(2)

ZERO, ONE = mpf(0), mpf(1)

DOUBLED = 106
"""Bits of a pair."""


class Exact(NamedTuple):
    """Exact values as unevaluated sums high + low, and the size their error is measured against."""

    high: np.ndarray
    low: np.ndarray
    size: np.ndarray

    def ulps(self, computed: np.ndarray) -> np.ndarray:
        """Errors in ulp of the size, where that is normal; inf for a nan or a wrong infinity.

        The ulp and the normal numbers are those of the dtype of what was computed.
        """
        kind = np.finfo(computed.dtype)
        size = np.minimum(self.size, float(kind.max)).astype(kind.dtype)
        values = computed.astype(np.float64)
        with np.errstate(all="ignore"):
            errors = np.abs((values - self.high) - self.low) / np.spacing(size).astype(np.float64)
            errors[np.isinf(values) & (self.high.astype(kind.dtype) == computed)] = 0.0
        errors[np.isnan(errors)] = np.inf
        return errors[size >= kind.tiny]


def exact(values: list, sizes: list | None = None) -> Exact:
    """The pairs of a (nested) list of mpf; errors count against the values, or else the sizes."""
    high, low = pairs(values)
    size = np.abs(high if sizes is None else pairs(sizes)[0])
    return Exact(high, low, np.minimum(size, np.finfo(np.float64).max))


def pairs(values: list) -> tuple[np.ndarray, np.ndarray]:
    """The nearest float64 of every mpf, infinite beyond the largest, and the rest."""
    array = np.array(values, dtype=object)
    parts = np.array([split(v) for v in array.flat]).reshape(*array.shape, 3)
    exponents = parts[..., 2].astype(np.int64)
    with np.errstate(over="ignore", under="ignore"):
        high, low = (np.ldexp(parts[..., i], exponents) for i in (0, 1))
    low[~np.isfinite(high)] = 0.0
    return high, low


def split(value: Any) -> tuple[float, float, int]:
    """An mpf as (high + low) * 2**exponent; its parts are integers, which Python rounds once."""
    sign, mantissa, exponent, bits = value._mpf_
    if not mantissa:
        return float(value), 0.0, 0
    if bits > DOUBLED:
        mantissa >>= bits - DOUBLED
        exponent += bits - DOUBLED
    high = float(mantissa)
    low = float(mantissa - int(high))
    exponent = max(-9999, min(9999, exponent))
    return (-high, -low, exponent) if sign else (high, low, exponent)


def magnitude(value: Any) -> int:
    """The e of 2**(e - 1) <= |value| < 2**e; comparing two mpf takes ten times as long."""
    _, mantissa, exponent, bits = value._mpf_
    if mantissa:
        return exponent + bits
    return 1 << 30 if exponent else -(1 << 30)


def normal(value: Any) -> bool:
    """Whether float64 has all digits of a value: what is below its normal range loses some."""
    return magnitude(value) > -1022


def finite(value: Any) -> bool:
    """Whether a value is within float64."""
    return magnitude(value) <= 1024
