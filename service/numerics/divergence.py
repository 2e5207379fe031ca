"""Entropy and divergences of rows of probabilities, in nats, without cancellation."""

import math

import numpy as np

from service.numerics.arrays import Array
from service.numerics.errorfree import Pair, column_sums, minus, two_product

SERIES = tuple(1.0 / (2 * i + 3) for i in range(18))
"""atanh(s) = s + s^3 (1/3 + s^2/5 + ...); 18 terms reach 2**-57 at s = 1/3."""

FACTORIALS = tuple(1.0 / math.factorial(i) for i in range(2, 20))
"""exp(t) = 1 + t + t^2 (1/2! + t/3! + ...); 18 terms reach 2**-57 at t = 1."""


def expm1_minus(t: Array) -> Array:
    """expm1(t) - t, to full accuracy near 0, where the two cancel.

    Args:
        t: any shape.

    Returns:
        Values >= 0 of the same shape.
    """
    with np.errstate(all="ignore"):  # overflow is meant; the series is not used there
        near = t * t * _polynomial(FACTORIALS, t)
        return np.where(np.abs(t) <= 1.0, near, np.expm1(t) - t)


def entropy_from_logs(log_p: Array) -> Array:
    """Entropies sum_c -p log p of log-probabilities, 0 log 0 = 0.

    Args:
        log_p: (n, k) log-probabilities, -inf allowed.

    Returns:
        (n,) entropies, in nats.
    """
    return row_sums(np.exp(log_p) * np.where(np.isneginf(log_p), 0.0, -log_p))


def kullback_leibler(p: Array, q: Pair, difference: Pair | None = None) -> Array:
    """Divergences sum_c (p log(p / q) - p + q).

    The textbook's sum where both rows sum to 1; every term is >= 0, so that the result is, and
    nothing cancels between the classes.

    Args:
        p: (n, k) probabilities.
        q: (n, k) probabilities; p > 0 = q makes the divergence inf.
        difference: (n, k) q - p, where it is known better than that.

    Returns:
        (n,) divergences, in nats, >= 0.
    """
    exact = Pair(p, np.zeros_like(p))
    return row_sums(_relative(exact, q, minus(q, p) if difference is None else difference))


def jensen_shannon(p: Array, q: Pair, difference: Pair | None = None) -> Array:
    """Divergences (KL(p, m) + KL(q, m)) / 2 from the middle m = (p + q) / 2.

    m is never rounded: m - p = (q - p) / 2 keeps the digits in which p and q differ.

    Args:
        p: (n, k) probabilities.
        q: (n, k) probabilities.
        difference: (n, k) q - p, as in `kullback_leibler`.

    Returns:
        (n,) divergences, in nats, between 0 and log 2.
    """
    middle = Pair(*(0.5 * part for part in minus(q, -p)))
    half = Pair(*(0.5 * part for part in difference or minus(q, p)))
    back = Pair(-half.high, -half.low)
    exact = Pair(p, np.zeros_like(p))
    return row_sums(0.5 * (_relative(exact, middle, half) + _relative(q, middle, back)))


def _relative(p: Pair, q: Pair, d: Pair) -> Array:
    """The terms p log(p / q) - p + q, with d = q - p; q where p = 0.

    Near p they are p (x - log1p(x)) with x = d / p, where the two cancel. With s = d / (2 p + d),
    log1p(x) = 2 atanh(s), and the term is s (d - 2 p s^2 (1/3 + s^2/5 + ...)). Far from p the
    logarithm of the rounded ratio r is taken, p log(p / q) = p log r + (p - r q) to first order,
    or, should the ratio leave float64, the difference of the logarithms.
    """
    with np.errstate(all="ignore"):  # branches that are not used may divide by 0 or overflow
        r = p.high / q.high
        inside = (r > 0.0) & (r < np.inf)
        logarithm = np.where(inside, np.log(r), np.log(p.high) - np.log(q.high))
        product, back = two_product(p.high, logarithm), two_product(r, q.high)
        lost = ((p.high - back.high) - back.low) + (p.low - r * q.low)
        low = product.low + (p.low * logarithm + (lost + d.low))
        far = product.high + d.high
        far = np.where(np.isfinite(low), far + low, far)
        s = d.high / (2.0 * p.high + d.high)
        square = s * s
        near = s * (d.high - p.high * (2.0 * square * _polynomial(SERIES, square)))
        close = (d.high >= -0.5 * p.high) & (d.high <= p.high)
    return np.where(p.high == 0.0, q.high, np.where(close, near, far))


def row_sums(terms: Array) -> Array:
    """Sums of rows, to which a large term does not cost the digits of many small ones.

    Args:
        terms: (n, k) of any sign, infinities allowed.

    Returns:
        (n,) sums, whose errors are small beside the sums of the absolute terms.
    """
    with np.errstate(all="ignore"):
        plain: Array = terms.sum(axis=-1)
        up = column_sums(np.maximum(terms, 0.0).T)
        exact = up.high
        if (terms < 0.0).any():
            down = column_sums(np.maximum(-terms, 0.0).T)
            exact = (up.high - down.high) + (up.low - down.low)
    return np.where(np.isfinite(plain) & np.isfinite(exact), exact, plain)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """The sum of coefficients[i] x**i, by Horner's rule."""
    answer = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        answer *= x
        answer += coefficient
    return answer
