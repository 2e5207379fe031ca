"""Two models on the same rows: is the second one better, and how sure is that."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

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
from service.evaluation.compared import Comparison
from service.evaluation.intervals import interval, p_sign, p_t
from service.evaluation.pairs import Pairs
from service.evaluation.rows import ScoredRows
from service.evaluation.scoring import score
from service.evaluation.slices import Columns, Value
from service.losses.options import within
from service.losses.result import Normalize, Numbers, ZeroProbability
from service.losses.truth import Label


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
    pairs = Pairs(count, None if classes is None else tuple(classes))
    pairs.add(baseline, candidate)
    found = pairs.finish(margin)
    if codes is None and not replicates:
        return found
    return _resampled(found, baseline, candidate, codes, replicates, seed)


def _resampled(
    found: Comparison,
    baseline: ScoredRows,
    candidate: ScoredRows,
    codes: npt.NDArray[np.int64] | None,
    replicates: int,
    seed: int,
) -> Comparison:
    """The comparison with what needs all rows at once: clusters, and the bootstrap."""
    number = found.count if codes is None else int(codes.max()) + 1
    check_draws(number, replicates)
    if not math.isfinite(found.delta):
        return replace(found, clusters=number)
    sums = Clusters.of(candidate.losses - baseline.losses, baseline.weights, codes)
    if codes is not None:
        error, df = sums.standard_error, number - 1.0
        reach = interval(found.delta, error, sums.skew, df, -math.inf)
        found = replace(
            found,
            better=reach[1] < -found.margin,
            interval=reach,
            standard_error=error,
            p_t=p_t(found.delta, error, df),
            p_sign=p_sign(int((sums.sums < 0).sum()), int((sums.sums > 0).sum())),
            clusters=number,
        )
    if replicates:
        drawn, p = bootstrap(sums, replicates, seed)
        better = drawn.interval[1] < -found.margin
        found = replace(
            found, better=better, interval=drawn.interval, method="bootstrap", p_bootstrap=p
        )
    return found


@contextmanager
def _of(side: str) -> Iterator[None]:
    """Names the members of one side in the faults of its scoring."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(_renamed(fault, side) for fault in error.faults) from None


def _renamed(fault: Fault, side: str) -> Fault:
    if fault.pointer.startswith("/slices"):  # whose columns may be called anything
        return fault
    detail = re.sub(r"\b(logits|probabilities)\b", rf"{side}_\1", fault.detail)
    pointer = re.sub(r"^/(logits|probabilities)\b", rf"/{side}_\1", fault.pointer)
    return Fault(pointer, fault.code, detail)
