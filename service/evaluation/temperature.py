"""The temperature that makes probabilities honest."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.evaluation.pieces import Array
from service.numerics import ExactSum, soft_cross_entropy, softmax

LARGEST = 2.0**20
STEPS = 200
FURTHEST = -1e145


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature and the mean log loss without and with it, in nats.

    Attributes:
        temperature: T, by which logits are divided; 1 where no other is better, and where the rows
            fix none because all of them are classified right.
        before: the log loss at T = 1.
        after: the log loss at T.
        bounded: whether the log loss falls on beyond the largest T allowed, or for ever towards 0.
    """

    temperature: float
    before: float
    after: float
    bounded: bool


def fit_temperature(
    logits: Array, truth: Array, weights: npt.NDArray[np.floating] | None = None
) -> Calibration:
    """The T of the least log loss, by Newton's method in 1 / T between bounds that close in.

        f(b) = sum_i w_i (mass_i logsumexp(b z_i) - b t_i . z_i) / sum_i w_i mass_i,  b = 1 / T

    f is convex, its slope E_p[z] - t . z and its curvature Var_p(z).

    Args:
        logits: z, shape (N, K), finite.
        truth: t, shape (N, K), >= 0: one-hot labels, probabilities or counts.
        weights: w, shape (N,), >= 0; all 1 when absent.

    Returns:
        The temperature, at most 2**20, and what it gains; never a loss.

    Source: C. Guo et al., On calibration of modern neural networks, ICML (2017).
    """
    truth = truth if weights is None else truth * weights[:, None]
    masses = truth.sum(axis=1)
    with np.errstate(over="ignore"):
        # Further below the largest a class is impossible at every T; squares do not overflow.
        centred = np.maximum(logits - logits.max(axis=1, keepdims=True), FURTHEST)
    aim = float((truth * centred).sum())

    def slope_and_curvature(b: float) -> tuple[float, float]:
        p = softmax(centred, 1.0 / b)
        mean = (p * centred).sum(axis=1)
        spread = (p * (centred - mean[:, None]) ** 2).sum(axis=1)
        return float(masses @ mean) - aim, float(masses @ spread)

    def loss(temperature: float) -> float:
        losses, _ = soft_cross_entropy(logits, truth, temperature=temperature)
        return ExactSum.of(losses).ratio(ExactSum.of(masses))

    low, high, b = 1.0 / LARGEST, LARGEST, 1.0
    for end in (low, high):
        slope, _ = slope_and_curvature(end)
        if (slope >= 0.0) if end == low else (slope <= 0.0):
            # Rows that are all right would have every probability be 1, which the first mistake
            # among other rows pays for with any loss: they are no ground for a temperature.
            return _better(LARGEST if end == low else 1.0, loss, bounded=True)
    for _ in range(STEPS):
        slope, curvature = slope_and_curvature(b)
        low, high = (b, high) if slope < 0.0 else (low, b)
        newton = b - slope / curvature if curvature > 0.0 else math.nan
        # Outside the bounds, halve their distance on the scale of T.
        following = newton if low < newton < high else math.sqrt(low * high)
        if slope == 0.0 or abs(following - b) <= 1e-15 * b:
            break
        b = following
    return _better(1.0 / b, loss, bounded=False)


def _better(temperature: float, loss: Callable[[float], float], bounded: bool) -> Calibration:
    before, after = loss(1.0), loss(temperature)
    if after > before:
        temperature, after = 1.0, before
    return Calibration(temperature, before, after, bounded)
