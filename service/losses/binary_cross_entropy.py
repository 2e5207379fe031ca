"""Binary cross-entropy: every element is a sample with a positive and a negative class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput, cell
from service.losses.options import check_shared, exactly_one, uniform_loss, within
from service.losses.reduction import Scored, Selection, Weighting, reduce_losses, scaled
from service.losses.result import Array, LossResult, Numbers, Reduction, Unit, ZeroProbability
from service.losses.rows import floating
from service.losses.shares import LOG2_E, log_in
from service.losses.truth import Mask, check_weights, ignored_labels, numbered, shape_fault
from service.numerics import binary_cross_entropy as logit_losses
from service.numerics import log1mexp, row_blocks, sigmoid


def binary_cross_entropy(
    *,
    logits: Numbers | None = None,
    probabilities: Numbers | None = None,
    log_probabilities: Numbers | None = None,
    labels: npt.NDArray[Any] | None = None,
    targets: Numbers | None = None,
    positive_weight: float = 1.0,
    sample_weights: Numbers | None = None,
    ignore_index: int | Sequence[int] | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    gradient: bool = False,
    unit: Unit = "nat",
    zero_probability: ZeroProbability = "infinite",
    clip: float = 2.0**-52,
) -> LossResult:
    """Binary cross-entropy of predictions of the positive class with what is true.

        y'_i    = (1 - label_smoothing) y_i + label_smoothing / 2
        loss_i  = s_i (positive_weight y'_i (-log p_i) + (1 - y'_i) (-log(1 - p_i)))
        mean    = sum_i loss_i / sum_i s_i

    where p = sigmoid(logits). `positive_weight` scales the loss and never enters the denominator.

    Args:
        logits: any shape; an Infinity of either sign is a certain prediction.
        probabilities: of the positive class, instead of logits.
        log_probabilities: of the positive class, instead of logits.
        labels: the same shape, 0/1 or booleans.
        targets: the same shape, numbers in [0, 1], instead of labels.
        positive_weight: >= 0.
        sample_weights: s, the same shape, >= 0; a sample of weight 0 is left out unread.
        ignore_index: the label, or labels, of samples to leave out unread.
        label_smoothing: in [0, 1].
        reduction: `"mean"`, `"sum"` or `"none"`.
        gradient: whether to compute it.
        unit: `"nat"` or `"bit"`.
        zero_probability: where what is true has probability 0, the loss is `"infinite"`, or is
            bounded (`"clip"`), or the input is refused (`"reject"`).
        clip: the smallest probability under `"clip"`, in (0, 1).

    Returns:
        The loss with its counts, baseline and gradient; the shapes are those of the input.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, 6.2.2.2; `positive_weight` is the
    `pos_weight` of torch.nn.BCEWithLogitsLoss.
    """
    check_shared(reduction=reduction, unit=unit, zero_probability=zero_probability, clip=clip)
    within("label_smoothing", label_smoothing, 0, 1)
    within("positive_weight", positive_weight, 0, math.inf, high_open=True)
    member, given = exactly_one(
        logits=logits, probabilities=probabilities, log_probabilities=log_probabilities
    )
    given = floating(given)
    exactly_one(labels=labels, targets=targets)
    if targets is not None and ignore_index is not None:
        raise InvalidInput.at(
            "/ignore_index", Code.CONFLICTING_MEMBERS, "ignore_index names labels, not targets"
        )
    scorer = _Binary(
        member=member,
        values=given.reshape(-1),
        shape=given.shape,
        truth=np.zeros(given.size),
        positive_weight=positive_weight,
        bits=unit == "bit",
        zero_probability=zero_probability,
        clip=clip,
    )
    truth, kept, samples = _truth(scorer, labels, targets, sample_weights, ignore_index)
    if label_smoothing:
        truth = (1.0 - label_smoothing) * truth + label_smoothing / 2
    uniform = None
    if positive_weight != 1:
        uniform = positive_weight * truth + (1.0 - truth)
        if samples is not None:
            with np.errstate(over="ignore"):  # the baseline is then infinite
                uniform = samples * uniform
    dtype = given.dtype
    result = reduce_losses(
        replace(scorer, truth=truth),
        Weighting(kept, samples, samples, uniform),
        size=given.size,
        classes=1,
        gradient=np.zeros(given.size, dtype) if gradient else None,
        dtype=dtype,
        reduction=reduction,
        unit=unit,
        uniform_loss=uniform_loss(2, unit),
        sum_deviation=None,
    )
    return replace(
        result,
        loss=result.loss if isinstance(result.loss, float) else result.loss.reshape(given.shape),
        gradient=None if result.gradient is None else result.gradient.reshape(given.shape),
    )


@dataclass(frozen=True, slots=True)
class _Binary:
    """Scores selected elements, before sample weights and reduction."""

    member: str
    values: Numbers
    shape: tuple[int, ...]
    truth: Array
    positive_weight: float
    bits: bool
    zero_probability: ZeroProbability
    clip: float

    def __call__(self, selection: Selection, scale: Array | None) -> Scored:
        values = self.read(selection)
        truth = self.truth[selection]
        if self.member == "logits" and self.zero_probability != "clip":
            losses, gradient = logit_losses(
                values, truth, positive_weight=self.positive_weight, bits=self.bits, scale=scale
            )
            positive = self.positive_weight * truth
            dead = (np.isposinf(values) & (truth < 1)) | (np.isneginf(values) & (positive > 0))
            scored = Scored(losses, gradient, dead if dead.any() else None)
        else:
            scored = self._from_logs(values, truth, scale)
        if self.zero_probability == "reject" and scored.impossible is not None:
            self._fail(
                selection,
                scored.impossible,
                Code.ZERO_PROBABILITY,
                'gives what is true the probability 0; see zero_probability ("infinite" or "clip")',
            )
        return scored

    def read(self, selection: Selection) -> Array:
        """The selected elements, checked.

        Raises:
            InvalidInput: at the first one that means nothing.
        """
        values = self.values[selection].astype(np.float64, copy=False)
        self._fail(selection, np.isnan(values), Code.NAN_VALUE, "is NaN")
        if self.member == "probabilities":
            bad = (values < 0) | (values > 1)
            self._fail(
                selection, bad, Code.PROBABILITY_OUT_OF_RANGE, "is not a probability in [0, 1]"
            )
        elif self.member == "log_probabilities":
            self._fail(
                selection,
                values > 0,
                Code.PROBABILITY_OUT_OF_RANGE,
                "is above 0, so no logarithm of a probability",
            )
        return values

    def _from_logs(self, values: Array, truth: Array, scale: Array | None) -> Scored:
        """From log p and log(1 - p): for probabilities, and wherever they are clipped."""
        yes, no = self._logs(values)
        positive, negative = self.positive_weight * truth, 1.0 - truth
        floor = math.log2(self.clip) if self.bits else math.log(self.clip)
        low_yes, low_no = (yes < floor) & (positive > 0), (no < floor) & (negative > 0)
        clipped = impossible = None
        active_yes, active_no = positive, negative
        if self.zero_probability == "clip":
            clipped = low_yes | low_no
            yes, no = np.maximum(yes, floor), np.maximum(no, floor)
            active_yes = np.where(low_yes, 0.0, positive)
            active_no = np.where(low_no, 0.0, negative)
        with np.errstate(invalid="ignore", over="ignore"):  # 0 * inf is 0
            losses = np.where(positive > 0, positive * -yes, 0.0)
            losses = losses + np.where(negative > 0, negative * -no, 0.0)
            if np.isinf(losses).any():
                impossible = (np.isneginf(yes) & (positive > 0)) | (
                    np.isneginf(no) & (negative > 0)
                )
        gradient = None
        if scale is not None:
            unit = LOG2_E if self.bits else 1.0
            gradient = scaled(self._slope(values, active_yes, active_no), scale * unit)
        return Scored(losses, gradient, impossible, clipped)

    def _logs(self, values: Array) -> tuple[Array, Array]:
        """Both log p and log(1 - p), in the unit asked for."""
        unit = LOG2_E if self.bits else 1.0
        if self.member == "probabilities":
            # 1 - p is exact from 1/2 on, and log1p keeps the digits below
            upper = values >= 0.5
            no = log_in(np.where(upper, 1.0 - values, 1.0), self.bits)
            small = np.log1p(-np.where(upper, 0.0, values)) * unit
            return log_in(values, self.bits), np.where(upper, no, small)
        if self.member == "log_probabilities":
            return values * unit, log1mexp(values) * unit
        one = np.ones_like(values)
        yes = logit_losses(values, one, bits=self.bits)[0]
        no = logit_losses(values, 0.0 * one, bits=self.bits)[0]
        return -yes, -no

    def _slope(self, values: Array, positive: Array, negative: Array) -> Array:
        """Derivative of positive (-log p) + negative (-log(1 - p)) by what was sent."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self.member == "logits":
                return negative * sigmoid(values) - positive * sigmoid(-values)
            if self.member == "probabilities":
                yes = np.where(positive > 0, -positive / values, 0.0)
                return yes + np.where(negative > 0, negative / (1.0 - values), 0.0)
            odds = np.exp(values) / -np.expm1(values)
            return np.where(negative > 0, negative * odds, 0.0) - positive

    def _fail(self, selection: Selection, bad: Mask, code: Code, text: str) -> None:
        if not bad.any():
            return
        first = int(np.flatnonzero(bad)[0])
        number = selection.start + first if isinstance(selection, slice) else int(selection[first])
        place = tuple(int(i) for i in np.unravel_index(number, self.shape)) if self.shape else ()
        pointer, name = cell(self.member, *place)
        raise InvalidInput.at(pointer, code, f"{name} {text}")


