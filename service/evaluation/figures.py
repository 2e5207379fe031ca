"""The figures of the report, from exact integers: every quotient is rounded once.

All integers of one report are multiples of the same power of two, which cancels in each quotient.
"""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from operator import sub

import numpy as np
import numpy.typing as npt

from service.evaluation.report import Calibration, CalibrationBin, ClassReport, Label


def ratio(numerator: int, denominator: int) -> float:
    """The quotient of two numbers >= 0, correctly rounded; 0/0 is nan."""
    if denominator == 0:
        return math.nan if numerator == 0 else math.inf
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf


def prior_baseline(supports: Sequence[int]) -> float:
    r"""Entropy of the label frequencies, in nat: the log loss of always predicting them.

        H = -sum_c f_c log f_c        f_c = support_c / sum support

    Args:
        supports: (K,) weights by class.
    """
    total = sum(supports)
    terms = []
    for support in supports:
        share = support / total
        if share >= 0.5:
            # the digits of log f near f = 1 are in the others, not in f
            terms.append(share * math.log1p((total - support) / support))
        elif share > 0:
            terms.append(-share * math.log(share))
    return math.fsum(terms)


def skill(log_loss: float, baseline: float) -> float:
    """1 - log_loss / baseline: 1 is perfect, 0 no better than the baseline; 0/0 is nan."""
    if baseline == 0:
        return math.nan if log_loss == 0 else -math.inf
    return 1.0 - log_loss / baseline


def bin_edges(bins: int) -> npt.NDArray[np.float64]:
    """(bins + 1,) the edges k / bins, each correctly rounded."""
    return np.arange(bins + 1) / bins


def bin_numbers(confidences: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.int64]:
    """The bin of each confidence: (lower, upper], the first with its lower edge."""
    return np.searchsorted(bin_edges(bins)[1:-1], confidences, side="left")


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact sums as integers, all multiples of the same power of two.

    Attributes:
        sums: by name, an integer for each class, bin or cell.
        one: the integer that stands for 1.
        weighted: whether weights were given; without them weights are numbers of rows.
        lost: the classes with a row of infinite loss.
    """

    sums: Mapping[str, Sequence[int]]
    one: int
    weighted: bool
    lost: Container[int]

    def numbers(self, name: str) -> Sequence[float]:
        """Weights as they are reported: numbers of rows as integers."""
        if self.weighted:
            return [ratio(total, self.one) if total else 0.0 for total in self.sums[name]]
        return self.counts(name)

    def counts(self, name: str) -> list[int]:
        """Numbers of rows."""
        return [total // self.one if total else 0 for total in self.sums[name]]

    def share(self, part: str, whole: str) -> list[float]:
        """Quotients of two sums, one by one."""
        return list(map(ratio, self.sums[part], self.sums[whole]))


def per_class(totals: Totals, names: Sequence[Label]) -> tuple[ClassReport, ...]:
    """Support, precision, recall and log loss of each class.

    Args:
        totals: with `support`, `predicted`, `correct` and `loss` by class.
        names: (K,) of the classes.
    """
    losses = totals.share("loss", "support")
    columns = zip(
        names,
        totals.numbers("support"),
        totals.share("correct", "predicted"),
        totals.share("correct", "support"),
        [math.inf if c in totals.lost else loss for c, loss in enumerate(losses)],
        strict=True,
    )
    return tuple(ClassReport(*column) for column in columns)


def confusion_matrix(totals: Totals, classes: int) -> tuple[tuple[float, ...], ...]:
    """Weights by true class (rows) and predicted class (columns).

    Args:
        totals: with `confusion` by true class * K + predicted class.
        classes: K.
    """
    cells = totals.numbers("confusion")
    return tuple(tuple(cells[c * classes : (c + 1) * classes]) for c in range(classes))


def calibration(totals: Totals) -> Calibration:
    """Reliability bins and the expected calibration error.

        ECE = sum_b (W_b / W) |accuracy_b - confidence_b| = sum_b |correct_b - confidence_b| / W

    Args:
        totals: with `bin_count`, `bin_weight`, `bin_correct` and `bin_confidence` by bin.

    Source: Guo et al., On calibration of modern neural networks, 2017.
    """
    sums = totals.sums
    gaps = map(abs, map(sub, sums["bin_correct"], sums["bin_confidence"]))
    edges = bin_edges(len(sums["bin_count"])).tolist()
    columns = zip(
        edges[:-1],
        edges[1:],
        totals.counts("bin_count"),
        totals.numbers("bin_weight"),
        totals.share("bin_confidence", "bin_weight"),
        totals.share("bin_correct", "bin_weight"),
        strict=True,
    )
    return Calibration(
        ece=ratio(sum(gaps), sum(sums["bin_weight"])),
        bins=tuple(CalibrationBin(*column) for column in columns),
    )
