"""Calibration without bins: the isotonic regression of being right on the confidence (CORP)."""

import math

import numpy as np
import numpy.typing as npt

from service.evaluation.pieces import Array
from service.evaluation.requested import Isotonic, IsotonicBlock, IsotonicScore


def isotonic(confidences: Array, right: npt.NDArray[np.bool_], weights: Array | None) -> Isotonic:
    """The best monotone recalibration of confidences, and two scores decomposed by it.

        score = miscalibration - discrimination + uncertainty
        miscalibration = score - score of the recalibrated
        discrimination = score of the constant accuracy - score of the recalibrated

    Args:
        confidences: (n,) probability of the predicted class, n > 0.
        right: (n,) whether that is the true one.
        weights: (n,) > 0, or `None` for 1.

    Source: T. Dimitriadis, T. Gneiting and A. Jordan, Stable reliability diagrams for
        probabilistic classifiers, PNAS 118 (2021).
    """
    from scipy.optimize import isotonic_regression

    values, codes = np.unique(confidences, return_inverse=True)  # equal ones are recalibrated alike
    ones = np.ones(confidences.size)
    if weights is not None:  # one that vanishes beside the largest still has its place
        ones = np.maximum(weights / weights.max(), np.finfo(np.float64).tiny)
    total, correct = np.zeros((2, values.size))
    np.add.at(total, codes, ones)
    np.add.at(correct, codes, ones * right)
    found = isotonic_regression(correct / total, weights=total)
    recalibrated = np.clip(found.x, 0.0, 1.0)
    accuracy = np.full(values.size, math.fsum(correct) / math.fsum(total))
    forecasts = (values, recalibrated, accuracy)
    brier = [_mean(total - correct, f * f, correct, (1.0 - f) ** 2) for f in forecasts]
    with np.errstate(divide="ignore"):
        logs = [_mean(total - correct, -np.log1p(-f), correct, -np.log(f)) for f in forecasts]
    counts = np.bincount(codes)
    weight = counts if weights is None else np.bincount(codes, weights)
    blocks = [
        IsotonicBlock(
            lower=float(values[first]),
            upper=float(values[last - 1]),
            count=int(counts[first:last].sum()),
            weight=weight[first:last].sum().item(),
            accuracy=float(recalibrated[first]),
        )
        for first, last in zip(found.blocks[:-1], found.blocks[1:], strict=True)
    ]
    return Isotonic(_score(*brier), _score(*logs), tuple(blocks))


def _mean(wrong: Array, if_wrong: Array, correct: Array, if_right: Array) -> float:
    """The weighted mean of a score by confidence, 0 * inf = 0."""
    with np.errstate(invalid="ignore"):
        terms = np.where(wrong > 0, wrong * if_wrong, 0.0) + np.where(
            correct > 0, correct * if_right, 0.0
        )
    return math.fsum(terms) / math.fsum(wrong + correct)


def _score(score: float, recalibrated: float, constant: float) -> IsotonicScore:
    return IsotonicScore(score, score - recalibrated, constant - recalibrated, constant)