def _truth(
    scorer: _Binary,
    labels: npt.NDArray[Any] | None,
    targets: Numbers | None,
    sample_weights: Numbers | None,
    ignore_index: int | Sequence[int] | None,
) -> tuple[Array, Mask | None, Array | None]:
    """Checks truth and weights, naming the faults of all members at once.

    Returns:
        (N,) y, which samples enter (`None`: all), and the sample weights.
    """
    faults = Faults()
    kept: Mask | None = None
    samples: Array | None = None
    truth = scorer.truth
    with faults.collecting():
        if sample_weights is not None:
            _same_shape("sample_weights", sample_weights, scorer)
            samples = check_weights("sample_weights", sample_weights).reshape(-1)
            kept = samples > 0
    with faults.collecting():
        member, given = ("targets", targets) if labels is None else ("labels", labels)
        assert given is not None
        _same_shape(member, given, scorer)
        ignored = None if labels is None else ignored_labels(labels, ignore_index)
        if ignored is not None:
            kept = ~ignored if kept is None else kept & ~ignored
        truth = _binary_truth(member, given, kept)
    if kept is not None and kept.all():
        kept = None
    if faults:
        with faults.collecting():
            numbers = np.arange(scorer.values.size) if kept is None else np.flatnonzero(kept)
            for block in row_blocks(numbers.size, 1):
                scorer.read(numbers[block])
    faults.check()
    return truth, kept, samples


