"""How Keras puts samples together, and what it does to rows of probabilities."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from service.losses.dialects import rules
from service.losses.dialects.single import ALMOST_ONE, EPSILON, Single, f32, row_sums, total
from service.losses.result import Rule

Found = dict[Rule, Any]
"""Rules, and whether they made a difference."""
ZERO = np.float32(0)
ROUNDING = 1e-6
"""The sum of a float32 row may be this far off 1 by rounding alone."""


def normalized(values: Single) -> tuple[Single, Found]:
    """Rows divided by their sums, and whether that changed any."""
    sums = row_sums(values)[..., None]
    return values / sums, {rules.RENORMALIZED: np.any(np.abs(sums - 1) > ROUNDING)}


def clipped(p: Single) -> bool:
    """Whether a probability lies outside [1e-7, 1 - 1e-7]."""
    return bool(np.any((p < EPSILON) | (p > ALMOST_ONE)))


def reduced(
    losses: Single,
    weights: npt.NDArray[Any] | None,
    mask: npt.NDArray[np.bool_] | None,
    reduction: str,
) -> tuple[Single | np.float32, Found]:
    """The losses weighed, masked and reduced as keras.losses.Loss does.

        mean = sum(losses weights) / size, over the valid ones where there is a mask; 0/0 is 0

    Args:
        losses: of the samples, any shape.
        weights: of their shape, or `None`.
        mask: which of them are valid, or `None` for all.
        reduction: `"mean"`, `"sum"` or `"none"`.

    Returns:
        The loss, and the habits that made a difference.
    """
    mean = reduction == "mean"
    factors = None if weights is None else f32(weights)
    valid = 0
    if mask is not None:
        valid = int(np.count_nonzero(mask))
        share = _divide(np.float32(mask.size), np.float32(valid)) if mean else np.float32(1)
        shares = np.where(mask, share, ZERO)
        factors = shares if factors is None else factors * shares
    if factors is not None:
        losses = losses * factors
    if reduction == "none" or losses.shape == (0,):
        return losses, {rules.EMPTY_UNREDUCED: reduction != "none"}
    if not mean:
        return total(losses), {}
    if mask is None:
        valid = losses.size
    entering = np.ones(valid) if weights is None else weights if mask is None else weights[mask]
    weight = float(entering.sum())
    habits = {
        rules.DENOMINATOR_COUNT: not math.isclose(weight, valid, rel_tol=1e-9),
        rules.MEAN_OF_NOTHING_0: weight == 0,
    }
    return _divide(total(losses), np.float32(losses.size)), habits


def _divide(value: np.float32, by: np.float32) -> np.float32:
    return ZERO if by == 0 else value / by
