"""PyTorch 2.13 on a CPU, in its default type float32.

Sources: torch.nn.functional and ATen's LossNLL.cpp, Loss.cpp, SoftMaxKernel.cpp; pytorch#9882
(clamp of BCELoss), #61309 and #107680 (denominators), #70348 (all ignored), #113708 (log_softmax).
"""

import math
from typing import Any

import numpy as np

from service.losses.dialects import rules
from service.losses.dialects.given import Given, answer, infinities, unsupported
from service.losses.dialects.single import (
    Single,
    exp,
    f32,
    log,
    log1p,
    log_softmax,
    row_sums,
    total,
)
from service.losses.result import DialectLoss, Rule
from service.losses.rows import Rows

DEFAULT_IGNORE_INDEX = -100
SMALLEST_LOG = np.float32(-100)


def cross_entropy(given: Given) -> DialectLoss:
    """`F.cross_entropy(logits, labels, weight, ignore_index, reduction, label_smoothing)`."""
    rows = given.rows()
    log_probabilities, vanished = log_softmax(f32(rows.array))
    return _labelled(given, rows, log_probabilities, {rules.REST_VANISHES: vanished})


def nll_loss(given: Given) -> DialectLoss:
    """`F.nll_loss(log_probabilities, labels, weight, ignore_index, reduction)`."""
    rows = given.rows()
    log_probabilities, found = _logarithms(given, rows)
    return _labelled(given, rows, log_probabilities, found)


def _logarithms(given: Given, rows: Rows) -> tuple[Single, dict[Rule, Any]]:
    """Log-probabilities as they were sent, or what `F.log_softmax` makes of logits."""
    if given.member == "log_probabilities":
        return f32(rows.array), {}
    log_probabilities, vanished = log_softmax(f32(rows.array))
    return log_probabilities, {rules.LOG_SOFTMAX_FIRST: True, rules.REST_VANISHES: vanished}


def _labelled(
    given: Given, rows: Rows, log_probabilities: Single, found: dict[Rule, Any]
) -> DialectLoss:
    ignore = given.ignore_index
    by_default = ignore is None
    indices, kept = given.indices(rows, DEFAULT_IGNORE_INDEX if ignore is None else ignore)
    weights = given.class_weights(rows.classes)
    picked = -log_probabilities[np.arange(rows.size), indices]
    divisor = np.float32(np.count_nonzero(kept))
    if weights is not None:
        picked = picked * weights[indices]
        divisor = total(np.where(kept, weights[indices], np.float32(0)))
    losses = np.where(kept, picked, np.float32(0)).reshape(rows.samples)
    loss = _reduced(given, losses, divisor)
    if given.label_smoothing > 0:
        spread = log_probabilities if weights is None else log_probabilities * weights
        smooth = np.where(kept, -row_sums(spread), np.float32(0)).reshape(rows.samples)
        share = np.float32(given.label_smoothing / max(rows.classes, 1))
        loss = np.float32(1 - given.label_smoothing) * loss
        loss = loss + share * _reduced(given, smooth, divisor)
    found = {
        rules.FLOAT32: True,
        **found,
        rules.IGNORE_MINUS_100: by_default and not kept.all(),
        rules.MEAN_OF_NOTHING_NAN: given.reduction == "mean" and divisor == 0,
        **(infinities(picked[kept], rows.array[kept])),
    }
    return answer(loss, found)


def _reduced(given: Given, losses: Single, divisor: float | np.float32) -> Any:
    if given.reduction == "none":
        return losses
    return total(losses) / np.float32(divisor) if given.reduction == "mean" else total(losses)


def soft_cross_entropy(given: Given) -> DialectLoss:
    """`F.cross_entropy(logits, targets, weight, reduction, label_smoothing)`."""
    rows = given.rows()
    log_probabilities, vanished = log_softmax(f32(rows.array))
    targets = given.target_rows(rows)
    weights = given.class_weights(rows.classes)
    if given.label_smoothing > 0:
        share = np.float32(given.label_smoothing / max(rows.classes, 1))
        targets = targets * np.float32(1 - given.label_smoothing) + share
    terms = log_probabilities * targets
    mean, unequal = given.reduction == "mean", False
    if weights is not None:
        terms = terms * weights
        shares = given.target_rows(rows).astype(np.float64) @ weights.astype(np.float64)
        unequal = mean and bool(abs(shares.sum() - rows.size) > 1e-6 * rows.size)
    found = {
        rules.FLOAT32: True,
        rules.REST_VANISHES: vanished,
        rules.DENOMINATOR_COUNT: unequal,
        rules.MEAN_OF_NOTHING_NAN: mean and rows.size == 0,
        **infinities(terms, rows.array, targets),
    }
    if given.reduction == "none":
        return answer(-row_sums(terms).reshape(rows.samples), found)
    return answer(-_reduced(given, terms, rows.size), found)


