"""Answering only the surer rows: what that costs in coverage and gains in error."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.classifier.binomial import distribution
from service.classifier.rows import Array

Flags = npt.NDArray[np.bool_]

STARTS = 5
"""Coverages, evenly spaced up to 1, from which rising ones are tested for an error."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """The error among the answered rows at every coverage.

    Attributes:
        uncertainties: the distinct ones in rising order: answered is who is not above, shape (M,).
        coverage: the share of the weight that is answered, shape (M,).
        risk: the share of wrong ones in that, shape (M,).
        aurc: the area under the curve, the mean of the risk over all rows.
    """

    uncertainties: Array
    coverage: Array
    risk: Array
    aurc: float


def risk_coverage(
    uncertainties: Array, wrong: Flags, weights: npt.NDArray[np.floating] | None = None
) -> RiskCoverage:
    """The risk-coverage curve of rows that are answered in the order of their uncertainty.

    Args:
        uncertainties: larger for a less sure prediction, shape (N,), N >= 1; equal ones are
            answered together.
        wrong: whether the label of the row is another, shape (N,).
        weights: shape (N,), >= 0, not all 0; all 1 when absent.

    Returns:
        The curve.

    Source: Y. Geifman, G. Uziel and R. El-Yaniv, Bias-reduced uncertainty estimation, ICLR (2019).
    """
    order = np.argsort(uncertainties, kind="stable")
    given = np.ones(len(order)) if weights is None else np.asarray(weights, np.float64)
    mass = np.cumsum(given[order])
    lost = np.cumsum(np.where(wrong, given, 0.0)[order])
    rising = uncertainties[order]
    ends = np.flatnonzero(np.append(rising[1:] > rising[:-1], True) & (mass > 0.0))
    coverage, risk = mass[ends] / mass[-1], lost[ends] / mass[ends]
    area = float(np.diff(coverage, prepend=0.0) @ risk)
    return RiskCoverage(rising[ends], coverage, risk, area)


def error_limit(uncertainties: Array, wrong: Flags, error: float, confidence: float) -> float:
    """The largest uncertainty up to which rows may be answered so that their error is bounded.

    Given the uncertainty of the (m + 1)-th surest row, the errors of the m before it are
    binomial: a coverage m / N passes where so few errors would have a probability of at most
    (1 - confidence) / 5 under an error rate of `error`. Coverages are tested one after the other
    from each of five starts, up to the first that fails; the largest that passed is taken. With
    the probability `confidence` the true error at it is at most `error`, whatever the data.

    Args:
        uncertainties: of rows that neither the fit nor the uncertainty has seen, shape (N,).
        wrong: whether the label of the row is another, shape (N,).
        error: the selective error that is asked for, between 0 and 1.
        confidence: between 0 and 1.

    Returns:
        The limit: infinite where every row may be answered, minus infinite where none may.

    Source: A. Angelopoulos, S. Bates, E. Candès, M. Jordan and L. Lei, Learn then test (2021),
    fixed-sequence testing from several starts; the thresholds are those of Y. Geifman and R.
    El-Yaniv, Selective classification for deep neural networks, NeurIPS (2017).
    """
    count = len(uncertainties)
    order = np.argsort(uncertainties, kind="stable")
    # A row ends the answered ones where the next is less sure, by a margin that can be told.
    following = np.append(uncertainties[order][1:], np.inf)
    ends = uncertainties[order] < following
    chance = distribution(np.cumsum(wrong[order]), error)
    failed = ends & (chance > (1.0 - confidence) / STARTS)
    stops = np.append(np.flatnonzero(failed), count)
    best = -1
    for start in np.ceil(np.arange(1, STARTS + 1) * count / STARTS).astype(int) - 1:
        stop = int(stops[np.searchsorted(stops, start)])
        passed = np.flatnonzero(ends[start:stop])
        best = max(best, start + int(passed[-1])) if passed.size else best
    if best == count - 1:
        return np.inf
    return float(np.nextafter(following[best], -np.inf)) if best >= 0 else -np.inf
