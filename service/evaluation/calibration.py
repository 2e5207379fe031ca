"""Calibration: whether the confidence in a prediction is matched by how often it is right."""

import math
from collections.abc import Sequence
from operator import sub

import numpy as np
import numpy.typing as npt

from service.evaluation.figures import in_one_unit, ratio, weights_of
from service.evaluation.intervals import wilson
from service.evaluation.named import NamedSums
from service.evaluation.parts import Calibration, CalibrationBin
from service.evaluation.pieces import Array
from service.evaluation.tables import Tables

Indices = npt.NDArray[np.int64]
NAMES = ("count", "weight", "more", "confidence", "correct")


class Reliability(NamedSums):
    """Sums by bin of what calibration is judged by.

    Args:
        bins: how many.
    """

    __slots__ = ("bins",)

    def __init__(self, bins: int) -> None:
        self.bins = bins
        # `more` is the sum of s**2 - s: rows of weight 1 do not touch it
        super().__init__(dict.fromkeys(NAMES, bins))

    def add(
        self, numbers: Indices, confidences: Array, right: Indices, weights: Array | None
    ) -> None:
        """Adds rows.

        Args:
            numbers: (n,) their bins.
            confidences: (n,) probability of the predicted class.
            right: which rows are predicted right.
            weights: (n,) finite and > 0, or `None` for 1.
        """
        sums = self.sums
        sums["count"].count(numbers)
        sums["confidence"].add(numbers, confidences, weights)
        if weights is None:
            sums["weight"].count(numbers)
            sums["correct"].count(numbers[right])
        else:
            sums["weight"].add(numbers, weights)
            sums["correct"].add(numbers[right], weights[right])
            sums["more"].add(numbers, weights, weights)
            sums["more"].add(numbers, -weights)

    def finish(
        self, edges: Sequence[tuple[float, float]], classwise: float | None, weighted: bool
    ) -> Calibration:
        """The reliability bins, the expected calibration error and its debiased form.

            ECE          = sum_b (W_b / W) |gap_b|                gap_b = accuracy_b - confidence_b
            ECE debiased = sum_b (W_b / W) (2 |gap_b| - E|x_b|)   x_b ~ N(gap_b, a (1 - a) / n_b)

        Args:
            edges: of the bins.
            classwise: the error of the probabilities of all classes.
            weighted: whether weights were given.

        Sources: Guo et al., On calibration of modern neural networks, 2017. Kumar et al., Verified
            uncertainty calibration, 2019 (its debiasing by resampling, in closed form).
        """
        columns, one = in_one_unit(*(self.sums[name] for name in NAMES))
        counts, weights, more, confidence, correct = columns
        total = sum(weights)
        gaps = list(map(abs, map(sub, correct, confidence)))
        effective = [ratio(w * w, (w + m) * one) for w, m in zip(weights, more, strict=True)]
        accuracy = list(map(ratio, correct, weights))
        expected = [
            ratio(w, total) * folded_mean(ratio(gap, w), math.sqrt(a * (1.0 - a) / n))
            for w, gap, a, n in zip(weights, gaps, accuracy, effective, strict=True)
            if w
        ]
        ece = ratio(sum(gaps), total)
        rows = zip(
            *zip(*edges, strict=True),
            [count // one for count in counts],
            weights_of(weights, one, weighted),
            map(ratio, confidence, weights),
            accuracy,
            map(wilson, accuracy, effective),
            strict=True,
        )
        return Calibration(
            ece=ece,
            ece_debiased=max(0.0, 2.0 * ece - math.fsum(expected)),
            classwise_ece=classwise,
            bins=tuple(CalibrationBin(*row) for row in rows),
        )


def folded_mean(mean: float, deviation: float) -> float:
    """E|x| of a normal variable: d sqrt(2 / pi) exp(-m**2 / (2 d**2)) + m erf(m / (d sqrt(2)))."""
    if deviation == 0.0:
        return abs(mean)
    scaled = mean / deviation
    spread = deviation * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * scaled * scaled)
    return spread + mean * math.erf(scaled / math.sqrt(2.0))


def classwise_errors(tables: Tables) -> list[float] | None:
    """The calibration error of each class's probability; `None` where it is not tabulated.

    sum_b |sum_i s_i (onehot_ic - p_ic)| / W        over the rows of bin b

    Args:
        tables: of the rows.

    Source: Kull et al., Beyond temperature scaling, NeurIPS 2019.
    """
    if "classwise" not in tables.sums:
        return None
    (forecast, true), _ = in_one_unit(tables.sums["classwise"], tables.sums["classwise_true"])
    total = sum(true)
    gaps = list(map(abs, map(sub, true, forecast)))
    bins = tables.bins
    for first in range(0, len(forecast), bins):  # has all rows of the class
        gaps[first] = abs(true[first] - forecast[first] + sum(forecast[first + 1 : first + bins]))
    return [ratio(sum(gaps[c * bins : (c + 1) * bins]), total) for c in range(tables.classes)]
