"""Losses of binary predictions: every element is a sample with a positive and a negative class."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput
from service.losses.binary import Binary
from service.losses.binary_truth import binary_truth
from service.losses.members import BinaryMembers, check_members
from service.losses.options import CLIP, check_shared, exactly_one, within
from service.losses.pointwise import Focal, Logarithm, Pointwise
from service.losses.reduction import Weighting, reduce_losses
from service.losses.result import Array, LossResult, Numbers, Reduction, Unit, ZeroProbability
from service.losses.rows import floating
from service.losses.truth import Mask


def binary_cross_entropy(**members: Unpack[BinaryMembers]) -> LossResult:
    """Binary cross-entropy of predictions of the positive class with what is true.

        loss_i  = s_i (positive_weight y'_i (-log p_i) + (1 - y'_i) (-log(1 - p_i)))
        mean    = sum_i loss_i / sum_i s_i

    where p = sigmoid(logits).

    Args:
        **members: see `BinaryMembers`.

    Returns:
        The loss with its counts, baseline and gradient; the shapes are those of the input.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, 6.2.2.2; `positive_weight` is the
    `pos_weight` of torch.nn.BCEWithLogitsLoss.
    """
    check_members("binary-cross-entropy", members)
    return binary_loss(Logarithm(), **members)


def binary_focal(*, gamma: float = 2.0, **members: Unpack[BinaryMembers]) -> LossResult:
    """Focal loss of predictions of the positive class.

        loss_i = s_i (positive_weight y' (1 - p)^gamma (-log p) + (1 - y') p^gamma (-log(1 - p)))

    Args:
        gamma: >= 0; 0 is cross-entropy.
        **members: see `BinaryMembers`.

    Returns:
        The loss with its counts, baseline and gradient; the shapes are those of the input.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", 2017, whose
    alpha is the class balance: positive_weight = alpha / (1 - alpha), up to the factor 1 - alpha.
    """
    check_members("binary-focal", members)
    within("gamma", gamma, 0, 1e6)
    return binary_loss(Focal(gamma, bits=members.get("unit") == "bit"), **members)


def binary_loss(  # noqa: D417 - BinaryMembers documents the arguments once for all losses
    function: Pointwise,
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
    clip: float = CLIP,
) -> LossResult:
    """Checks the arguments, scores the elements that enter, and reduces them.

    The other arguments are the members of `BinaryMembers`.

    Args:
        function: the loss of the probability of what is true.

    Returns:
        The loss with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
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
    scorer = Binary(
        member=member,
        values=given.reshape(-1),
        shape=given.shape,
        truth=np.zeros(given.size),
        label_smoothing=label_smoothing,
        positive_weight=positive_weight,
        bits=unit == "bit" and isinstance(function, Logarithm),
        zero_probability=zero_probability,
        clip=clip,
        function=function,
    )
    truth, kept, samples = binary_truth(scorer, labels, targets, sample_weights, ignore_index)
    scorer = replace(scorer, truth=truth)
    return _reduced(scorer, kept, samples, given.dtype, reduction, unit, gradient)


def _reduced(
    scorer: Binary,
    kept: Mask | None,
    samples: Array | None,
    dtype: np.dtype[Any],
    reduction: Reduction,
    unit: Unit,
    gradient: bool,
) -> LossResult:
    """Reduces the elements that enter, and puts the arrays of the result into the sent shape."""
    uniform = None
    if scorer.positive_weight != 1:
        positive, negative = scorer.weights(scorer.truth)
        uniform = positive + negative
        if samples is not None:
            with np.errstate(over="ignore"):  # the baseline is then infinite
                uniform = samples * uniform
    size, shape = scorer.values.size, scorer.shape
    result = reduce_losses(
        scorer,
        Weighting(kept, samples, samples, uniform),
        size=size,
        classes=1,
        gradient=np.zeros(size, dtype) if gradient else None,
        dtype=dtype,
        reduction=reduction,
        unit=unit,
        uniform_loss=scorer.uniform_loss,
        sum_deviation=None,
    )
    return replace(
        result,
        loss=result.loss if isinstance(result.loss, float) else result.loss.reshape(shape),
        gradient=None if result.gradient is None else result.gradient.reshape(shape),
    )
