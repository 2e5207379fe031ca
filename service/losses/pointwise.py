"""Losses of the probability of what is true: sum_c u_c f(p_c), each f with its derivative.

Every f is computed from log p and from 1 - p, both of which keep their digits where p is near 0 or
1, and never from p itself.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.losses.result import Array


class Pointwise(Protocol):
    """A decreasing function f of a probability, with f(1) = 0.

    Attributes:
        steepness_at_zero: df / dp at p = 0, where df / dlog p has nothing to divide.
    """

    @property
    def steepness_at_zero(self) -> float:
        """See above."""

    def __call__(self, logs: Array, rest: Array) -> tuple[Array, Array]:
        """Computes f and the slope df / dlog p, which is finite and <= 0.

        Args:
            logs: log p, -Infinity for an impossible class.
            rest: 1 - p.
        """
        ...


@dataclass(frozen=True, slots=True)
class Logarithm:
    """f = -log p, in the unit of the logarithm."""

    steepness_at_zero = -math.inf

    def __call__(self, logs: Array, rest: Array) -> tuple[Array, Array]:
        """See `Pointwise`."""
        return -logs, np.full_like(logs, -1.0)


@dataclass(frozen=True, slots=True)
class Focal:
    """f = (1 - p)^gamma (-log p): what is classified well hardly counts.

    Source: Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", 2017.
    """

    gamma: float
    steepness_at_zero = -math.inf

    def __call__(self, logs: Array, rest: Array) -> tuple[Array, Array]:
        """See `Pointwise`."""
        focus = rest**self.gamma
        # (-log p) / (1 - p), which is 1 at p = 1
        steepness = np.where(rest > 0, -logs / np.where(rest > 0, rest, 1.0), 1.0)
        p = np.exp(logs)
        inner = np.where(p > 0, self.gamma * focus * steepness * p, 0.0)
        return np.where(focus > 0, focus * -logs, 0.0), -(inner + focus)


@dataclass(frozen=True, slots=True)
class Poly:
    """f = -log p + epsilon (1 - p): the first coefficient of the series of -log p, changed.

    Source: Leng, Tan, Liu, Cubuk, Shi, Cheng, Anguelov, "PolyLoss", 2022.
    """

    epsilon: float
    steepness_at_zero = -math.inf

    def __call__(self, logs: Array, rest: Array) -> tuple[Array, Array]:
        """See `Pointwise`."""
        return -logs + self.epsilon * rest, -(1.0 + self.epsilon * np.exp(logs))


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

    def __call__(self, logs: Array, rest: Array) -> tuple[Array, Array]:
        """See `Pointwise`."""
        return -np.expm1(self.q * logs) / self.q, -np.exp(self.q * logs)
