"""Keras 3.15 with floatx float32, on the torch backend: losses over classes.

Sources: keras/src/losses/loss.py and losses.py, keras/src/backend/torch/nn.py; keras#17634 (the
clip of 1e-7), #15249 (15.94 on one side and 16.12 on the other).
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from service.losses.dialects import rules
from service.losses.dialects.given import Given, answer, infinities, unsupported
from service.losses.dialects.reduce import Found, clipped, normalized, reduced
from service.losses.dialects.single import (
    EPSILON,
    Single,
    clip,
    f32,
    log,
    log_softmax,
    power,
    row_sums,
    softmax,
)
from service.losses.dialects.torch import off_balance
from service.losses.result import DialectLoss
from service.losses.rows import Rows

ONE = np.float32(1)
TORCH_IGNORES = -100
"""The default of the F.cross_entropy and F.nll_loss that the torch backend calls."""


def sparse(given: Given) -> DialectLoss:
    """`SparseCategoricalCrossentropy(from_logits, ignore_class)(labels, values)`."""
    return sparse_of(given, log_rows, TORCH_IGNORES)


def sparse_of(
    given: Given,
    logarithms: Callable[[Given, Single], tuple[Single, Found]],
    zeroed: int | None,
) -> DialectLoss:
    """The sparse loss over a backend's log-probabilities.

    Args:
        given: labels, and logits or probabilities.
        logarithms: from rows to their log-probabilities.
        zeroed: a label whose loss the backend takes for 0, without leaving it out.
    """
    rows = given.rows()
    ignore = given.ignore_index
    indices, entering = given.indices(rows, ignore, zeroed)
    valid = None if ignore is None else given.kept(ignore)
    values = f32(rows.array)
    if valid is not None:
        values = np.where(valid[:, None], values, np.float32(0))
    log_probabilities, found = logarithms(given, values)
    losses = -log_probabilities[np.arange(rows.size), indices]
    read = entering if valid is None else entering & valid
    found |= infinities(losses[read], rows.array[read])
    losses = np.where(read, losses, np.float32(0))
    found[rules.MINUS_100_COUNTS] = not (entering if valid is None else entering | ~valid).all()
    mask = None if valid is None else valid.reshape(rows.samples)
    return _weighted(given, rows, losses, mask, found)


def _weighted(
    given: Given, rows: Rows, losses: Single, mask: npt.NDArray[np.bool_] | None, found: Found
) -> DialectLoss:
    weights = given.sample_weights(rows.samples)
    loss, habits = reduced(losses.reshape(rows.samples), weights, mask, given.reduction)
    habits[rules.DENOMINATOR_COUNT] = habits.get(rules.DENOMINATOR_COUNT) or found.get(
        rules.DENOMINATOR_COUNT
    )
    return answer(loss, {rules.FLOAT32: True, **found, **habits})


def log_rows(given: Given, values: Single) -> tuple[Single, Found]:
    """Log-softmax of logits; the logarithm of divided and clipped probabilities."""
    if given.member == "logits":
        log_probabilities, vanished = log_softmax(values)
        return log_probabilities, {rules.REST_VANISHES: vanished}
    p, found = normalized(values)
    found[rules.CLIP_1E_7] = clipped(p)
    return log(clip(p)), found


def dense(given: Given) -> DialectLoss:
    """`CategoricalCrossentropy(from_logits, label_smoothing, axis)(targets, values)`."""
    rows = given.rows()
    log_probabilities, found = log_rows(given, f32(rows.array))
    targets = _smoothed_rows(given, rows, found)
    terms = targets * log_probabilities
    found |= infinities(terms, rows.array, targets)
    return _weighted(given, rows, -row_sums(terms), None, found)


def _smoothed_rows(given: Given, rows: Rows, found: Found) -> Single:
    targets = given.target_rows(rows)
    if given.label_smoothing:
        last = given.values.shape[-1]
        share = np.float32(given.label_smoothing) / np.float32(max(last, 1))
        targets = targets * np.float32(1 - given.label_smoothing) + share
        found[rules.SMOOTHING_LAST_AXIS] = last != rows.classes
    return targets


def focal(given: Given) -> DialectLoss:
    """`CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)`."""
    rows = given.rows()
    values = f32(rows.array)
    p, found = normalized(softmax(values) if given.member == "logits" else values)
    found[rules.CLIP_1E_7] = clipped(p)
    p = clip(p)
    targets = _smoothed_rows(given, rows, found)
    alpha = _alpha(given, rows)
    factors = power(ONE - p, float(given.options.get("gamma", 2.0))) * alpha
    if alpha.ndim and given.reduction == "mean":
        weight = float((given.target_rows(rows) * alpha).sum(dtype=np.float64))
        found[rules.DENOMINATOR_COUNT] = not math.isclose(weight, rows.size, rel_tol=1e-6)
    found[rules.ALPHA_DEFAULT] = not {"alpha", "class_weights"} & {*given.options}
    return _weighted(given, rows, row_sums(factors * (-targets * log(p))), None, found)


def _alpha(given: Given, rows: Rows) -> Single:
    weights, alpha = given.class_weights(rows.classes), given.options.get("alpha")
    if weights is not None:
        if alpha is not None:
            raise unsupported("alpha", "class_weights are alpha; only one of them can be given")
        return weights
    factors = f32(np.asarray(0.25 if alpha is None else alpha))
    if factors.shape not in ((), (rows.classes,)):
        raise unsupported("alpha", "alpha is a number, or one for each class")
    return factors


def kl_divergence(given: Given) -> DialectLoss:
    """`KLDivergence()(targets, probabilities)`."""
    rows = given.rows()
    p, q = given.target_rows(rows), f32(rows.array)
    found: Found = {
        rules.CLIP_FLOOR_1E_7: np.any((p < EPSILON) | (p > 1) | (q < EPSILON) | (q > 1)),
        rules.TEXTBOOK_KL: off_balance(p, q),
    }
    p, q = clip(p, ONE), clip(q, ONE)
    return _weighted(given, rows, row_sums(p * log(p / q)), None, found)


def generalized(given: Given) -> DialectLoss:
    """`CategoricalGeneralizedCrossEntropy(q)(labels, probabilities)`."""
    return generalized_of(given, np.float32(0))


def generalized_of(given: Given, smallest: np.float32) -> DialectLoss:
    """The loss over probabilities, where those below the smallest are 0."""
    rows = given.rows()
    q = float(given.options.get("q", 0.5))
    if not 0 < q < 1:
        raise unsupported("q", "Keras takes a q between 0 and 1, both excluded")
    indices, _ = given.indices(rows)
    p = f32(rows.array)[np.arange(rows.size), indices]
    flushed = (p > 0) & (p < smallest)
    p = np.where(flushed, np.float32(0), p)
    losses = (ONE - power(p, q)) / np.float32(q)
    return _weighted(
        given,
        rows,
        losses,
        None,
        {
            rules.Q_DEFAULT: "q" not in given.options,
            rules.FLUSHED: flushed.any(),
        },
    )
