"""The door of the evaluation: predictions and labels in, the report out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput
from service.evaluation.bootstrap import MAX_REPLICATES, cluster_codes
from service.evaluation.extras import Extra, check_extras, extras
from service.evaluation.parts import RowId
from service.evaluation.pieces import Array
from service.evaluation.ranking import with_exact_ranking
from service.evaluation.report import Report
from service.evaluation.rows import Ids
from service.evaluation.scoring import score
from service.evaluation.slices import Columns, Value
from service.evaluation.state import State
from service.losses.options import within
from service.losses.result import Normalize, Numbers, ZeroProbability
from service.losses.rows import certain
from service.losses.truth import Label
from service.numerics import softmax

MAX_BINS = 1000
MAX_WORST = 1000
MAX_K = 100

Kept = npt.NDArray[np.intp] | None
Arguments = ParamSpec("Arguments")


def assess(
    *,
    logits: Numbers | None = None,
    probabilities: Numbers | None = None,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None = None,
    sample_weights: Numbers | None = None,
    row_ids: Sequence[RowId] | Ids | None = None,
    normalize: Normalize = "reject",
    zero_probability: ZeroProbability = "infinite",
    clip: float = 2.0**-52,
    slices: Columns | None = None,
    bins: int = 15,
    worst: int = 10,
    top_k: int = 5,
    include: Sequence[Extra] = (),
    clusters: Sequence[Value] | npt.NDArray[Any] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> tuple[Report, State]:
    """Evaluates predictions over K classes against what is true; the first figure is the log loss.

        log_loss = sum_i s_i (-log p_i[label_i]) / sum_i s_i        (nat; s: sample_weights)

    Args:
        logits: (N, K) raw scores; p = softmax(logits).
        probabilities: (N, K), instead of logits.
        labels: (N,) class indices, or names where `classes` are given.
        classes: K names in column order.
        sample_weights: s, (N,), >= 0; a row of weight 0 is left out unread.
        row_ids: N integers or N strings, distinct, to name rows by; their numbers otherwise.
        normalize: rows whose sum is off 1 are refused (`"reject"`), divided by it
            (`"renormalize"`) or taken as they are (`"off"`).
        zero_probability: where the true class has probability 0, the loss is `"infinite"`, or is
            bounded (`"clip"`), or the input is refused (`"reject"`).
        clip: the smallest probability under `"clip"`, in (0, 1).
        slices: by column name, (N,) strings, integers or booleans, to report on apart.
        bins: of the calibration, 1 to 1,000.
        worst: how many of the worst rows to report, 0 to 1,000.
        top_k: up to which k to report the accuracy of the k most probable classes, 1 to 100.
        include: what to add: `"curves"`, and of what needs all rows at once, 1,000,000 of them
            at most, `"equal_mass"`, `"isotonic"`, `"temperature"`, `"bootstrap"`, `"ranking"` (the
            exact one).
        clusters: (N,) strings, integers or booleans, for the bootstrap; rows of the same one hang
            together.
        replicates: of the bootstrap, 100 to 100,000.
        seed: of the bootstrap.

    Returns:
        The report, the same bits in whatever order the rows come; and the state that it comes
        from, which can be kept and merged.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
    _check_options(bins=bins, worst=worst, top_k=top_k, replicates=replicates, seed=seed)
    batch, count = score(
        logits=logits,
        probabilities=probabilities,
        labels=labels,
        classes=classes,
        sample_weights=sample_weights,
        row_ids=row_ids,
        normalize=normalize,
        zero_probability=zero_probability,
        clip=clip,
        slices=slices,
        bins=bins,
        top_k=top_k,
    )
    state = State(count, None if classes is None else tuple(classes), bins, worst, top_k)
    state.add(batch)
    codes = cluster_codes(clusters, labels.size, sample_weights)
    if codes is not None and "bootstrap" not in include:
        text = 'clusters are for the bootstrap alone, which include: ["bootstrap"] asks for'
        raise InvalidInput.at("/clusters", Code.CONFLICTING_MEMBERS, text)
    report = state.finish(curves="curves" in include)
    if not set(include) - {"curves"}:
        return report, state
    check_extras(include, batch.labels.size, count)
    kept = None if sample_weights is None else np.flatnonzero(sample_weights)
    if "ranking" in include:
        p = _as_probabilities(logits, probabilities, normalize, kept)
        report = with_exact_ranking(report, p, batch.labels, batch.weights)
    rows = _as_logits(logits, probabilities, kept)
    more = extras(include, batch, rows, bins, codes, replicates, seed)
    return replace(report, **more), state


def _report_of(
    assess: Callable[Arguments, tuple[Report, State]],
) -> Callable[Arguments, Report]:
    def evaluate(*args: Arguments.args, **arguments: Arguments.kwargs) -> Report:
        """The report that `assess` makes of the same arguments."""
        return assess(*args, **arguments)[0]

    return evaluate


evaluate = _report_of(assess)


def _check_options(**options: int) -> None:
    bounds = {
        "bins": (1, MAX_BINS),
        "worst": (0, MAX_WORST),
        "top_k": (1, MAX_K),
        "replicates": (100, MAX_REPLICATES),
        "seed": (0, 2**63 - 1),
    }
    faults = Faults()
    for name, value in options.items():
        with faults.collecting():
            within(name, value, *bounds[name])
    faults.check()


def _as_logits(logits: Numbers | None, probabilities: Numbers | None, kept: Kept) -> Array:
    """Rows whose softmax is what was sent."""
    if logits is not None:
        return _entering(logits, kept)
    assert probabilities is not None
    with np.errstate(divide="ignore"):
        rows: Array = np.log(_entering(probabilities, kept))
    return rows


def _as_probabilities(
    logits: Numbers | None, probabilities: Numbers | None, normalize: Normalize, kept: Kept
) -> Array:
    """Rows of probabilities that depend on nothing but what was sent."""
    if logits is not None:
        return softmax(certain(_entering(logits, kept)))
    assert probabilities is not None
    rows = _entering(probabilities, kept)
    return rows / rows.sum(axis=1, keepdims=True) if normalize == "renormalize" else rows


def _entering(given: Numbers, kept: Kept) -> Array:
    rows: Array = np.ascontiguousarray(given, np.float64).reshape(-1, given.shape[-1])
    return rows if kept is None else rows[kept]
