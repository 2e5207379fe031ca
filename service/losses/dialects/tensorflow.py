"""TensorFlow 2.21: tf.keras.losses on its own backend, where that differs from the torch backend.

Sources: keras/src/backend/tensorflow/nn.py, tensorflow/python/ops/nn_impl.py (sigmoid and weighted
cross-entropy); the other losses are those of `keras`.
"""

import numpy as np

from service.losses.dialects import rules
from service.losses.dialects.given import Given, infinities, unsupported
from service.losses.dialects.keras import generalized_of, log_rows, sparse_of
from service.losses.dialects.keras_binary import averaged, clip_rules, focused, smoothed_binary
from service.losses.dialects.reduce import ROUNDING, Found, clipped
from service.losses.dialects.single import (
    Single,
    clip,
    exp,
    f32,
    log,
    log1p,
    log_softmax,
    row_sums,
    sigmoid,
)
from service.losses.dialects.torch import cancels, elementwise
from service.losses.result import DialectLoss

ONE, ZERO = np.float32(1), np.float32(0)
SMALL = 1e-3
"""A probability below this loses three digits or more in 1 - p."""


def sparse(given: Given) -> DialectLoss:
    """`SparseCategoricalCrossentropy(from_logits, ignore_class)(labels, values)`."""
    if given.options.get("axis", -1) not in (-1, given.values.ndim - 1):
        raise unsupported("axis", "TensorFlow's sparse cross-entropy takes the last axis only")
    return sparse_of(given, _log_rows, None)


def _log_rows(given: Given, values: Single) -> tuple[Single, Found]:
    if given.member == "logits":
        return log_rows(given, values)
    p = clip(values)
    log_probabilities, _ = log_softmax(log(p))
    return log_probabilities, {
        rules.CLIP_1E_7: clipped(values),
        rules.RENORMALIZED_AFTER_CLIP: np.any(np.abs(row_sums(p) - ONE) > ROUNDING)
        or clipped(values),
    }


def binary(given: Given) -> DialectLoss:
    """`BinaryCrossentropy(from_logits, label_smoothing)(truth, values)`."""
    _refuse_scalar(given)
    x, y = f32(given.values), smoothed_binary(given)
    if given.member == "logits":
        losses = _logit_losses(x, y)
        return averaged(given, losses, dict(infinities(losses, x, y)))
    found: Found = {
        rules.CLIP_1E_7: clipped(x),
        rules.COMPLEMENT: np.any((x < SMALL) & (y < 1)),
    }
    return averaged(given, _element_losses(x, y), found)


def binary_focal(given: Given) -> DialectLoss:
    """`BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, ...)(truth, values)`."""
    _refuse_scalar(given)
    values, y = f32(given.values), smoothed_binary(given)
    if given.member == "logits":
        p, losses = sigmoid(values), _logit_losses(values, y)
        found: Found = {rules.LOGITS_RECOVERED: clipped(p), **infinities(losses, values, y)}
        return focused(given, p, y, losses, found)
    return focused(given, values, y, _element_losses(values, y), clip_rules(values))


def _logit_losses(x: Single, y: Single) -> Single:
    return np.asarray(np.maximum(x, ZERO) - x * y + log1p(exp(-np.abs(x))))


def _element_losses(p: Single, y: Single) -> Single:
    p = clip(p)
    return np.asarray(-(y * log(p) + (ONE - y) * log(ONE - p)))


def _refuse_scalar(given: Given) -> None:
    if given.values.ndim == 0:
        text = "TensorFlow averages a binary loss over the last axis, which a number has not"
        raise unsupported(given.member, text)


def generalized(given: Given) -> DialectLoss:
    """`CategoricalGeneralizedCrossEntropy(q)(labels, probabilities)`."""
    return generalized_of(given, np.finfo(np.float32).smallest_normal)


def weighted(given: Given) -> DialectLoss:
    """`tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(truth, logits, pos_weight))`."""
    x, y = f32(given.values), given.binary()
    factor = ONE + (np.float32(given.options["positive_weight"]) - ONE) * y
    losses = (ONE - y) * x + factor * (log1p(exp(-np.abs(x))) + np.maximum(-x, ZERO))
    found = {rules.CANCELLATION: cancels(x, y), **infinities(losses, x, y)}
    return elementwise(given, losses, found)
