"""Checks predictions against labels and scores them, row by row, for the state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput, cell
from service.evaluation.calibration import bin_numbers
from service.evaluation.report import Label, RowId
from service.evaluation.rows import Array, Ids, Indices, ScoredRows
from service.evaluation.slices import Columns, Factor, factors
from service.evaluation.tables import Tables
from service.losses.categorical import Categorical
from service.losses.options import check_shared, exactly_one, one_of
from service.losses.reduction import Scored
from service.losses.result import Normalize, Numbers, ZeroProbability
from service.losses.rows import Rows, sum_tolerance
from service.losses.truth import check_weights, class_indices, shape_fault
from service.numerics import by_class, plain_sums, row_blocks, softmax


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
    bins: int = 15,
) -> tuple[ScoredRows, int]:
    """Checks and scores a batch of rows for `State.add`; the arguments are those of `evaluate`.

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
    truth = _truth(scorer, labels, classes, sample_weights, row_ids, slices)
    return _score(replace(scorer, labels=truth.labels), truth, bins), rows.classes


@dataclass(frozen=True, slots=True)
class _Truth:
    """What is known of the rows besides the predictions.

    Attributes:
        labels: (N,) class indices; 0 for rows that do not enter.
        weights: (N,), or `None` for 1.
        entering: numbers of the rows of weight above 0.
        ids: (N,) of the rows.
        slices: by column, the value of each row.
    """

    labels: Indices
    weights: Array | None
    entering: Indices
    ids: Ids
    slices: dict[str, Factor]


def _truth(
    scorer: Categorical,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None,
    sample_weights: Numbers | None,
    row_ids: Sequence[RowId] | Ids | None,
    slices: Columns | None,
) -> _Truth:
    """Checks everything but the predictions, naming the faults of all members at once."""
    rows = scorer.rows
    ids: Ids = np.arange(rows.size)
    weights: Array | None = None
    indices: Indices = np.zeros(rows.size, np.int64)
    columns: dict[str, Factor] = {}
    faults = Faults()
    with faults.collecting():
        columns = factors(slices or {}, rows.size)
    with faults.collecting():
        if row_ids is not None:
            ids = _row_ids(row_ids, rows.size)
    with faults.collecting():
        if sample_weights is not None:
            _same_shape("sample_weights", sample_weights, rows)
            weights = check_weights("sample_weights", sample_weights).reshape(-1)
    with faults.collecting():
        if classes is not None and len(classes) != rows.classes and rows.sent != (0,):
            raise InvalidInput.at(
                "/classes",
                Code.SHAPE_MISMATCH,
                f"classes names {len(classes)} classes; {rows.member} has {rows.classes} columns",
            )
        _same_shape("labels", labels, rows)
        kept = None if weights is None else weights > 0
        indices = class_indices("labels", labels, kept, rows.classes, classes)
    entering = np.arange(rows.size) if weights is None else np.flatnonzero(weights)
    if faults:  # the predictions too are looked at, so that one answer names all members
        with faults.collecting():
            for block in row_blocks(entering.size, rows.classes):
                scorer.read(entering[block])
    faults.check()
    return _Truth(indices, weights, entering, ids, columns)


def _score(scorer: Categorical, truth: _Truth, bins: int) -> ScoredRows:
    """Scores the rows that enter, block by block, into columns and tables."""
    count, classes = truth.entering.size, scorer.rows.classes
    predicted, ranks, numbers = np.empty((3, count), np.int64)
    losses, true, confidences, brier = np.empty((4, count))
    tables = Tables(classes, bins)
    infinite = overflowed = clipped = renormalized = 0
    deviation = None if scorer.rows.member == "logits" else 0.0
    tolerance = sum_tolerance(scorer.rows.array)
    for part in row_blocks(count, classes):
        selection = truth.entering[part] if count < scorer.rows.size else part
        labels = truth.labels[selection]
        block, sums = scorer.read(selection)
        ranks[part], predicted[part] = _ranks(block, labels)
        one = np.ones(labels.size) if sums is None and scorer.zero_probability != "clip" else None
        scored = scorer.judge(block, sums, selection, one)
        p, miss = _probabilities(scorer, block, sums, labels, scored)
        losses[part], true[part] = scored.losses, p[labels, np.arange(labels.size)]
        brier[part] = _brier(p, labels, miss)
        confidences[part] = p.max(axis=0)
        numbers[part] = bin_numbers(confidences[part], bins)
        weights = None if truth.weights is None else truth.weights[selection]
        tables.add(p, labels, predicted[part] * bins + numbers[part], weights)
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


