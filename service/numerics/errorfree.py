"""Sums, products and quotients together with what their rounding lost."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from service.numerics.arrays import NARROW, Array

SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp's constant for float64

SPAN = 4096
"""Terms of one BLAS product: longer ones use threads and wait for them."""

LARGE_SHARE = 0.25
"""A term of at least this share of a sum is large."""


SHORT, LONG = 256, 1024
"""Rows up to these many terms are summed in two, in four parts."""


LEAST, MOST = 2.0**-900, 2.0**900
"""Between these, products and quotients are exact in two parts."""


class Pair(NamedTuple):
    """The unevaluated sum of a rounded value and what the rounding lost."""

    high: Array
    low: Array


def as_pair(values: Array) -> Pair:
    """Numbers of which nothing was rounded off, or nothing is known of what was."""
    return Pair(values, np.zeros_like(values))


def two_sum(a: Array, b: Array) -> Pair:
    """A + b exactly (D. Knuth, The Art of Computer Programming 2, section 4.2.2)."""
    total = a + b
    virtual = total - a
    return Pair(total, (a - (total - virtual)) + (b - virtual))


def minus(a: Pair, b: Array) -> Pair:
    """A - b, with the digits of a below those of its high part."""
    apart = two_sum(a.high, -b)
    return two_sum(apart.high, apart.low + a.low)


def two_product(a: Array, b: Array | float) -> Pair:
    """A b exactly, for |a| and |b| below 2**996 and |a b| above 2**-969.

    Source: T. Dekker, "A floating-point technique for extending the available precision" (1971).
    """
    product = a * b
    a_high, b_high = SPLITTER * a, SPLITTER * b
    a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return Pair(product, error)


def pair_product(a: Pair, b: Pair) -> Pair:
    """A b; within the range of `two_product`."""
    product = two_product(a.high, b.high)
    return Pair(product.high, product.low + (a.high * b.low + a.low * b.high))


def quotient(a: Pair, b: Pair) -> Array:
    """A / b, rounded about once; within the range of `two_product`.

    The first quotient is cut to half its digits, so that its products with the halves of the
    divisor are exact.
    """
    first = a.high / b.high
    shifted = SPLITTER * first
    first = shifted - (shifted - first)
    shifted = SPLITTER * b.high
    head = shifted - (shifted - b.high)
    rest = (a.high - first * head) - first * (b.high - head)
    rest += a.low - first * b.low
    rest /= b.high
    rest += first
    return rest


def times_over(a: Pair, factor: Array, divisor: float) -> Array:
    """A factor / divisor, rounded about once; nan where something on the way leaves the range."""
    product = two_product(a.high, factor)
    low = product.low + a.low * factor
    size = np.abs(product.high)
    fits = (size > LEAST) & (size < MOST) & (np.abs(a.high) < MOST) & (np.abs(factor) < MOST)
    fits &= 2.0**-60 < divisor < 2.0**60
    ones = np.ones_like(product.high)
    found = quotient(Pair(product.high, low), Pair(divisor * ones, 0.0 * ones))
    return np.where(fits | (product.high == 0.0), found, np.nan)


def ratio(a: Pair, b: Pair) -> Pair:
    """A / b as a pair; within the range of `two_product`."""
    first = a.high / b.high
    product = two_product(first, b.high)
    rest = ((a.high - product.high) - product.low) + (a.low - first * b.low)
    return two_sum(first, rest / b.high)


def plain_sums(terms: Array) -> Array:
    """Sums of (k, n) terms over the first axis, in one order for every n.

    NumPy adds a single contiguous column pairwise, but several side by side one after the other.
    """
    single = terms.shape[1] == 1 and len(terms) <= NARROW
    sums: Array = (np.repeat(terms, 2, axis=1) if single else terms).sum(axis=0)
    return sums[: terms.shape[1]]


def column_sums(terms: Array) -> Pair:
    """Sums of (k, n) terms >= 0 over the first axis, about as good as rounding once.

    A plain sum loses a bit each time a small term is added to a large one. The terms are cut at a
    common power of two above their sum instead: the heads add up exactly and the error of the
    tails hardly counts (Rump, Ogita & Oishi, "Accurate floating-point summation", SIAM J. Sci.
    Comput. 31, 2008: ExtractVector).
    """
    bounds = np.ldexp(2.0, np.frexp(plain_sums(terms))[1])
    heads = terms + bounds
    heads -= bounds
    high = plain_sums(heads)
    return two_sum(high, plain_sums(np.subtract(terms, heads, out=heads)))


def column_sum(terms: list[float]) -> float:
    """The rounded sum of one column of terms >= 0, to the bit that of `column_sums`."""
    plain = 0.0
    for term in terms:
        plain += term
    bound = math.ldexp(2.0, math.frexp(plain)[1]) if plain < math.inf else math.inf
    high = low = 0.0
    for term in terms:
        head = (term + bound) - bound
        high += head
        low += term - head
    return high + low


def _sums_of_parts(rows: Array, end: int) -> Pair:
    """Sums of (n, k) rows up to column `end`, of parts that are added with their errors.

    `einsum` starts on a row at a quarter of the price of `sum`, but adds all of it in one strand
    for each lane: short parts keep its error at that of `sum`.
    """
    k = rows.shape[1]
    if k > LONG:
        half = k // 16 * 8
        return two_sum(rows[:, :half].sum(axis=1), rows[:, half:end].sum(axis=1))
    parts = 2 if k <= SHORT else 4
    edges = [*(k * part // parts // 8 * 8 for part in range(parts)), end]
    sums = [np.einsum("ij->i", rows[:, a:b]) for a, b in pairwise(edges)]
    answer = two_sum(sums[0], sums[1])
    if parts == 4:
        other = two_sum(sums[2], sums[3])
        both = two_sum(answer.high, other.high)
        answer = Pair(both.high, both.low + (answer.low + other.low))
    return answer


def quick_column_sums(terms: Array) -> Pair:
    """The same at a fifth of the price where there are many terms and none is large.

    NumPy adds in eight strands, whose errors average out. What does not fit the eight and the two
    halves are added apart, because those roundings would meet the sum at its full size.
    """
    k, n = terms.shape
    if k == 2:
        return two_sum(terms[0], terms[1])
    if k == 3:
        first = two_sum(terms[0], terms[1])
        both = two_sum(first.high, terms[2])
        return Pair(both.high, first.low + both.low)
    if k <= NARROW:
        return column_sums(terms)
    rows = terms.T  # contiguous, see `class_first`
    eights = k // 8 * 8
    answer = _sums_of_parts(rows, eights)
    for column in range(eights, k):
        answer.low[...] += rows[:, column]
    answer = two_sum(*answer)
    # A term of that share makes the sum of squares large, which is cheaper than the largest term.
    squares = np.zeros(n)
    for start in range(0, k, SPAN):
        part = rows[:, start : start + SPAN]
        squares += np.vecdot(part, part)
    heavy = np.flatnonzero(~(squares < (LARGE_SHARE * answer.high) ** 2))
    if heavy.size:
        answer.high[heavy], answer.low[heavy] = column_sums(rows[heavy].T)
    return answer
