"""Proper scores as reliability - resolution + uncertainty, over groups of rows."""

import math
from collections.abc import Sequence

import numpy as np

from service.evaluation.figures import in_one_unit, ratio
from service.evaluation.parts import Decomposition
from service.evaluation.pieces import Array
from service.evaluation.tables import Tables


def decompose(
    tables: Tables, brier: float, log_loss: float, supports: Sequence[int], entropy: float
) -> tuple[Decomposition, Decomposition] | None:
    """The Brier score and the log loss, decomposed over predicted classes and calibration bins.

        reliability = sum_g (W_g / W) d(forecast_g, true_g)
        resolution  = sum_g (W_g / W) d(all, true_g)
        within      = score - (reliability - resolution + uncertainty)

    forecast_g is the mean forecast of the rows of a group, true_g the frequencies of its labels,
    `all` those of all rows; d is the squared distance, or the divergence KL(true || forecast).

    Args:
        tables: of the rows.
        brier: the score.
        log_loss: the loss, in nat.
        supports: (K,) weights by class.
        entropy: of the label frequencies.

    Returns:
        Those of the Brier score and of the log loss; `None` where there are too many classes.

    Source: J. Bröcker, Reliability, sufficiency, and the decomposition of proper scores, QJRMS
        135 (2009).
    """
    if "cells" not in tables.sums:
        return None
    (forecasts, true), _ = in_one_unit(tables.sums["cells"], tables.sums["cells_true"])
    classes = tables.classes
    total = sum(supports)
    overall = np.array([ratio(support, total) for support in supports])
    everything = sum(true)
    squares, divergences = [], []
    for start in range(0, len(true), classes):
        group = slice(start, start + classes)
        weight = sum(true[group])
        if not weight:
            continue
        share = ratio(weight, everything)
        forecast = np.array([ratio(value, weight) for value in forecasts[group]])
        found = np.array([ratio(value, weight) for value in true[group]])
        squares.append((share * _distance(found, forecast), share * _distance(found, overall)))
        divergences.append(
            (share * _divergence(found, forecast), share * _divergence(found, overall))
        )
    uncertainty = 1.0 - math.fsum(overall * overall)
    return _sum(brier, squares, uncertainty), _sum(log_loss, divergences, entropy)


def _sum(score: float, parts: list[tuple[float, float]], uncertainty: float) -> Decomposition:
    reliability, resolution = map(math.fsum, zip(*parts, strict=True))
    within = score - (reliability - resolution + uncertainty)
    return Decomposition(reliability, resolution, uncertainty, within, len(parts))


def _distance(p: Array, q: Array) -> float:
    return math.fsum((p - q) ** 2)


def _divergence(p: Array, q: Array) -> float:
    some = p > 0
    with np.errstate(divide="ignore"):
        terms = p[some] * (np.log(p[some]) - np.log(q[some]))
    return math.fsum(terms)
