"""Logarithms of probabilities, as they are or as shares of their sum, and slopes by them."""

import numpy as np
import numpy.typing as npt

from service.losses.result import Array
from service.numerics import Chances, Pair, times_over

LOG2_E = 1.4426950408889634


def log_in(values: Array, bits: bool) -> Array:
    """Logarithms in nats or bits; that of 0 is -Infinity, without a warning."""
    with np.errstate(divide="ignore"):
        return np.log2(values) if bits else np.log(values)


def rest_of(block: Array, values: Array, columns: npt.NDArray[np.int64]) -> Array:
    """Sums of p without p_c, with the digits that a difference loses.

    The rest of the largest entry is summed without it; for every other one the difference from
    the sum keeps its digits, since such an entry is at most half of the sum.
    """
    largest = block.argmax(axis=1)[:, None]
    others = block.copy()
    np.put_along_axis(others, largest, 0.0, axis=1)
    rest_of_largest: Array = others.sum(axis=1, keepdims=True)
    sums = rest_of_largest + np.take_along_axis(block, largest, axis=1)
    return np.where(columns == largest, rest_of_largest, sums - values)


def log_shares(values: Array, rest: Array) -> Array:
    """log(p_c / sum p) as -log1p(rest_c / p_c): near 1 the quotient itself has lost its digits."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = rest / values
        direct = np.log(values) - np.log(rest)  # where the quotient overflows, 1 is nothing to it
        return np.where(values == 0, -np.inf, np.where(np.isinf(ratio), direct, -np.log1p(ratio)))


def scaled(slopes: Array, scale: Array) -> Array:
    """Slopes times a scale, 0 where one of them is 0 even if the other is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where((scale == 0) | (slopes == 0), 0.0, slopes * scale)


def over_temperature(slopes: Pair, scale: Array, temperature: float) -> Array:
    """Slopes / T times a scale, rounded once where nothing on the way is very large or small."""
    with np.errstate(all="ignore"):  # a tiny temperature makes slopes infinite
        found = times_over(slopes, scale, temperature)
        stepwise = scaled(slopes.high / temperature, scale)
    return np.where(np.isnan(found), stepwise, found)


def through_sum(
    slope: Array,
    rest: Array,
    sums: Array,
    common: Array,
    columns: npt.NDArray[np.int64],
    *,
    alone: bool,
) -> Array:
    """u_c / p_c - sum(u) / S, what the loss loses with p_c, of every class in `columns`.

    Where one class alone counts this is u_c (rest_c / S) / p_c, in which nothing cancels.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if alone:
            return np.where((slope == 0) | (rest == 0), 0.0, rest / sums[:, None] * slope)
        # inf - inf would be NaN: an infinite slope, of a p_c within S, decides
        difference = slope - np.take_along_axis(common, columns, axis=1)
        return np.where(np.isinf(slope), slope, difference)


def divided(weights: Array, values: Array) -> Array:
    """Slopes w / p, 0 where the weight is 0, even at p = 0."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(weights > 0, weights / values, 0.0)


def at_least(c: Chances, clip: float, floor: float) -> Chances:
    """Probabilities that are bounded from below by `clip`, of which `floor` is the logarithm."""
    low = c.logs.high < floor

    def bounded(pair: Pair, bound: float) -> Pair:
        return Pair(np.where(low, bound, pair.high), np.where(low, 0.0, pair.low))

    p, logs, rest = c
    return Chances(bounded(p, clip), bounded(logs, floor), bounded(rest, 1.0 - clip))
