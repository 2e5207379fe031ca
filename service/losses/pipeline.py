"""From the arguments of a loss over classes to its result: the path that all of them take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, Faults, InvalidInput
from service.losses.options import CLIP, check_shared, exactly_one, one_of, within
from service.losses.predictions import Predictions
from service.losses.reduction import reduce_losses
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
    Labels,
    Mask,
    check_classes,
    check_shape,
    class_indices,
    ignored_labels,
)
from service.losses.weighting import selections, weighting_of
from service.losses.weights import check_weights, class_weight_array


def class_loss(  # noqa: D417 - ClassMembers documents the arguments once for all losses
    kind: Callable[..., Predictions],
    *,
    logits: Numbers | None = None,
    probabilities: Numbers | None = None,
    log_probabilities: Numbers | None = None,
    labels: npt.NDArray[Any] | None = None,
    targets: Numbers | None = None,
    classes: Sequence[Label] | None = None,
    class_weights: Numbers | Mapping[str, float] | None = None,
    sample_weights: Numbers | None = None,
    ignore_index: Labels | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    gradient: bool = False,
    unit: Unit = "nat",
    axis: int = -1,
    temperature: float = 1.0,
    zero_probability: ZeroProbability = "infinite",
    clip: float = CLIP,
    normalize: Normalize = "reject",
) -> LossResult:
    """Checks the arguments, scores the samples that enter, and reduces them.

        mean = sum_i loss_i / sum_i s_i (sum_c w_c t_ic) / (sum_c t_ic)

    The other arguments are the members of `ClassMembers`.

    Args:
        kind: makes the scorer of the loss from the fields of `Predictions`.

    Returns:
        The loss with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
    check_shared(reduction=reduction, unit=unit, zero_probability=zero_probability, clip=clip)
    one_of("normalize", normalize, ("reject", "renormalize", "off"))
    within("label_smoothing", label_smoothing, 0, 1)
    within("temperature", temperature, 0, float("inf"), low_open=True, high_open=True)
    member, given = exactly_one(
        logits=logits, probabilities=probabilities, log_probabilities=log_probabilities
    )
    rows = Rows.of(member, given, axis)
    scorer = kind(
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
    if scorer.truthful:
        truth, _ = exactly_one(labels=labels, targets=targets)
        _check_combinations(member, truth, temperature, ignore_index)
    else:
        _check_combinations(member, "", temperature, None)
    scorer, kept, samples = _with_truth(
        scorer, labels, targets, classes, class_weights, sample_weights, ignore_index, axis
    )
    return _reduced(scorer, kept, samples, reduction, unit, gradient)


def _reduced(
    scorer: Predictions,
    kept: Mask | None,
    samples: Array | None,
    reduction: Reduction,
    unit: Unit,
    gradient: bool,
) -> LossResult:
    """Reduces the samples that enter, and puts the arrays of the result into the sent layout."""
    rows = scorer.rows
    weighting, deviation = weighting_of(scorer, kept, samples)
    plain = rows.member == "logits" and scorer.targets is None
    result = reduce_losses(
        scorer,
        weighting,
        size=rows.size,
        classes=rows.classes,
        gradient=np.zeros(rows.array.shape, rows.array.dtype) if gradient else None,
        dtype=rows.array.dtype,
        reduction=reduction,
        unit=unit if scorer.logarithmic else None,
        uniform_loss=scorer.uniform_loss,
        sum_deviation=None if plain else deviation,
    )
    return replace(
        result,
        loss=result.loss if isinstance(result.loss, float) else result.loss.reshape(rows.samples),
        gradient=None if result.gradient is None else rows.restore(result.gradient),
    )


def _check_combinations(
    member: str, truth: str, temperature: float, ignore_index: Labels | None
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
    scorer: Predictions,
    labels: npt.NDArray[Any] | None,
    targets: Numbers | None,
    classes: Sequence[Label] | None,
    class_weights: Numbers | Mapping[str, float] | None,
    sample_weights: Numbers | None,
    ignore_index: Labels | None,
    axis: int,
) -> tuple[Predictions, Mask | None, Array | None]:
    """Checks labels, targets and weights, naming the faults of all members at once.

    Returns:
        The scorer with its truth, which samples enter (`None`: all), and the sample weights.
    """
    rows, faults = scorer.rows, Faults()
    shape = f"the shape of {rows.member} without classes"
    kept: Mask | None = None
    samples: Array | None = None
    indices: Indices | None = None
    target_array: Rows | None = None
    factors: Array | None = None
    with faults.collecting():
        if classes is not None:
            _check_names(classes, rows)
    named = not faults  # by wrong names neither labels nor weights are wrong
    with faults.collecting():
        by_name = isinstance(class_weights, Mapping)
        # [] does not say how many classes
        if class_weights is not None and rows.sent != (0,) and (named or not by_name):
            factors = class_weight_array(class_weights, classes, rows.classes)
    with faults.collecting():
        if sample_weights is not None:
            check_shape("sample_weights", sample_weights, rows.samples, shape)
            samples = check_weights("sample_weights", sample_weights).reshape(-1)
            kept = samples > 0
    with faults.collecting():
        if labels is not None:
            check_shape("labels", labels, rows.samples, shape)
            ignored = ignored_labels(labels, ignore_index, classes)
            if ignored is not None:
                kept = ~ignored if kept is None else kept & ~ignored
            if named:
                indices = class_indices("labels", labels, kept, rows.classes, classes)
        elif targets is not None:
            check_shape("targets", targets, rows.sent, f"the shape of {rows.member}")
            target_array = Rows.of("targets", targets, axis)
    if kept is not None and kept.all():
        kept = None
    if faults:
        _collect_rows(scorer, kept, faults)
    faults.check()
    truth = replace(scorer, labels=indices, targets=target_array, class_weights=factors)
    return truth, kept, samples


def _check_names(classes: Sequence[Label], rows: Rows) -> None:
    """Refuses names that are not one for every column.

    Raises:
        InvalidInput: a wrong number of names, or one that is there twice.
    """
    if len(classes) != rows.classes and rows.sent != (0,):
        text = f"classes names {len(classes)} classes; {rows.member} has {rows.classes} columns"
        raise InvalidInput.at("/classes", Code.SHAPE_MISMATCH, text)
    check_classes(classes)


def _collect_rows(scorer: Predictions, kept: Mask | None, faults: Faults) -> None:
    """Adds the first fault of the predictions, so that one answer names all members."""
    with faults.collecting():
        for selection in selections(scorer.rows, kept):
            scorer.read(selection)
