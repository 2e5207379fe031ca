"""Losses of the probability of what is true: sum_c u_c f(p_c), each f with its derivative.

Every f is given p, log p and 1 - p, each to its last digits and the next ones: where p is near 0
or 1, one of them cannot be had from another, and a high power multiplies what its base is off by.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.losses.result import Array
from service.numerics import Chances, Pair, expm1_minus, in_bits, pair_product, ratio, two_sum


class Pointwise(Protocol):
    """A decreasing function f of a probability, with f(1) = 0.

    Attributes:
        steepness_at_zero: df / dp at p = 0, where df / dlog p has nothing to divide.
    """

    @property
    def steepness_at_zero(self) -> float:
        """See above."""

    def __call__(self, c: Chances) -> tuple[Array, Array]:
        """Computes f and the slope df / dlog p, which is finite and <= 0.

        Args:
            c: p, 0 where it is below float64, log p, -Infinity for an impossible class, and 1 - p.
        """
        ...


@dataclass(frozen=True, slots=True)
class Logarithm:
    """f = -log p, in the unit of the logarithm."""

    steepness_at_zero = -math.inf

    def __call__(self, c: Chances) -> tuple[Array, Array]:
        """See `Pointwise`."""
        return -c.logs.high, np.full_like(c.logs.high, -1.0)


@dataclass(frozen=True, slots=True)
class Focal:
    """f = (1 - p)^gamma (-log p), in nats or bits: what is classified well hardly counts.

    Source: Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", 2017.
    """

    gamma: float
    bits: bool = False
    steepness_at_zero = -math.inf

    def __call__(self, c: Chances) -> tuple[Array, Array]:
        """See `Pointwise`."""
        logs = Pair(-c.logs.high, -c.logs.low)
        focus = _power(c.rest, self.gamma)
        # p (-log p) / (1 - p), which is 1 at p = 1
        steepness = ratio(pair_product(c.p, logs), c.rest).high
        steepness = np.where(c.rest.high > 0, steepness, 1.0)
        inner = np.where(c.p.high > 0, self.gamma * steepness, 0.0)
        slopes = pair_product(focus, two_sum(np.ones_like(inner), inner))
        if self.bits:
            logs, slopes = in_bits(logs), in_bits(slopes)
        values = (focus.high + focus.low) * logs.high
        return np.where(focus.high > 0, values, 0.0), -(slopes.high + slopes.low)


@dataclass(frozen=True, slots=True)
class Poly:
    """f = -log p + epsilon (1 - p): the first coefficient of the series of -log p, changed.

    Source: Leng, Tan, Liu, Cubuk, Shi, Cheng, Anguelov, "PolyLoss", 2022.
    """

    epsilon: float
    steepness_at_zero = -math.inf

    def __call__(self, c: Chances) -> tuple[Array, Array]:
        """See `Pointwise`."""
        p, logs, rest = c.p.high, c.logs.high, c.rest.high
        if self.epsilon >= 0:
            return -logs + self.epsilon * rest, -(1.0 + self.epsilon * p)
        # the two terms cancel near p = 1; 1 - p = -log p - (expm1(log p) - log p) parts them
        own, less = 1.0 + self.epsilon, -self.epsilon
        values = np.where(np.isneginf(logs), np.inf, own * -logs + less * expm1_minus(logs))
        return values, -(own + less * rest)


@dataclass(frozen=True, slots=True)
class Generalized:
    """f = (1 - p^q) / q: from -log p (q towards 0) to 1 - p (q = 1); bounded by 1 / q.

    Source: Zhang, Sabuncu, "Generalized cross entropy loss for training deep neural networks with
    noisy labels", 2018.
    """

    q: float

    @property
    def steepness_at_zero(self) -> float:
        """See `Pointwise`."""
        return -1.0 if self.q == 1 else -math.inf

    def __call__(self, c: Chances) -> tuple[Array, Array]:
        """See `Pointwise`."""
        p, logs = c.p.high, c.logs.high
        # exp(q log p) loses what q log p has in digits before the point; where p is 0 it is all
        power = np.where(p > 0, p**self.q, np.exp(self.q * logs))
        return -np.expm1(self.q * logs) / self.q, -power


def _power(base: Pair, exponent: float) -> Pair:
    """Base >= 0 to a power, of which the low part of the base is worth `exponent` times as much."""
    share = np.where(base.high > 0, base.low / base.high, 0.0)
    power = base.high**exponent
    return Pair(power, power * (exponent * share))
