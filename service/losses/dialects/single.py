"""Arithmetic in float32 as the libraries do it: each step rounded, each function correctly.

The libraries' own exp and log are within 1 ulp of the rounded value and NumPy's float32 ones within
4, so these go through float64. Sums are those of the float32 terms, rounded once: the libraries
add in cascades or trees whose error stays near that.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]
EPSILON = np.float32(1e-7)
"""Keras' `backend.epsilon()`."""
ALMOST_ONE = np.float32(1 - 1e-7)
"""1 - 2^-23: what 1 - 1e-7 is in float32."""


def f32(array: npt.NDArray[Any] | float) -> Single:
    """Rounds to float32; what is beyond its range becomes infinite."""
    return np.asarray(array).astype(np.float32)


def exp(x: Single) -> Single:
    """e^x."""
    return f32(np.exp(x.astype(np.float64)))


def log(x: Single) -> Single:
    """Natural logarithm."""
    return f32(np.log(x.astype(np.float64)))


def log1p(x: Single) -> Single:
    """log(1 + x)."""
    return f32(np.log1p(x.astype(np.float64)))


def power(x: Single, exponent: float) -> Single:
    """x^exponent, the exponent rounded to float32 too."""
    return f32(np.power(x.astype(np.float64), float(np.float32(exponent))))


def total(x: Single) -> np.float32:
    """Sum of all elements."""
    return np.float32(np.sum(x, dtype=np.float64))


def row_sums(x: Single) -> Single:
    """Sums over the last axis."""
    return f32(np.sum(x, axis=-1, dtype=np.float64))


def _sums_of_exponentials(x: Single) -> Single:
    # Up to 8 classes fill no vector register, and PyTorch adds them one by one. The order above
    # that depends on the processor; the rounded sum lies between what they give.
    if 0 < x.shape[-1] <= 8:
        return np.add.accumulate(x, axis=-1)[..., -1:]
    return row_sums(x)[..., None]


def log_softmax(x: Single) -> tuple[Single, bool]:
    """(x - max) - log sum exp(x - max) over the last axis.

    Returns:
        The logarithms, and whether a row's other classes vanished beside its largest one.
    """
    shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
    exponentials = exp(shifted)
    sums = _sums_of_exponentials(exponentials)
    possible = np.count_nonzero(x > -np.inf, axis=-1, keepdims=True)
    return shifted - log(sums), bool(np.any((sums == 1) & (possible > 1)))


def softmax(x: Single) -> Single:
    """exp(x - max) (1 / sum exp(x - max)) over the last axis."""
    exponentials = exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return exponentials * (np.float32(1) / _sums_of_exponentials(exponentials))


def sigmoid(x: Single) -> Single:
    """1 / (1 + exp(-x))."""
    return np.float32(1) / (np.float32(1) + exp(-x))


def clip(x: Single, high: np.float32 = ALMOST_ONE) -> Single:
    """To [1e-7, high], high 1 - 1e-7 unless given; NaN stays."""
    return np.clip(x, EPSILON, high)
