"""Perplexity: how many equally likely classes would be as hard to guess."""

import math
from dataclasses import replace
from typing import Unpack

import numpy as np

from service.errors import Code, InvalidInput
from service.losses.categorical import Categorical
from service.losses.pipeline import ClassMembers, class_loss
from service.losses.result import LossResult


def perplexity(**members: Unpack[ClassMembers]) -> LossResult:
    """Perplexity, exp of the mean cross-entropy in nats.

    Args:
        **members: see `ClassMembers`; the reduction is `"mean"`.

    Returns:
        The perplexity, with its counts, baseline (K for hard labels) and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member; another reduction.

    Source: Jelinek, Mercer, Bahl, Baker, "Perplexity", 1977.
    """
    if members.get("reduction", "mean") != "mean" or members.get("unit", "nat") != "nat":
        text = "perplexity is the exponential of a mean in nats; it has no other reduction or unit"
        raise InvalidInput.at("/reduction", Code.INVALID_OPTION, text)
    # in bits, so that the baseline of K = 2^n classes is K to the digit
    in_bits: ClassMembers = {**members, "unit": "bit"}
    result = class_loss(Categorical, **in_bits)
    assert isinstance(result.loss, float)
    value = _exp2(result.loss)
    gradient = result.gradient
    if gradient is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            steps = gradient.astype(np.float64) * (value * math.log(2.0))
            gradient = np.where(gradient == 0, 0.0, steps).astype(gradient.dtype)
    return replace(
        result,
        loss=value,
        unit=None,
        uniform_baseline=_baseline(result.uniform_baseline),
        gradient=gradient,
    )


def _baseline(bits: float) -> float:
    """Of K classes it is K, without the rounding of log K."""
    value = _exp2(bits)
    whole = round(value) if 0.5 < value < 2.0**32 else 0
    return float(whole) if whole and math.log2(whole) == bits else value


def _exp2(bits: float) -> float:
    try:
        return float(2.0**bits)
    except OverflowError:
        return math.inf
