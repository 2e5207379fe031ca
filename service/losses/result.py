"""What a loss answers with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.numerics import Array as Array  # those of this room, too

Reduction = Literal["mean", "sum", "none"]
Unit = Literal["nat", "bit"]
ZeroProbability = Literal["infinite", "clip", "reject"]
Normalize = Literal["reject", "renormalize", "off"]

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A habit of a library.

    Attributes:
        code: a stable word.
        text: what the library does, in one sentence.
    """

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class DialectLoss:
    """What a library prints.

    Attributes:
        loss: a number, or an array where the library answers with one.
        rules: those that made a difference for this data.
    """

    loss: float | npt.NDArray[np.floating]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class LossResult:
    """A loss, its gradient and what went into them.

    Attributes:
        loss: the reduced loss, or the losses of the samples under `reduction="none"`.
        reduction: how the samples were put together.
        unit: of `loss`, the baseline and the gradient; `None` where the loss has none.
        count: the samples that entered.
        weight: the denominator of the mean, the sum of the samples' weights.
        ignored: the samples left out for their label or for a weight of 0.
        infinite: samples whose true class was given the probability 0.
        overflowed: samples whose loss is finite but exceeds float64.
        clipped: samples whose loss was bounded by `clip`.
        uniform_baseline: this loss at the uniform prediction; that of the mean under `"none"`.
        max_sum_deviation: the largest distance from 1 of the sum of a row of probabilities or
            targets; `None` where no rows were given.
        gradient: of the reduced loss (under `"none"`: of the sum), in the input's shape and dtype;
            `None` unless asked for.
        compared: by library, what it prints for the same data; `None` unless asked for.
    """

    loss: float | Numbers
    reduction: Reduction
    unit: Unit | None
    count: int
    weight: float
    ignored: int
    infinite: int
    overflowed: int
    clipped: int
    uniform_baseline: float
    max_sum_deviation: float | None
    gradient: Numbers | None
    compared: Mapping[str, DialectLoss] | None = None