def _same_shape(member: str, array: npt.NDArray[Any], scorer: _Binary) -> None:
    fault = shape_fault(member, array, scorer.shape, f"the shape of {scorer.member}")
    if fault is not None:
        raise InvalidInput([fault])


def _binary_truth(member: str, given: npt.NDArray[Any], kept: Mask | None) -> Array:
    """(N,) labels 0/1 or targets in [0, 1] as float64; 0 where a sample is left out.

    Raises:
        InvalidInput: at the first one that is neither.
    """
    flat = given.reshape(-1)
    values = numbered(flat, booleans=member == "labels").astype(np.float64)
    good = (values == 0) | (values == 1) if member == "labels" else (values >= 0) & (values <= 1)
    if kept is not None:
        values = np.where(kept, values, 0.0)
        good |= ~kept
    if not good.all():
        place = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), given.shape))
        pointer, name = cell(member, *(place if given.shape else ()))
        if member == "labels":
            wanted, code = "a binary label is 0, 1, false or true", Code.LABEL_OUT_OF_RANGE
        else:
            wanted, code = "a target is a number in [0, 1]", Code.PROBABILITY_OUT_OF_RANGE
        found = values[int(np.argmin(good))]
        shown = "is no number" if np.isnan(found) else f"is {float(found)!r}"
        raise InvalidInput.at(pointer, code, f"{name} {shown}; {wanted}")
    return values
