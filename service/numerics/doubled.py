"""Softmax in pairs of float64: twice the digits, for losses that square or compare probabilities.

A rounded probability is off by up to 2 ulp after an exponential, a sum and a quotient. That is
enough for cross-entropy, but a square doubles it, and of p - t near t nothing else is left. Here p
is known to 94 bits, log p and 1 - p to 80, so that a loss starts from their last digit and has
their next ones: of a p - t that begins in the 12th digit, all that float64 holds. It costs some 5
times a plain softmax.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from service.numerics.arrays import Array, Floats, by_class
from service.numerics.divergence import row_sums
from service.numerics.errorfree import (
    Pair,
    as_pair,
    column_sums,
    minus,
    plain_sums,
    ratio,
    two_product,
    two_sum,
)
from service.numerics.exponentials import VANISHED, quotients
from service.numerics.pair_exponentials import expm1, exponential, log1p

SMALL_BLOCK = 1 << 14
"""Elements that are worked on at a time: some thirty arrays of them fit the L2 cache."""

UP = 2.0**100

LIFT = 200
"""Weights are summed as multiples of 2**-200, so that many subnormal ones keep their digits."""


class Chances(NamedTuple):
    """Probabilities, their logarithms and their complements, each as a pair.

    Attributes:
        p: probabilities.
        logs: log p, in nats.
        rest: 1 - p.
    """

    p: Pair
    logs: Pair
    rest: Pair

    def each(self, change: Callable[[Array], Array]) -> "Chances":
        """The same after a change of every array, such as taking some columns."""
        return Chances(*(Pair(change(pair.high), change(pair.low)) for pair in self))


def chances(logits: Floats, temperature: float = 1.0) -> Chances:
    """Softmax with its logarithm and its complement, in twice the digits.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.

    Returns:
        (n, k) pairs. A high part is the exact value rounded to 0.51 ulp where it is normal.
    """
    n, k = logits.shape
    answer = Chances(*(Pair(np.empty((n, k)), np.empty((n, k))) for _ in range(3)))
    step = max(1, SMALL_BLOCK // max(1, k))
    with np.errstate(all="ignore"):  # inf - inf of masks and beyond float64, mended on the way
        for start in range(0, n, step):
            rows = slice(start, start + step)
            for pair, found in zip(answer, _chances(logits[rows], temperature), strict=True):
                pair.high[rows], pair.low[rows] = found.high.T, found.low.T
    return answer


def _chances(logits: Floats, temperature: float) -> Chances:
    """The same of a few rows, as (k, n)."""
    z = by_class(logits)
    top, columns = z.argmax(axis=0), np.arange(z.shape[1])
    gaps = quotients(z, z[top, columns], temperature)
    far = ~(gaps.high > VANISHED)
    mantissas, exponents = exponential(Pair(*(np.where(far, 0.0, part) for part in gaps)))
    # 2**(e + LIFT), by the bits of float64
    powers = ((exponents + (LIFT + 1023)) << 52).view(np.float64)
    powers[far] = 0.0
    weights = Pair(mantissas.high * powers, mantissas.low * powers)
    for part in weights:
        part[top, columns] = 0.0
    heads = column_sums(weights.high)
    others = two_sum(heads.high, heads.low + plain_sums(weights.low))
    others = Pair(*(np.ldexp(part, -LIFT) for part in others))
    total = two_sum(np.ones_like(others.high), others.high)
    total = two_sum(total.high, total.low + others.low)
    p = Pair(*(part * powers * 2.0**-LIFT for part in ratio(mantissas, total)))
    log_total = log1p(others)
    logs = two_sum(gaps.high, -log_total.high)
    low = logs.low + (gaps.low - log_total.low)
    low[~np.isfinite(low)] = 0.0
    logs = Pair(logs.high + low, low - ((logs.high + low) - logs.high))
    logs.low[np.isneginf(logs.high)] = 0.0
    rest = complement(p)
    for part, of_top in zip(rest, ratio(others, total), strict=True):
        part[top, columns] = of_top
    return Chances(p, logs, rest)


def chances_of_logs(logs: Array) -> Chances:
    """The probabilities and complements of log-probabilities.

    Args:
        logs: (n, k), <= 0, -inf allowed.
    """
    with np.errstate(all="ignore"):
        impossible = ~(logs > VANISHED)
        x = as_pair(np.where(impossible, 0.0, logs))
        mantissas, exponents = exponential(x)
        p = Pair(*(np.ldexp(np.where(impossible, 0.0, part), exponents) for part in mantissas))
        rest = Pair(*(0.0 - part for part in expm1(x)))
        rest.high[impossible], rest.low[impossible] = 1.0, 0.0
    return Chances(p, as_pair(logs), rest)


def shares_of_weights(weights: Array) -> tuple[Pair, Pair]:
    """Weights as shares p of the sum of their row, and 1 - p.

    Args:
        weights: (n, k), >= 0, with a finite sum above 0.
    """
    columns = np.arange(len(weights))
    with np.errstate(all="ignore"):
        top = weights.argmax(axis=1)
        # by a power of two, so that products neither overflow nor lose their low parts
        scale = np.frexp(weights[columns, top])[1]
        w = np.ldexp(weights.T, LIFT - scale)
        own = w[top, columns]
        others = np.array(w)
        others[top, columns] = 0.0
        heads = column_sums(others)
        total = two_sum(own, heads.high)
        total = two_sum(total.high, total.low + heads.low)
        p = ratio(as_pair(w), total)
        rest = complement(p)
        for part, of_top in zip(rest, ratio(heads, total), strict=True):
            part[top, columns] = of_top
    return Pair(p.high.T, p.low.T), Pair(rest.high.T, rest.low.T)


def through_softmax(p: Pair, slopes: Pair) -> Pair:
    """Slopes by logits, p (x - sum p x), from the slopes x by probabilities.

    The sum and the difference keep the digits that would be rounded off between them.

    Args:
        p: (n, k) probabilities that sum to 1.
        slopes: (n, k), below 2**900; where p is 0 they count for nothing, whatever they are.
    """
    with np.errstate(all="ignore"):
        x, x_low = (np.where(p.high > 0.0, part, 0.0) for part in slopes)
        high, low = p.high * UP, p.low * UP  # so that products of tiny p keep their low parts
        terms = two_product(high, x)
        total = (row_sums(terms.high) + row_sums(terms.low + (low * x + high * x_low))) / UP
        gaps = two_sum(x, -total[:, None])
        answer = two_product(high, gaps.high)
        rest = answer.low + (high * (gaps.low + x_low) + low * gaps.high)
        return Pair(*(part / UP for part in two_sum(answer.high, rest)))


def complement(p: Pair) -> Pair:
    """1 - p, which keeps its digits where p is not near 1 itself."""
    return minus(Pair(-p.high, -p.low), -np.ones_like(p.high))
