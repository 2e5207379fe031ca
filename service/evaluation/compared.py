"""The comparison of two models: what was found, as plain numbers."""

from dataclasses import dataclass
from typing import Literal

from service.evaluation.requested import Interval
from service.losses.truth import Label


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference in log loss over some of the rows.

    Attributes:
        label: the class, or the value of the column.
        count: the rows.
        delta: log loss of the candidate less that of the baseline, in nat; nan of no rows.
        standard_error: of the difference, row by row; nan of fewer than two rows.
        interval: of 95 %, by Student's t, adjusted for the skew.
    """

    label: Label | bool
    count: int
    delta: float
    standard_error: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a candidate is better than a baseline, on the same rows.

    Attributes:
        better: whether all of the interval lies below -margin.
        delta: log loss of the candidate less that of the baseline, in nat; below 0 is better.
        interval: of 95 %, for the difference.
        margin: by how much the candidate has to be better; below 0, how much worse it may be.
        method: of the interval: Student's t of the paired differences, adjusted for their skew, or
            their bootstrap.
        standard_error: of the difference, by rows, or by clusters where they were sent.
        p_t: of no difference, by Student's t, two-sided.
        p_sign: of no difference, by the sign test over rows or clusters, two-sided, without ties.
        p_bootstrap: of no difference, by the studentized bootstrap; `None` without replicates.
        baseline: its log loss.
        candidate: its log loss.
        count: rows that entered.
        weight: their weight.
        clusters: that were taken for independent; the rows where none were sent.
        won: rows on which the candidate has the smaller loss.
        lost: rows on which it has the larger one.
        per_class: the difference over the rows of each class.
        slices: by column, the difference over the rows of each value; `None` without columns.
    """

    better: bool
    delta: float
    interval: Interval
    margin: float
    method: Literal["adjusted_t", "bootstrap"]
    standard_error: float
    p_t: float
    p_sign: float
    p_bootstrap: float | None
    baseline: float
    candidate: float
    count: int
    weight: float
    clusters: int
    won: int
    lost: int
    per_class: tuple[Difference, ...]
    slices: dict[str, tuple[Difference, ...]] | None
