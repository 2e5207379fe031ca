"""Answering "none of these", or "one of these": what is asked for, and what is decided."""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.classifier.binomial import upper_bound
from service.classifier.conformal import aps_scores, lac_scores, quantile
from service.classifier.held_out import (
    CONFORMAL,
    METHODS,
    SELECTIVE,
    SPLIT,
    HeldOut,
    uncertainty,
)
from service.classifier.rows import Array
from service.classifier.selective import Flags, error_limit
from service.errors import Code, Fault, InvalidInput
from service.numerics import softmax

_VAIN = {True: math.inf, False: -math.inf}
"""The limit that means that a coverage, or an error, is not attained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """When a model is to abstain: a method, and a threshold or a level that gives one.

    Attributes:
        method: `"probability"` abstains where the largest probability is below the threshold,
            `"margin"` where its lead over the second is, `"entropy"` (nats) and `"distance"` where
            they are above it; `"lac"` and `"aps"` give sets of the classes whose score is not
            above it, and abstain where the set has not exactly one class.
        threshold: in the unit of the method; or
        coverage: of `lac` and `aps`: the probability that the set holds the true class; of the
            others: the share of rows to be answered; or
        error: the share of wrong answers among the answered rows that must not be exceeded; not
            for sets.
        confidence: of `error` and of the bound that is reported.

    Raises:
        InvalidInput: with a pointer to every member that means nothing.
    """

    method: str
    threshold: float | None = None
    coverage: float | None = None
    error: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        faults = [
            Fault(f"/abstain/{name}", Code.INVALID_OPTION, f"{name} {rule}")
            for name, rule, holds in self._rules()
            if not holds
        ]
        given = [self.threshold, self.coverage, self.error]
        if sum(value is not None for value in given) != 1:
            detail = "abstain needs a threshold, a coverage or an error, one of them"
            faults.append(Fault("/abstain", Code.CONFLICTING_MEMBERS, detail))
        if faults:
            raise InvalidInput(faults)

    def _rules(self) -> Iterator[tuple[str, str, bool]]:
        yield "method", f"must be one of {', '.join(METHODS)}", self.method in METHODS
        some = self.threshold
        share = self.method in ("probability", "margin", "lac")
        rule = "must be 0 to 1" if share else "must be finite and not negative"
        most = 1.0 if share else sys.float_info.max
        yield "threshold", rule, some is None or 0.0 <= some <= most
        for name in ("coverage", "error", "confidence"):
            level = getattr(self, name)
            yield name, "must be above 0 and below 1", level is None or 0.0 < level < 1.0
        selective = self.error is None or self.method not in CONFORMAL
        yield "error", f"is for {', '.join(SELECTIVE)}; sets have a coverage", selective


@dataclass(frozen=True, slots=True)
class Abstention:
    """The threshold that was used, and how the held-out rows fare under it, where there are any.

    Attributes:
        method: as asked for.
        threshold: in the unit of the method, infinite where it lets all pass or none.
        attained: whether the held-out rows give a threshold for the level; else every class is in
            the set, or every row answered, or none. None for a threshold that was sent.
        rows: held-out rows behind the figures.
        coverage: of sets: the share of rows whose true class is in the set; else: the share that is
            answered.
        error: the share of wrong ones among the answered rows, NaN where there are none.
        error_bound: which the true error exceeds in at most 1 - `confidence` of all repetitions.
        confidence: of the bound.
    """

    method: str
    threshold: float
    attained: bool | None = None
    rows: int | None = None
    coverage: float | None = None
    error: float | None = None
    error_bound: float | None = None
    confidence: float | None = None


def decide(
    asked: Abstain, logits: Array, inputs: Array, held_out: HeldOut | None
) -> tuple[Flags, Flags | None, Abstention]:
    """Where to abstain, and the sets.

    Args:
        asked: method and threshold or level.
        logits: shape (N, K).
        inputs: the features of the same rows, shape (N, D).
        held_out: what is known from held-out rows, or None.

    Returns:
        Abstained, shape (N,); members of the sets, shape (N, K), or None; the threshold.

    Raises:
        InvalidInput: a level, or a distance, without what it needs of held-out rows.
    """
    _check(asked, held_out)
    limit = _limit(asked, held_out)
    facts = _facts(asked, limit, held_out)
    if asked.method in CONFORMAL:
        scores = {"lac": lac_scores, "aps": aps_scores}[asked.method](softmax(logits))
        members = scores <= limit
        return members.sum(axis=1) != 1, members, facts
    if asked.threshold is not None and asked.method in ("probability", "margin"):
        # In the numbers that are answered: who sends one of them back is answered at it.
        ranked = np.sort(softmax(logits), axis=1)
        sure = ranked[:, -1] - (ranked[:, -2] if asked.method == "margin" else 0.0)
        return sure < asked.threshold, None, facts
    distance = None if held_out is None else held_out.distance
    return ~(uncertainty(asked.method, logits, inputs, distance) <= limit), None, facts


def _check(asked: Abstain, held_out: HeldOut | None) -> None:
    by_level = asked.threshold is None
    if asked.method == "aps" and by_level and held_out is not None and held_out.source != SPLIT:
        # The mass below a class shrinks with every row more: benchmarks/conformal.py measures it.
        detail = (
            "aps by coverage needs scores of a validation part: those of a cross-fit come from "
            "models that are less sure than this one, and its sets would cover too little; lac "
            "takes them"
        )
        raise InvalidInput.at("/abstain/method", Code.NOT_CALIBRATED, detail)
    if asked.method == "distance" and (held_out is None or held_out.distance is None):
        detail = "the model keeps no distance from its training rows"
    elif by_level and held_out is None:
        detail = f"the model keeps no scores of held-out rows to find a {_level(asked)} by"
    else:
        return
    detail += ": train it with the option abstention, of 1,024 features at most for a distance"
    raise InvalidInput.at("/abstain", Code.NOT_CALIBRATED, detail)


def _level(asked: Abstain) -> str:
    return "coverage" if asked.error is None else "error"


def _limit(asked: Abstain, held_out: HeldOut | None) -> float:
    """The largest score that passes."""
    if asked.threshold is not None:
        return _score(asked.method, asked.threshold)
    assert held_out is not None
    scores = held_out.of(asked.method)
    if asked.error is not None:
        return error_limit(scores, held_out.wrong, asked.error, asked.confidence)
    assert asked.coverage is not None
    return quantile(scores, asked.coverage)


def _score(method: str, threshold: float) -> float:
    """The score at a threshold."""
    if method in ("probability", "margin"):
        return 1.0 - threshold
    return threshold - 1.0 if method == "aps" else threshold


def _threshold(method: str, score: float) -> float:
    """The threshold at a score."""
    if method in ("probability", "margin"):
        return 1.0 - score
    return 1.0 + score if method == "aps" else score


def _facts(asked: Abstain, limit: float, held_out: HeldOut | None) -> Abstention:
    threshold = _threshold(asked.method, limit) if asked.threshold is None else asked.threshold
    # Who is asked for an error may answer everything, who is asked for a coverage must not.
    attained = None if asked.threshold is not None else limit != _VAIN[asked.error is None]
    if held_out is None:
        return Abstention(asked.method, threshold)
    passed = held_out.of(asked.method) <= limit
    count, rows = int(passed.sum()), len(passed)
    if asked.method in CONFORMAL:
        return Abstention(asked.method, threshold, attained, rows, count / rows)
    errors = int((held_out.wrong & passed).sum())
    return Abstention(
        method=asked.method,
        threshold=threshold,
        attained=attained,
        rows=rows,
        coverage=count / rows,
        error=errors / count if count else math.nan,
        error_bound=upper_bound(errors, count, asked.confidence),
        confidence=asked.confidence,
    )
