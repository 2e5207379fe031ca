"""scikit-learn 1.9, in the type of the probabilities: float64, or what a smaller array has.

Sources: sklearn/metrics/_classification.py (log_loss, brier_score_loss); scikit-learn#24315 (eps
of the type), scikit-learn#22046 (Brier score of several classes).
"""

from typing import Any

import numpy as np

from service.losses.dialects import rules
from service.losses.dialects.given import Given, answer, unsupported
from service.losses.result import DialectLoss, Numbers
from service.losses.rows import Rows, floating
from service.losses.truth import Indices

SMALL = 1e-3
"""A probability below this loses three digits or more in 1 - p."""


def log_loss(given: Given) -> DialectLoss:
    """`log_loss(labels, probabilities, normalize, sample_weight, labels=range(K))`."""
    rows, indices = _labelled(given, "log_loss")
    return _log_loss(given, rows.array, indices)


def binary_log_loss(given: Given) -> DialectLoss:
    """`log_loss(labels, probabilities, normalize, sample_weight, labels=[0, 1])`."""
    p = floating(given.values)
    _refuse(given, p, p.shape)
    indices = given.binary().astype(np.int64)
    rounded = np.any((indices == 0) & (p > 0) & (p < SMALL))
    return _log_loss(given, np.stack([1 - p, p], axis=1), indices, rounded=bool(rounded))


def _log_loss(given: Given, p: Numbers, indices: Indices, *, rounded: bool = False) -> DialectLoss:
    eps = np.finfo(p.dtype).eps
    held = np.clip(p, eps, 1 - eps)
    picked = np.take_along_axis(held, indices[:, None], axis=1)[:, 0]
    losses = -np.log(picked.astype(np.float64)).astype(p.dtype)
    weights = _weights(given, losses.size)
    if given.reduction == "mean":
        loss = np.average(losses, weights=weights)
    else:
        loss = losses.sum() if weights is None else np.dot(losses, weights)
    read = np.take_along_axis(p, indices[:, None], axis=1)
    found = {
        rules.ROW_DTYPE: p.dtype != np.float64,
        rules.COMPLEMENT: rounded,
        rules.CLIP_EPS: np.any((read < eps) | (read > 1 - eps)),
    }
    return answer(np.float64(loss), found)


def brier_score_loss(given: Given) -> DialectLoss:
    """`brier_score_loss(labels, probabilities, sample_weight, labels=range(K))`."""
    rows, indices = _labelled(given, "brier_score_loss")
    truth = (np.arange(rows.classes) == indices[:, None]).astype(rows.array.dtype)
    scores = np.sum((truth - rows.array) ** 2, axis=1)
    score = np.average(scores, weights=_weights(given, rows.size))
    halved = rows.classes < 3
    found = {rules.ROW_DTYPE: rows.array.dtype != np.float64, rules.SCALE_BY_HALF: halved}
    return answer(np.float64(score * 0.5 if halved else score), found)


def _labelled(given: Given, call: str) -> tuple[Rows, Indices]:
    rows = given.rows()
    if rows.classes < 2:
        text = f"scikit-learn's {call} takes two classes or more"
        raise unsupported(given.member, text)
    _refuse(given, rows.array, rows.samples)
    return rows, given.indices(rows)[0]


def _weights(given: Given, size: int) -> Any:
    sent = given.options.get("sample_weights")
    weights = given.sample_weights(() if sent is None or sent.ndim == 0 else (size,))
    if weights is None:
        return None
    weights = floating(weights).reshape(-1)
    if given.reduction == "mean" and not weights.sum():
        raise unsupported("sample_weights", "scikit-learn refuses weights that sum to 0")
    return weights


def _refuse(given: Given, p: Numbers, samples: tuple[int, ...]) -> None:
    """Refuses what scikit-learn answers with a ValueError."""
    if len(samples) > 1 or (given.values.ndim == 0):
        raise unsupported(given.member, "scikit-learn takes one axis of samples")
    if p.size == 0:
        raise unsupported(given.member, "scikit-learn refuses an empty batch")
    if not np.all((p >= 0) & (p <= 1)):
        text = f"scikit-learn refuses {given.member} outside [0, 1], and NaN"
        raise unsupported(given.member, text)
