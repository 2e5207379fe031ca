"""Categorical cross-entropy: the negative log likelihood of labels, or of soft targets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, Faults, InvalidInput
from service.losses.categorical import Categorical, target_rows
from service.losses.options import check_shared, exactly_one, one_of, uniform_loss, within
from service.losses.reduction import Weighting, reduce_losses
from service.losses.result import (
    Array,
    LossResult,
    Normalize,
    Numbers,
    Reduction,
    Unit,
    ZeroProbability,
)
from service.losses.rows import Rows
from service.losses.truth import (
    Indices,
    Label,
    Mask,
    check_weights,
    class_indices,
    class_weight_array,
    ignored_labels,
    shape_fault,
)
from service.numerics import row_blocks


def cross_entropy(
    *,
    logits: Numbers | None = None,
    probabilities: Numbers | None = None,
    log_probabilities: Numbers | None = None,
    labels: npt.NDArray[Any] | None = None,
    targets: Numbers | None = None,
    classes: Sequence[Label] | None = None,
    class_weights: Numbers | Mapping[str, float] | None = None,
    sample_weights: Numbers | None = None,
    ignore_index: int | Sequence[int] | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    gradient: bool = False,
    unit: Unit = "nat",
    axis: int = -1,
    temperature: float = 1.0,
    zero_probability: ZeroProbability = "infinite",
    clip: float = 2.0**-52,
    normalize: Normalize = "reject",
) -> LossResult:
    """Cross-entropy of predictions over K classes with what is true.

        t'_i    = (1 - label_smoothing) t_i + label_smoothing / K
        loss_i  = s_i sum_c w_c t'_ic (-log p_ic)
        mean    = sum_i loss_i / sum_i s_i (sum_c w_c t_ic) / (sum_c t_ic)

    where t_i is the one-hot row of the label, or the target row; p = softmax(logits / temperature).
    The gradient is that of the reduced loss (of the sum under `"none"`).

    Args:
        logits: (..., K) raw scores; -Infinity is an impossible class, one +Infinity a certain one.
        probabilities: (..., K), instead of logits.
        log_probabilities: (..., K), instead of logits.
        labels: (...) class indices, or names where `classes` are given.
        targets: (..., K) rows of probabilities, instead of labels.
        classes: K names in column order.
        class_weights: w, (K,) or by class name (1 for a class not named), >= 0.
        sample_weights: s, (...), >= 0; a sample of weight 0 is left out unread.
        ignore_index: the label, or labels, of samples to leave out unread.
        label_smoothing: in [0, 1].
        reduction: `"mean"`, `"sum"` or `"none"`.
        gradient: whether to compute it.
        unit: `"nat"` or `"bit"`.
        axis: of the classes.
        temperature: > 0, divides the logits.
        zero_probability: where the true class has probability 0, the loss is `"infinite"`, or is
            bounded (`"clip"`), or the input is refused (`"reject"`).
        clip: the smallest probability under `"clip"`, in (0, 1).
        normalize: rows whose sum is off 1 are refused (`"reject"`), divided by it
            (`"renormalize"`) or taken as they are (`"off"`).

    Returns:
        The loss with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, 6.2.2; the mean over hard labels is
    that of torch.nn.functional.cross_entropy.
    """
    check_shared(reduction=reduction, unit=unit, zero_probability=zero_probability, clip=clip)
    one_of("normalize", normalize, ("reject", "renormalize", "off"))
    within("label_smoothing", label_smoothing, 0, 1)
    within("temperature", temperature, 0, float("inf"), low_open=True, high_open=True)
    member, given = exactly_one(
        logits=logits, probabilities=probabilities, log_probabilities=log_probabilities
    )
    truth, _ = exactly_one(labels=labels, targets=targets)
    _check_combinations(member, truth, temperature, ignore_index)
    rows = Rows.of(member, given, axis)
    scorer = Categorical(
        rows=rows,
        labels=None,
        targets=None,
        class_weights=None,
        label_smoothing=label_smoothing,
        temperature=temperature,
        bits=unit == "bit",
        zero_probability=zero_probability,
        clip=clip,
        normalize=normalize,
    )
    scorer, kept, samples = _with_truth(
        scorer, labels, targets, classes, class_weights, sample_weights, ignore_index, axis
    )
    weighting, deviation = _weighting(scorer, kept, samples)
    result = reduce_losses(
        scorer,
        weighting,
        size=rows.size,
        classes=rows.classes,
        gradient=np.zeros(rows.array.shape, rows.array.dtype) if gradient else None,
        dtype=rows.array.dtype,
        reduction=reduction,
        unit=unit,
        uniform_loss=uniform_loss(rows.classes, unit),
        sum_deviation=None if member == "logits" and targets is None else deviation,
    )
    return replace(
        result,
        loss=result.loss if isinstance(result.loss, float) else result.loss.reshape(rows.samples),
        gradient=None if result.gradient is None else rows.restore(result.gradient),
    )


def _check_combinations(
    member: str, truth: str, temperature: float, ignore_index: int | Sequence[int] | None
) -> None:
    faults = Faults()
    if member != "logits" and temperature != 1:
        text = f"temperature needs logits, not {member}"
        faults.append(Fault("/temperature", Code.CONFLICTING_MEMBERS, text))
    if truth == "targets" and ignore_index is not None:
        text = "ignore_index names labels, not targets; a sample weight of 0 leaves a sample out"
        faults.append(Fault("/ignore_index", Code.CONFLICTING_MEMBERS, text))
    faults.check()


def _with_truth(
    scorer: Categorical,
    labels: npt.NDArray[Any] | None,
    targets: Numbers | None,
    classes: Sequence[Label] | None,
    class_weights: Numbers | Mapping[str, float] | None,
    sample_weights: Numbers | None,
    ignore_index: int | Sequence[int] | None,
    axis: int,
) -> tuple[Categorical, Mask | None, Array | None]:
    """Checks labels, targets and weights, naming the faults of all members at once.

    Returns:
        The scorer with its truth, which samples enter (`None`: all), and the sample weights.
    """
    rows = scorer.rows
    faults = Faults()
    kept: Mask | None = None
    samples: Array | None = None
    indices: Indices | None = None
    target_array: Rows | None = None
    factors: Array | None = None
    if classes is not None and len(classes) != rows.classes and rows.sent != (0,):
        text = f"classes names {len(classes)} classes; {rows.member} has {rows.classes} columns"
        faults.append(Fault("/classes", Code.SHAPE_MISMATCH, text))
        classes = None
    with faults.collecting():
        if class_weights is not None and rows.sent != (0,):  # [] does not say how many classes
            factors = class_weight_array(class_weights, classes, rows.classes)
    with faults.collecting():
        if sample_weights is not None:
            _same_shape("sample_weights", sample_weights, rows)
            samples = check_weights("sample_weights", sample_weights).reshape(-1)
            kept = samples > 0
    with faults.collecting():
        if labels is not None:
            _same_shape("labels", labels, rows)
            ignored = ignored_labels(labels, ignore_index)
            if ignored is not None:
                kept = ~ignored if kept is None else kept & ~ignored
            indices = class_indices("labels", labels, kept, rows.classes, classes)
        elif targets is not None:
            fault = shape_fault("targets", targets, rows.sent, f"the shape of {rows.member}")
            if fault is not None:
                raise InvalidInput([fault])
            target_array = Rows.of("targets", targets, axis)
    if kept is not None and kept.all():
        kept = None
    if faults:
        _collect_rows(scorer, kept, faults)
    faults.check()
    truth = replace(scorer, labels=indices, targets=target_array, class_weights=factors)
    return truth, kept, samples


def _same_shape(member: str, array: npt.NDArray[Any], rows: Rows) -> None:
    fault = shape_fault(member, array, rows.samples, f"the shape of {rows.member} without classes")
    if fault is not None:
        raise InvalidInput([fault])


def _collect_rows(scorer: Categorical, kept: Mask | None, faults: Faults) -> None:
    """Adds the first fault of the predictions, so that one answer names all members."""
    with faults.collecting():
        for selection in _selections(scorer.rows, kept):
            scorer.read(selection)


def _selections(rows: Rows, kept: Mask | None) -> Iterator[slice | npt.NDArray[np.intp]]:
    entering = None if kept is None else np.flatnonzero(kept)
    for block in row_blocks(rows.size if entering is None else entering.size, rows.classes):
        yield block if entering is None else entering[block]


def _weighting(
    scorer: Categorical, kept: Mask | None, samples: Array | None
) -> tuple[Weighting, float]:
    """The weights of the definition of the mean; for targets also how far their sums are off 1."""
    rows, per_class = scorer.rows, scorer.class_weights
    if scorer.labels is not None and per_class is None:
        return Weighting(kept, samples, samples), 0.0
    one = np.ones(rows.size) if samples is None else samples
    if scorer.labels is not None and per_class is not None:
        with np.errstate(over="ignore"):  # an infinite total weight is refused by the reduction
            weights = one * per_class[scorer.labels]
        if not scorer.label_smoothing:
            return Weighting(kept, weights, weights), 0.0
        smooth = scorer.label_smoothing
        with np.errstate(over="ignore"):  # the baseline is then infinite
            uniform = (1.0 - smooth) * weights + smooth * one * (per_class / rows.classes).sum()
        return Weighting(kept, samples, weights, uniform), 0.0
    assert scorer.targets is not None
    weights, uniform = np.zeros(rows.size), np.zeros(rows.size)
    deviation = 0.0
    for selection in _selections(rows, kept):
        block, sums = target_rows(scorer.targets, selection, scorer.normalize)
        deviation = max(deviation, float(np.abs(sums - 1.0).max(initial=0.0)))
        # a row of zeros (normalize "off") has no weight; an infinite total is refused later
        with np.errstate(over="ignore", invalid="ignore"):
            weighted = block if per_class is None else block * per_class
            share = weighted.sum(axis=1) / block.sum(axis=1)
            weights[selection] = one[selection] * np.where(sums > 0, share, 0.0)
            uniform[selection] = one[selection] * scorer.coefficients(selection).sum(axis=1)
    return Weighting(kept, samples, weights, uniform), deviation
