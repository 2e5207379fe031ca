"""Two models on the same rows: is the second one better, and how sure is that."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, Faults, InvalidInput
from service.evaluation.bootstrap import (
    MAX_REPLICATES,
    Clusters,
    bootstrap,
    check_draws,
    cluster_codes,
)
from service.evaluation.intervals import interval
from service.evaluation.moments import Mean, Moments
from service.evaluation.report import Label
from service.evaluation.requested import Interval
from service.evaluation.rows import ScoredRows
from service.evaluation.scoring import score
from service.evaluation.slices import Columns, Factor, Value
from service.evaluation.sums import Array
from service.losses.options import within
from service.losses.result import Normalize, Numbers, ZeroProbability


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

    label: Label | Value
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


def compare(
    *,
    baseline_logits: Numbers | None = None,
    baseline_probabilities: Numbers | None = None,
    candidate_logits: Numbers | None = None,
    candidate_probabilities: Numbers | None = None,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None = None,
    sample_weights: Numbers | None = None,
    slices: Columns | None = None,
    clusters: Sequence[Value] | npt.NDArray[Any] | None = None,
    normalize: Normalize = "reject",
    zero_probability: ZeroProbability = "infinite",
    clip: float = 2.0**-52,
    margin: float = 0.0,
    replicates: int = 0,
    seed: int = 0,
) -> Comparison:
    """Compares the log losses of two models on the same rows, in pairs.

        delta = sum_i s_i (candidate_i - baseline_i) / sum_i s_i          better: below -margin

    Args:
        baseline_logits: (N, K) raw scores of the model that is there.
        baseline_probabilities: (N, K), instead of its logits.
        candidate_logits: (N, K) raw scores of the model that may replace it.
        candidate_probabilities: (N, K), instead of its logits.
        labels: (N,) class indices, or names where `classes` are given.
        classes: K names in column order.
        sample_weights: s, (N,), >= 0; a row of weight 0 is left out unread.
        slices: by column name, (N,) strings, integers or booleans, to compare over apart.
        clusters: (N,) strings, integers or booleans; rows of the same one hang together.
        normalize: as in `evaluate`.
        zero_probability: as in `evaluate`; with infinite losses there is no interval.
        clip: as in `evaluate`.
        margin: by how much the candidate has to be better, in nat.
        replicates: of the bootstrap, 0 for none, else 100 to 100,000.
        seed: of the bootstrap.

    Returns:
        The verdict first.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
    faults = Faults()
    with faults.collecting():
        within("margin", margin, -math.inf, math.inf, low_open=True, high_open=True)
    with faults.collecting():
        if replicates:
            within("replicates", replicates, 100, MAX_REPLICATES)
    with faults.collecting():
        within("seed", seed, 0, 2**63 - 1)
    shared: dict[str, Any] = {
        "labels": labels,
        "classes": classes,
        "sample_weights": sample_weights,
        "slices": slices,
        "normalize": normalize,
        "zero_probability": zero_probability,
        "clip": clip,
        "bins": None,
    }
    sides: dict[str, tuple[ScoredRows, int]] = {}
    given = {
        "baseline": (baseline_logits, baseline_probabilities),
        "candidate": (candidate_logits, candidate_probabilities),
    }
    for side, (logits, probabilities) in given.items():
        with faults.collecting(), _of(side):
            sides[side] = score(logits=logits, probabilities=probabilities, **shared)
    # what both sides share is told once
    faults[:] = {fault.pointer: fault for fault in reversed(faults)}.values()
    faults.check()
    (baseline, count), (candidate, other) = sides["baseline"], sides["candidate"]
    if count != other:
        text = f"the baseline has {count} classes, the candidate {other}"
        member = "probabilities" if candidate_logits is None else "logits"
        raise InvalidInput.at(f"/candidate_{member}", Code.SHAPE_MISMATCH, text)
    codes = cluster_codes(clusters, labels.size, sample_weights)
    if not baseline.labels.size:
        text = "a comparison needs a row of weight above 0"
        raise InvalidInput.at("/labels", Code.EMPTY_REDUCTION, text)
    check_draws(baseline.labels.size if codes is None else int(codes.max()) + 1, replicates)
    names = range(count) if classes is None else classes
    return _compare(baseline, candidate, names, codes, margin, replicates, seed)