def bce_with_logits(given: Given) -> DialectLoss:
    """`F.binary_cross_entropy_with_logits(logits, truth, weight, reduction, pos_weight)`."""
    x, y = f32(given.values), given.binary()
    losses = bce_with_logits_losses(x, y, given.options.get("positive_weight"))
    return elementwise(
        given, losses, {rules.CANCELLATION: cancels(x, y), **infinities(losses, x, y)}
    )


def bce_with_logits_losses(x: Single, y: Single, positive_weight: float | None = None) -> Single:
    """(1 - y) x - (1 + (positive_weight - 1) y) log sigmoid(x), element by element."""
    log_sigmoid = np.minimum(x, np.float32(0)) - log1p(exp(-np.abs(x)))
    if positive_weight is not None:
        log_sigmoid = log_sigmoid * ((np.float32(positive_weight) - np.float32(1)) * y + 1)
    return (np.float32(1) - y) * x - log_sigmoid


def cancels(x: Single, y: Single) -> bool:
    """Whether a negative element has a logit so low that most digits of its loss are lost."""
    return bool(np.any((x < -4) & np.isfinite(x) & (y < 1)))


def bce(given: Given) -> DialectLoss:
    """`F.binary_cross_entropy(probabilities, truth, weight, reduction)`."""
    p, y = f32(given.values), given.binary()
    refuse_outside_unit(given.member, p)
    refuse_outside_unit(given.truth, y)
    held = ((p == 0) & (y > 0)) | ((p == 1) & (y < 1))
    return elementwise(given, bce_losses(p, y), {rules.LOG_AT_LEAST_MINUS_100: held.any()})


def bce_losses(p: Single, y: Single) -> Single:
    """-(y max(log p, -100) + (1 - y) max(log(1 - p), -100)), element by element."""
    negative = (y - np.float32(1)) * np.maximum(log1p(-p), SMALLEST_LOG)
    return np.asarray(negative - y * np.maximum(log(p), SMALLEST_LOG))


def refuse_outside_unit(member: str, values: Single) -> None:
    """Refuses what PyTorch answers with a RuntimeError.

    Raises:
        InvalidInput: a value outside [0, 1], or NaN.
    """
    if not np.all((values >= 0) & (values <= 1)):
        text = f"PyTorch refuses {member} outside [0, 1], and NaN"
        raise unsupported(member, text)


def elementwise(given: Given, losses: Single, found: dict[Rule, Any]) -> DialectLoss:
    """The losses of elements weighed and reduced, with the rules met so far."""
    weights = given.sample_weights(given.values.shape)
    mean = given.reduction == "mean"
    if weights is not None:
        losses = losses * f32(weights)
        found[rules.DENOMINATOR_COUNT] = mean and not math.isclose(
            float(weights.sum()), losses.size, rel_tol=1e-9
        )
    found = {
        rules.FLOAT32: True,
        **found,
        rules.MEAN_OF_NOTHING_NAN: mean and losses.size == 0,
    }
    return answer(_reduced(given, losses, losses.size), found)


def kl_div(given: Given) -> DialectLoss:
    """`F.kl_div(log_probabilities, targets, reduction)`."""
    rows = given.rows()
    log_q, first = _logarithms(given, rows)
    p = given.target_rows(rows)
    own = np.where(p == 0, np.float32(0), p * log(p))
    terms = own - p * log_q
    mean, none = given.reduction == "mean", given.reduction == "none"
    found = {
        rules.FLOAT32: True,
        **first,
        rules.DENOMINATOR_ELEMENTS: mean and rows.classes > 1,
        rules.UNREDUCED_ELEMENTS: none,
        rules.MEAN_OF_NOTHING_NAN: mean and terms.size == 0,
        rules.TEXTBOOK_KL: off_balance(p, np.exp(log_q.astype(np.float64))),
        **infinities(terms, rows.array, p),
    }
    return answer(rows.restore(terms) if none else _reduced(given, terms, terms.size), found)


def off_balance(p: Any, q: Any) -> bool:
    """Whether rows of p and q differ in sum, beyond rounding: the textbook sum then has a bias."""
    return bool(np.any(np.abs(p.sum(axis=-1) - q.sum(axis=-1)) > 1e-6))