def _ranks(block: Array, labels: Indices) -> tuple[Indices, Indices]:
    """How many classes come before the true one in each row, and which class comes first.

    Of equal classes the lower one comes first.
    """
    z = by_class(block)
    own = z[labels, np.arange(labels.size)]
    ranks = _how_many(z > own)
    tied = np.flatnonzero(_how_many(z >= own) - ranks > 1)
    if tied.size:
        lower = np.arange(len(z))[:, None] < labels[tied]
        ranks[tied] += _how_many((z[:, tied] == own[tied]) & lower)
    predicted = labels.copy()
    wrong = np.flatnonzero(ranks)
    predicted[wrong] = block[wrong].argmax(axis=1)
    return ranks, predicted


def _how_many(which: npt.NDArray[np.bool_]) -> Indices:
    """The number of classes (K, n) in each row; a byte holds it where that is wide enough."""
    kind = np.uint8 if len(which) < 256 else np.uint32
    found: Indices = np.add.reduce(which.view(np.uint8), axis=0, dtype=kind).astype(np.int64)
    return found


def _probabilities(
    scorer: Categorical, block: Array, sums: Array | None, labels: Indices, scored: Scored
) -> tuple[Array, Array]:
    """The probabilities (K, n), and 1 - p of the true class."""
    own = labels, np.arange(labels.size)
    # 1 - p loses its digits near p = 1; the others have them where rows sum to 1 by construction
    if scored.gradient is not None:  # softmax - onehot
        p = by_class(scored.gradient)
        miss = -p[own]
        p[own] = np.exp(-scored.losses)
        return p, miss
    if sums is None:
        p = by_class(softmax(block))
    elif scorer.normalize == "renormalize":
        p = by_class(block / sums[:, None])
    else:
        p = by_class(block)
        return p, 1.0 - p[own]
    true = p[own]
    p[own] = 0.0
    miss = plain_sums(p)
    p[own] = true
    return p, miss


def _brier(p: Array, labels: Indices, miss: Array) -> Array:
    """sum_c (p_c - onehot_c)**2 of each row."""
    squares = p * p
    squares[labels, np.arange(labels.size)] = miss * miss
    return plain_sums(squares)


def _row_ids(row_ids: Sequence[RowId] | Ids, count: int) -> Ids:
    """Ids as an array of integers, or of strings as objects.

    Raises:
        InvalidInput: not one for each row, or neither all integers nor all strings.
    """
    if isinstance(row_ids, np.ndarray) and row_ids.dtype.kind in "iu":
        ids = row_ids
    else:
        values = row_ids.tolist() if isinstance(row_ids, np.ndarray) else row_ids
        ids = np.fromiter(values, object, len(values))
        for i, value in enumerate(ids):
            if type(value) is not type(ids[0]) or type(value) not in (int, str):
                pointer, name = cell("row_ids", i)
                raise InvalidInput.at(
                    pointer,
                    Code.INVALID_OPTION,
                    f"{name} is no id; row_ids are all integers or all strings",
                )
    fault = shape_fault("row_ids", ids, (count,), f"{count} rows")
    if fault is not None:
        raise InvalidInput([fault])
    return ids


def _same_shape(member: str, array: npt.NDArray[Any], rows: Rows) -> None:
    fault = shape_fault(member, array, rows.samples, f"the shape of {rows.member} without classes")
    if fault is not None:
        raise InvalidInput([fault])
