"""Ranking: ROC AUC and average precision of the probability of each class."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from service.evaluation.bins import RANKS
from service.evaluation.figures import in_one_unit, ratio
from service.evaluation.parts import Ranking
from service.evaluation.pieces import Array, Groups
from service.evaluation.report import Report
from service.evaluation.tables import Tables

Step = tuple[int, int]
"""Weight of the positive and of the negative rows with equal scores."""


@dataclass(frozen=True, slots=True)
class ClassRanking:
    """How well the probability of one class puts its rows before all others.

    Attributes:
        roc_auc: share of the pairs of a row of the class and another one that are in order, ties
            counting half; nan without pairs.
        error: how far ties may have moved it.
        average_precision: sum of the precision at each score, times the recall it adds; nan
            without rows of the class.
    """

    roc_auc: float
    error: float
    average_precision: float


def rank(steps: Iterable[Step]) -> ClassRanking:
    """The figures of a class from the weights at each of its scores, the highest score first.

        AUC = sum_k pos_k (neg below k + neg_k / 2) / (P N)
        AP  = sum_k (pos_k / P) (pos above and at k) / (all above and at k)

    Args:
        steps: exact integers in one unit.
    """
    positive = negative = ordered = tied = 0
    precisions: list[tuple[int, int, int]] = []
    for true, other in steps:
        ordered += 2 * positive * other + true * other
        tied += true * other
        positive += true
        negative += other
        if true:
            precisions.append((true, positive, positive + negative))
    pairs = 2 * positive * negative
    return ClassRanking(
        roc_auc=ratio(ordered, pairs),
        error=ratio(tied, pairs),
        average_precision=math.fsum(
            ratio(true, positive) * ratio(above, all_above) for true, above, all_above in precisions
        )
        if positive
        else math.nan,
    )


def rank_histograms(tables: Tables) -> list[ClassRanking] | None:
    """The figures of each class from histograms; `None` where they are not tabulated."""
    if "ranked" not in tables.sums:
        return None
    (ranked, true), _ = in_one_unit(tables.sums["ranked"], tables.sums["ranked_true"])
    found = []
    for c in range(tables.classes):
        part = slice(c * RANKS, (c + 1) * RANKS)
        pairs = zip(reversed(ranked[part]), reversed(true[part]), strict=True)
        found.append(rank((own, total - own) for total, own in pairs if total))
    return found


def exact_ranking(p: Array, labels: Groups, weights: Array | None) -> list[ClassRanking]:
    """The figures of each class from all its probabilities; only equal ones are ties.

    Args:
        p: (n, K), n > 0.
        labels: (n,) true classes.
        weights: (n,) > 0, or `None` for 1.
    """
    ones = np.ones(labels.size) if weights is None else weights / weights.max()
    found = []
    for c in range(p.shape[1]):
        order = np.argsort(p[:, c])[::-1]
        scores, own = p[order, c], labels[order] == c
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # of equal scores
        true = np.cumsum(np.where(own, ones[order], 0.0))[last]
        other = np.cumsum(np.where(own, 0.0, ones[order]))[last]
        found.append(_of_curve(true, other))
    return found


def _of_curve(true: Array, other: Array) -> ClassRanking:
    """From the weights of positive and of negative rows down to each score, (m,) both."""
    added, false = np.diff(true, prepend=0.0), np.diff(other, prepend=0.0)
    pairs = float(true[-1] * other[-1])
    ordered = math.fsum(added * (other[-1] - other + false / 2.0))
    return ClassRanking(
        roc_auc=ordered / pairs if pairs else math.nan,
        error=0.0,
        average_precision=math.fsum(added * (true / (true + other))) / float(true[-1])
        if true[-1]
        else math.nan,
    )


def with_exact_ranking(report: Report, p: Array, labels: Groups, weights: Array | None) -> Report:
    """The report with ROC AUC and average precision from all probabilities, (n, K) of its rows."""
    ranked = exact_ranking(p, labels, weights)
    return replace(
        report,
        ranking=ranking(ranked, "exact"),
        per_class=tuple(
            replace(each, roc_auc=found.roc_auc, average_precision=found.average_precision)
            for each, found in zip(report.per_class, ranked, strict=True)
        ),
    )


def ranking(classes: list[ClassRanking], method: Literal["exact", "histogram"]) -> Ranking:
    """The means over the classes that have the figure."""
    return Ranking(
        method=method,
        roc_auc=_mean(each.roc_auc for each in classes),
        roc_auc_error=_mean(each.error for each in classes),
        average_precision=_mean(each.average_precision for each in classes),
    )


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
