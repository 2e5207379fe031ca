"""Perplexity: how many equally likely classes would be as hard to guess."""

import math
from dataclasses import replace
from typing import Unpack

import numpy as np

from service.losses.categorical import Categorical
from service.losses.members import ClassMembers, check_members
from service.losses.pipeline import class_loss
from service.losses.result import LossResult


def perplexity(**members: Unpack[ClassMembers]) -> LossResult:
    """Perplexity, exp of the mean cross-entropy in nats.

    Args:
        **members: see `ClassMembers`; `reduction` and `unit` do not exist here.

    Returns:
        The perplexity, with its counts, baseline (K for hard labels) and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Jelinek, Mercer, Bahl, Baker, "Perplexity", 1977.
    """
    check_members("perplexity", members)
    # in bits, so that the baseline of K = 2^n classes is K to the digit
    in_bits: ClassMembers = {**members, "unit": "bit"}
    logits, narrow = members.get("logits"), None
    if logits is not None and logits.dtype in (np.float16, np.float32):
        # a slope in its type would be rounded, or 0, before it is multiplied by the perplexity
        narrow, in_bits["logits"] = logits.dtype, logits.astype(np.float64)
    result = class_loss(Categorical, **in_bits)
    assert isinstance(result.loss, float)
    value = _exp2(result.loss)
    gradient = result.gradient
    if gradient is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            steps = gradient.astype(np.float64) * (value * math.log(2.0))
            gradient = np.where(gradient == 0, 0.0, steps).astype(narrow or gradient.dtype)
    return replace(
        result,
        loss=value,
        unit=None,
        # a finite mean whose exponential is beyond float64
        overflowed=max(result.overflowed, int(math.isinf(value) and math.isfinite(result.loss))),
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
