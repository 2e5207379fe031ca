"""Checks predictions against labels and scores them, row by row, for the state."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.evaluation.bins import bin_numbers
from service.evaluation.parts import RowId
from service.evaluation.rows import Array, Ids, Indices, ScoredRows
from service.evaluation.slices import Columns
from service.evaluation.tables import Tables
from service.evaluation.truth import Truth, read_truth
from service.losses.categorical import Categorical
from service.losses.options import check_shared, exactly_one, one_of
from service.losses.result import Normalize, Numbers, ZeroProbability
from service.losses.rows import Rows, sum_tolerance
from service.losses.truth import Label
from service.numerics import by_class, in_memory, places, plain_sums, row_blocks


def score(
    *,
    logits: Numbers | None = None,
    probabilities: Numbers | None = None,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None = None,
    sample_weights: Numbers | None = None,
    row_ids: Sequence[RowId] | Ids | None = None,
    normalize: Normalize = "reject",
    zero_probability: ZeroProbability = "infinite",
    clip: float = 2.0**-52,
    slices: Columns | None = None,
    bins: int | None = 15,
) -> tuple[ScoredRows, int]:
    """Checks and scores a batch of rows for `State.add`; the arguments are those of `evaluate`.

    Without `bins` there are no tables, which a state needs and a comparison does not.

    Returns:
        The rows that enter, and K.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
    check_shared(reduction="none", unit="nat", zero_probability=zero_probability, clip=clip)
    one_of("normalize", normalize, ("reject", "renormalize", "off"))
    member, given = exactly_one(logits=logits, probabilities=probabilities)
    rows = Rows.of(member, given)
    scorer = Categorical(
        # sums along strided rows add in another order: a row must not depend on the layout
        rows=replace(rows, array=np.ascontiguousarray(rows.array)),
        labels=None,
        targets=None,
        class_weights=None,
        label_smoothing=0.0,
        temperature=1.0,
        bits=False,
        zero_probability=zero_probability,
        clip=clip,
        normalize=normalize,
    )
    truth = read_truth(scorer, labels, classes, sample_weights, row_ids, slices)
    return _score(replace(scorer, labels=truth.labels), truth, bins), rows.classes


def _score(scorer: Categorical, truth: Truth, bins: int | None) -> ScoredRows:
    """Scores the rows that enter, block by block, into columns and tables."""
    count, classes = truth.entering.size, scorer.rows.classes
    predicted, ranks, numbers = np.zeros((3, count), np.int64)
    losses, true, confidences, brier = np.empty((4, count))
    tables = None if bins is None else Tables(classes, bins)
    infinite = overflowed = clipped = renormalized = 0
    deviation = None if scorer.rows.member == "logits" else 0.0
    tolerance = sum_tolerance(scorer.rows.array)
    for part in row_blocks(count, classes):
        selection = truth.entering[part] if count < scorer.rows.size else part
        labels = truth.labels[selection]
        block, sums = scorer.read(selection)
        z = by_class(block)
        own = places(z, labels)
        ranks[part], predicted[part] = _ranks(z, labels, own)
        scored, p, miss = scorer.with_probabilities(z.T, sums, selection)
        losses[part], true[part] = scored.losses, in_memory(p)[own]
        brier[part] = _brier(p, own, miss)
        confidences[part] = p.max(axis=0)
        if tables is not None:
            numbers[part] = bin_numbers(confidences[part], tables.bins)
            weights = None if truth.weights is None else truth.weights[selection]
            tables.add(p, labels, own, predicted[part] * tables.bins + numbers[part], weights)
        lost = 0 if scored.impossible is None else int(np.count_nonzero(scored.impossible))
        infinite += lost
        overflowed += int(np.count_nonzero(np.isinf(scored.losses))) - lost
        clipped += 0 if scored.clipped is None else int(np.count_nonzero(scored.clipped))
        if sums is not None and deviation is not None:
            deviation = max(deviation, scored.sum_deviation)
            if scorer.normalize == "renormalize":
                renormalized += int(np.count_nonzero(np.abs(sums - 1.0) > tolerance))
    return ScoredRows(
        labels=truth.labels[truth.entering],
        predicted=predicted,
        losses=losses,
        probabilities=true,
        confidences=confidences,
        bins=numbers,
        brier=brier,
        ranks=ranks,
        tables=tables,
        ids=truth.ids[truth.entering],
        weights=None if truth.weights is None else truth.weights[truth.entering],
        slices={name: column.among(truth.entering) for name, column in truth.slices.items()},
        ignored=scorer.rows.size - count,
        infinite=infinite,
        overflowed=overflowed,
        clipped=clipped,
        renormalized=renormalized,
        max_sum_deviation=deviation,
    )


def _ranks(z: Array, labels: Indices, places: Indices) -> tuple[Indices, Indices]:
    """How many classes come before the true one in each row, and which class comes first.

    Of equal classes the lower one comes first.
    """
    own = in_memory(z)[places]
    ranks = _how_many(z > own)
    near = z >= own
    if np.count_nonzero(near) > ranks.sum() + labels.size:
        tied = np.flatnonzero(_how_many(near) - ranks > 1)
        lower = np.arange(len(z))[:, None] < labels[tied]
        ranks[tied] += _how_many((z[:, tied] == own[tied]) & lower)
    return ranks, _first(z == z.max(axis=0))


def _first(which: npt.NDArray[np.bool_]) -> Indices:
    """The first class (K, n) that is true in each row; one is.

    Of the numbers K, K - 1, ..., 1 of those classes it has the largest.
    """
    kind = _narrow(len(which))
    numbers = np.arange(len(which), 0, -1, dtype=kind)[:, None]
    found: Indices = len(which) - (which * numbers).max(axis=0).astype(np.int64)
    return found


def _how_many(which: npt.NDArray[np.bool_]) -> Indices:
    """The number of classes (K, n) in each row."""
    kind = _narrow(len(which))
    found: Indices = np.add.reduce(which.view(np.uint8), axis=0, dtype=kind).astype(np.int64)
    return found


def _narrow(count: int) -> type[np.unsignedinteger[Any]]:
    """A byte where it holds the numbers up to so many: the narrower, the faster."""
    return np.uint8 if count < 256 else np.uint32


def _brier(p: Array, own: Indices, miss: Array) -> Array:
    """sum_c (p_c - onehot_c)**2 of each row."""
    squares = p * p
    in_memory(squares)[own] = miss * miss
    return plain_sums(squares)
