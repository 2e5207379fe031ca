"""From the losses of samples to the mean, the sum or none of them, the same for every loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput
from service.losses.result import Array, LossResult, Numbers, Reduction, Unit
from service.numerics import ExactSum, row_blocks

Selection = slice | npt.NDArray[np.intp]

SMALLEST_NORMAL = 2.0**-1022


@dataclass(frozen=True, slots=True)
class Scored:
    """The samples of one block, scored.

    Attributes:
        losses: (n,), unweighted.
        gradient: of `scale * losses`, where a scale was given.
        impossible: (n,) booleans, the true class has probability 0; `None` if no loss is infinite.
        clipped: (n,) booleans, the loss was bounded; `None` without clipping.
        sum_deviation: the largest distance from 1 of a row's sum.
    """

    losses: Array
    gradient: Array | None
    impossible: npt.NDArray[np.bool_] | None = None
    clipped: npt.NDArray[np.bool_] | None = None
    sum_deviation: float = 0.0


@dataclass(frozen=True, slots=True)
class Weighting:
    """Which samples enter, and with what weight.

    Attributes:
        kept: (N,) booleans, or `None` when every sample enters.
        factors: (N,) what the loss of a sample is multiplied with, or `None` for 1.
        weights: (N,) what a sample adds to the denominator of the mean, or `None` for 1. It differs
            from `factors` where class weights are inside the loss (soft targets, label smoothing).
        uniform: (N,) the weighted loss of a sample at the uniform prediction, as a multiple of the
            loss of a hard label of weight 1 there; or `None` where that is `weights`.
    """

    kept: npt.NDArray[np.bool_] | None
    factors: Array | None
    weights: Array | None
    uniform: Array | None = None


def reduce_losses(
    score: Callable[[Selection, Array | None], Scored],
    weighting: Weighting,
    *,
    size: int,
    classes: int,
    gradient: Numbers | None,
    dtype: np.dtype[np.floating],
    reduction: Reduction,
    unit: Unit | None,
    uniform_loss: float,
    sum_deviation: float | None,
) -> LossResult:
    """Scores `size` samples block by block and reduces them, as the mean is defined.

        sum = sum_i factors_i loss_i      mean = sum / sum_i weights_i      none = factors_i loss_i

    Sums are exact and round once, at the end, so that they do not depend on blocks or order.

    Args:
        score: scores the samples of a selection; given a scale, with the gradient.
        weighting: which samples enter, with what weight.
        size: the number of samples, N.
        classes: the width of a sample, which sets the size of a block.
        gradient: zeros of shape (N, classes) or (N,) to be filled in, or `None`.
        dtype: of the losses under `"none"`.
        reduction: `"mean"`, `"sum"` or `"none"`.
        unit: named in the result.
        uniform_loss: the loss of a hard label at the uniform prediction.
        sum_deviation: the largest so far, or `None` where no rows of probabilities were given.

    Returns:
        The result; `loss` under `"none"` has shape (N,).

    Raises:
        InvalidInput: the mean of nothing, or a total weight beyond float64.
    """
    entering = None if weighting.kept is None else np.flatnonzero(weighting.kept)
    count = size if entering is None else entering.size
    total = _total(weighting.weights, entering, count)
    weight = _denominator(total, reduction, f"of {size} samples {count} enter")
    none = np.zeros(size, dtype) if reduction == "none" else None
    divisor = weight if reduction == "mean" else 1.0
    arrays = _Arrays(none, gradient, *_divisors(weighting.factors, divisor))
    tally = _Tally(ExactSum(), deviation=sum_deviation)
    for block in row_blocks(count, classes):
        selection: Selection = block if entering is None else entering[block]
        factors = None if weighting.factors is None else weighting.factors[selection]
        scored = score(selection, arrays.scale(factors, block))
        arrays.put(selection, tally.add(scored, factors), scored.gradient)
    reduced = tally.sum.ratio(total) if reduction == "mean" else tally.sum.value
    return LossResult(
        loss=reduced if none is None else none,
        reduction=reduction,
        unit=unit,
        count=count,
        weight=weight,
        ignored=size - count,
        infinite=tally.infinite,
        overflowed=tally.overflowed,
        clipped=tally.clipped,
        uniform_baseline=_uniform_baseline(
            uniform_loss, weighting.uniform, entering, total, reduction
        ),
        max_sum_deviation=tally.deviation,
        gradient=gradient,
    )


@dataclass(frozen=True, slots=True)
class _Arrays:
    """Where the losses and gradients of blocks are put, if they are wanted.

    Attributes:
        losses: (N,) under `"none"`.
        gradient: (N, K) or (N,).
        early: divides the scale of a gradient.
        late: divides the gradient.
    """

    losses: Numbers | None
    gradient: Numbers | None
    early: float
    late: float

    def scale(self, factors: Array | None, block: slice) -> Array | None:
        """Of the gradient of a block; `None` where that is not wanted."""
        if self.gradient is None:
            return None
        return (np.ones(block.stop - block.start) if factors is None else factors) / self.early

    def put(self, selection: Selection, losses: Array, gradient: Array | None) -> None:
        """Puts a block in its place."""
        with np.errstate(over="ignore"):  # what the dtype that was sent cannot hold is infinite
            if self.losses is not None:
                self.losses[selection] = losses
            if self.gradient is not None and gradient is not None:
                self.gradient[selection] = gradient if self.late == 1 else gradient / self.late


@dataclass(slots=True)
class _Tally:
    """What the samples of all blocks add up to."""

    sum: ExactSum
    infinite: int = 0
    overflowed: int = 0
    clipped: int = 0
    deviation: float | None = None

    def add(self, scored: Scored, factors: Array | None) -> Array:
        """Adds a block, and gives its weighted losses."""
        values = _weighted(scored.losses, factors)
        infinite = _counted(scored.impossible, factors)
        self.infinite += infinite
        self.overflowed += int(np.count_nonzero(np.isinf(values))) - infinite
        self.clipped += _counted(scored.clipped, factors)
        if self.deviation is not None:
            self.deviation = max(self.deviation, scored.sum_deviation)
        _accumulate(self.sum, scored.losses, factors, values)
        return values


def _counted(flags: npt.NDArray[np.bool_] | None, factors: Array | None) -> int:
    """How many samples are flagged; one of weight 0 does not count."""
    if flags is None:
        return 0
    return int(np.count_nonzero(flags if factors is None else flags & (factors > 0)))


def _denominator(total: ExactSum, reduction: Reduction, entering: str) -> float:
    """The sum of the weights, where the reduction can do with it."""
    weight = total.value
    if math.isinf(weight):
        raise InvalidInput.at("", Code.WEIGHT_OVERFLOW, "the total weight exceeds float64")
    if reduction == "mean" and weight == 0:
        text = f"the mean needs a total weight above 0; {entering}"
        raise InvalidInput.at("", Code.EMPTY_REDUCTION, text)
    return weight


def _divisors(factors: Array | None, divisor: float) -> tuple[float, float]:
    """What divides the scale before and the gradient after: a scale must not overflow."""
    largest = 1.0 if factors is None else float(factors.max(initial=0.0))
    return (1.0, divisor) if math.isinf(largest / divisor) else (divisor, 1.0)


def _total(weights: Array | None, entering: npt.NDArray[np.intp] | None, count: int) -> ExactSum:
    if weights is None:
        return ExactSum.of(np.array([float(count)]))
    return ExactSum.of(weights if entering is None else weights[entering])


def _weighted(losses: Array, factors: Array | None) -> Array:
    if factors is None:
        return losses
    with np.errstate(over="ignore", invalid="ignore"):  # 0 * inf is 0 here: no weight, no loss
        return np.where(factors == 0, 0.0, factors * losses)


def _accumulate(total: ExactSum, losses: Array, factors: Array | None, values: Array) -> None:
    """Adds weighted losses; one beyond the normal numbers as the exact product of its factors."""
    if factors is not None:
        beyond = (np.isinf(values) | (values < SMALLEST_NORMAL)) & np.isfinite(losses)
        if beyond.any():
            total.add(losses[beyond], factors[beyond])
            values = values[~beyond]
    total.add(values)


def _uniform_baseline(
    uniform_loss: float,
    multiples: Array | None,
    entering: npt.NDArray[np.intp] | None,
    total: ExactSum,
    reduction: Reduction,
) -> float:
    weight = total.value
    if reduction != "sum" and weight == 0:
        return math.nan
    if multiples is None:
        return uniform_loss * weight if reduction == "sum" else uniform_loss
    losses = ExactSum.of(multiples if entering is None else multiples[entering])
    return uniform_loss * (losses.value if reduction == "sum" else losses.ratio(total))