def _compare(
    baseline: ScoredRows,
    candidate: ScoredRows,
    names: Sequence[Label],
    codes: npt.NDArray[np.int64] | None,
    margin: float,
    replicates: int,
    seed: int,
) -> Comparison:
    pair = _Pair(baseline, candidate)
    whole = pair.means(np.zeros(baseline.labels.size, np.int64), 1)[0]
    sums = None
    independent, error, p_bootstrap = whole.effective, whole.standard_error, None
    reach = whole.interval
    if math.isfinite(whole.value):
        sums = Clusters.of(pair.differences, baseline.weights, codes)
        if codes is not None:
            independent, error = float(sums.sums.size), sums.standard_error
            reach = interval(whole.value, error, sums.skew, independent - 1.0, -math.inf)
        if replicates:
            drawn, p_bootstrap = bootstrap(sums, replicates, seed)
            reach = drawn.interval
    signs = np.sign(pair.differences if sums is None else sums.sums)
    per_class = pair.over(Factor(tuple(names), baseline.labels))
    slices = {
        name: tuple(sorted(pair.over(column), key=lambda each: each.label))
        for name, column in sorted(baseline.slices.items())
    }
    weights = baseline.weights
    return Comparison(
        better=reach[1] < -margin,
        delta=whole.value,
        interval=reach,
        margin=margin,
        method="bootstrap" if replicates and sums is not None else "adjusted_t",
        standard_error=error,
        p_t=_p_t(whole.value, error, independent - 1.0),
        p_sign=_p_sign(int((signs < 0).sum()), int((signs > 0).sum())),
        p_bootstrap=p_bootstrap,
        baseline=pair.mean_of(baseline),
        candidate=pair.mean_of(candidate),
        count=baseline.labels.size,
        weight=baseline.labels.size if weights is None else math.fsum(weights),
        clusters=baseline.labels.size if codes is None else int(codes.max()) + 1,
        won=int(np.count_nonzero(candidate.losses < baseline.losses)),
        lost=int(np.count_nonzero(candidate.losses > baseline.losses)),
        per_class=per_class,
        slices=slices or None,
    )


class _Pair:
    """The losses of two models on the same rows."""

    def __init__(self, baseline: ScoredRows, candidate: ScoredRows) -> None:
        self.baseline, self.candidate = baseline, candidate
        with np.errstate(invalid="ignore"):  # both infinite: no difference can be told
            self.differences: Array = candidate.losses - baseline.losses

    def means(self, groups: npt.NDArray[np.int64], size: int) -> list[Mean]:
        """The mean difference of each group; one with infinite losses has no error."""
        moments = Moments(size)
        bad = ~np.isfinite(self.differences)
        moments.add(groups, np.where(bad, np.inf, self.differences), self.baseline.weights)
        means = moments.means()
        for group in np.unique(groups[bad]).tolist():
            values = self.differences[groups == group]
            value = float(values[~np.isfinite(values)].sum())  # inf - inf is nan
            means[group] = Mean(value, math.nan, (math.nan, math.nan), means[group].effective)
        return means

    def over(self, column: Factor) -> tuple[Difference, ...]:
        """The difference for each value of a column."""
        counts = np.bincount(column.codes, minlength=len(column.values)).tolist()
        means = self.means(column.codes, len(column.values))
        return tuple(
            Difference(value, count, mean.value, mean.standard_error, mean.interval)
            for value, count, mean in zip(column.values, counts, means, strict=True)
        )

    def mean_of(self, rows: ScoredRows) -> float:
        """The log loss of one of them."""
        moments = Moments(1)
        moments.add(np.zeros(rows.labels.size, np.int64), rows.losses, rows.weights)
        return moments.mean(low=0.0).value


def _p_t(delta: float, error: float, df: float) -> float:
    from scipy.special import stdtr

    if error == 0.0:
        return 1.0 if delta == 0.0 else 0.0
    return float(2.0 * stdtr(df, -abs(delta) / error))


def _p_sign(won: int, lost: int) -> float:
    """Twice the probability of so few wins, or losses, of a fair coin; 1 without any."""
    from scipy.special import bdtr

    if won + lost == 0:
        return 1.0
    return min(1.0, float(2.0 * bdtr(min(won, lost), won + lost, 0.5)))


@contextmanager
def _of(side: str) -> Iterator[None]:
    """Names the members of one side in the faults of its scoring."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(_renamed(fault, side) for fault in error.faults) from None


def _renamed(fault: Fault, side: str) -> Fault:
    detail = fault.detail
    for member in ("logits", "probabilities"):
        detail = detail.replace(member, f"{side}_{member}")
    for member in ("/logits", "/probabilities"):
        if fault.pointer.startswith(member):
            return Fault(f"/{side}_{fault.pointer[1:]}", fault.code, detail)
    return fault
