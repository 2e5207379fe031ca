"""With what weight samples enter the mean, its baseline and their gradient."""

from collections.abc import Iterator

import numpy as np

from service.losses.predictions import Predictions
from service.losses.reader import target_rows
from service.losses.reduction import Selection, Weighting
from service.losses.result import Array
from service.losses.rows import Rows
from service.losses.truth import Mask
from service.numerics import row_blocks


def selections(rows: Rows, kept: Mask | None) -> Iterator[Selection]:
    """The samples that enter, block by block."""
    entering = None if kept is None else np.flatnonzero(kept)
    for block in row_blocks(rows.size if entering is None else entering.size, rows.classes):
        yield block if entering is None else entering[block]


def weighting_of(
    scorer: Predictions, kept: Mask | None, samples: Array | None
) -> tuple[Weighting, float]:
    """The weights of the definition of the mean; for targets also how far their sums are off 1."""
    rows, per_class = scorer.rows, scorer.class_weights
    weights, deviation = samples, 0.0
    multiples: Array | None
    if scorer.targets is not None:
        weights, multiples = np.zeros(rows.size), np.zeros(rows.size)
        for selection in selections(rows, kept):
            shares, sums = _target_shares(scorer, scorer.targets, selection)
            deviation = max(deviation, float(np.abs(sums - 1.0).max(initial=0.0)))
            weights[selection] = _product(None if samples is None else samples[selection], shares)
            multiples[selection] = scorer.uniform(selection)
    else:
        if per_class is not None and scorer.labels is not None:
            weights = _product(samples, per_class[scorer.labels])
        multiples = scorer.uniform(slice(0, rows.size))
    factors = samples if scorer.inside else weights
    uniform = None if multiples is None else _product(factors, multiples)
    return Weighting(kept, factors, weights, uniform), deviation


def _target_shares(scorer: Predictions, targets: Rows, selection: Selection) -> tuple[Array, Array]:
    """(n,) mean class weight of target rows, and their sums; a row of zeros has no weight."""
    block, sums = target_rows(targets, selection, scorer.normalize)
    if scorer.class_weights is None:
        return np.where(sums > 0, 1.0, 0.0), sums
    with np.errstate(over="ignore", invalid="ignore"):
        shares = (block * scorer.class_weights).sum(axis=1) / block.sum(axis=1)
    return np.where(sums > 0, shares, 0.0), sums


def _product(factors: Array | None, values: Array) -> Array:
    # an infinite total weight is refused by the reduction; 0 * inf is a sample that is left out
    with np.errstate(over="ignore", invalid="ignore"):
        return values if factors is None else factors * values
