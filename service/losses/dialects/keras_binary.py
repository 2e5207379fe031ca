"""Keras 3.15 with floatx float32, on the torch backend: binary losses.

Sources: keras/src/losses/losses.py, keras/src/backend/torch/nn.py; keras#15249 (15.94 on one side
and 16.12 on the other).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.losses.dialects import rules
from service.losses.dialects.given import Given, answer, infinities, unsupported
from service.losses.dialects.reduce import Found, clipped, reduced
from service.losses.dialects.single import Single, clip, f32, power, row_sums, sigmoid
from service.losses.dialects.torch import (
    bce_losses,
    bce_with_logits_losses,
    cancels,
    refuse_outside_unit,
)
from service.losses.result import DialectLoss

ONE = np.float32(1)


def binary(given: Given) -> DialectLoss:
    """`BinaryCrossentropy(from_logits, label_smoothing)(truth, values)`."""
    x, y = f32(given.values), smoothed_binary(given)
    if given.member == "logits":
        losses = bce_with_logits_losses(x, y)
        return averaged(
            given, losses, {rules.CANCELLATION: cancels(x, y), **infinities(losses, x, y)}
        )
    refuse_nan_and_targets(given, x, y)
    return averaged(given, bce_losses(clip(x), y), {rules.CLIP_1E_7: clipped(x)})


def refuse_nan_and_targets(given: Given, p: Single, y: Single) -> None:
    """Refuses what the torch backend does: probabilities are clipped first, targets are not."""
    refuse_outside_unit(given.member, clip(p))
    refuse_outside_unit(given.truth, y)


def smoothed_binary(given: Given) -> Single:
    """The binary truth, drawn towards 1/2 by label smoothing."""
    y, smoothing = given.binary(), given.label_smoothing
    if smoothing:
        y = y * np.float32(1 - smoothing) + np.float32(0.5 * smoothing)
    return y


def binary_focal(given: Given) -> DialectLoss:
    """`BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, ...)(truth, values)`."""
    p, y = f32(given.values), smoothed_binary(given)
    p = sigmoid(p) if given.member == "logits" else p
    refuse_nan_and_targets(given, p, y)
    return focused(given, p, y, bce_losses(clip(p), y), clip_rules(p))


def clip_rules(p: Single) -> Found:
    """The rules of clipping probabilities in the cross-entropy, and not in its focal factor."""
    outside = clipped(p)
    return {rules.CLIP_1E_7: outside, rules.UNCLIPPED_FOCUS: outside}


def focused(given: Given, p: Single, y: Single, losses: Single, found: Found) -> DialectLoss:
    """The focal factor (1 - p_t)^gamma over a backend's element losses; balanced if alpha is given.

    Args:
        given: the options.
        p: probabilities of the positive class, unclipped.
        y: what is true, smoothed.
        losses: the backend's cross-entropies.
        found: the rules met so far.
    """
    true_p = y * p + (ONE - y) * (ONE - p)
    losses = power(ONE - true_p, float(given.options.get("gamma", 2.0))) * losses
    if "alpha" in given.options:
        if np.ndim(given.options["alpha"]):
            raise unsupported("alpha", "alpha of a binary loss is one number")
        alpha = float(given.options["alpha"])
        losses = (y * np.float32(alpha) + (ONE - y) * np.float32(1 - alpha)) * losses
    return averaged(given, losses, found)


def averaged(given: Given, losses: Single, found: Found) -> DialectLoss:
    """The mean over the last axis, then weights and reduction."""
    shape = given.values.shape
    weights = given.sample_weights(shape)
    early = len(shape) > 0 and shape[-1] != 1
    found[rules.MEAN_LAST_AXIS] = early and (given.reduction != "mean" or weights is not None)
    if shape:
        losses = row_sums(losses) / np.float32(shape[-1])
    if weights is not None and weights.ndim > losses.ndim:
        weights, losses = _aligned(weights, losses)
    loss, habits = reduced(losses, weights, None, given.reduction)
    return answer(loss, {rules.FLOAT32: True, **found, **habits})


def _aligned(weights: npt.NDArray[Any], losses: Single) -> tuple[npt.NDArray[Any], Single]:
    """Weights of one axis more than the losses: the last one goes, or the losses get one.

    Raises:
        InvalidInput: more than one weight for each loss.
    """
    if weights.shape == (1,):
        return weights.reshape(()), losses
    if losses.ndim == 0:
        return weights, losses  # the one average times every weight
    if weights.shape[-1] != 1:
        text = (
            "Keras averages a binary loss over the last axis before it weighs it: there is no "
            "weight for each element unless that axis has the length 1"
        )
        raise unsupported("sample_weights", text)
    return (weights, losses[:, None]) if losses.ndim == 1 else (weights[..., 0], losses)
