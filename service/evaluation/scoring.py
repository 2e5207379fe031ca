"""Checks predictions against labels and scores them, row by row, for the state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput, cell
from service.evaluation.report import Label, RowId
from service.evaluation.rows import Array, Ids, Indices, ScoredRows
from service.losses.categorical import Categorical
from service.losses.options import check_shared, exactly_one, one_of
from service.losses.result import Normalize, Numbers, ZeroProbability
from service.losses.rows import Rows
from service.losses.truth import check_weights, class_indices, shape_fault
from service.numerics import row_blocks, softmax


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
    truth = _truth(scorer, labels, classes, sample_weights, row_ids)
    return _score(replace(scorer, labels=truth.labels), truth), rows.classes


@dataclass(frozen=True, slots=True)
class _Truth:
    """What is known of the rows besides the predictions.

    Attributes:
        labels: (N,) class indices; 0 for rows that do not enter.
        weights: (N,), or `None` for 1.
        entering: numbers of the rows of weight above 0.
        ids: (N,) of the rows.
    """

    labels: Indices
    weights: Array | None
    entering: Indices
    ids: Ids


def _truth(
    scorer: Categorical,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None,
    sample_weights: Numbers | None,
    row_ids: Sequence[RowId] | Ids | None,
) -> _Truth:
    """Checks everything but the predictions, naming the faults of all members at once."""
    rows = scorer.rows
    ids: Ids = np.arange(rows.size)
    weights: Array | None = None
    indices: Indices = np.zeros(rows.size, np.int64)
    faults = Faults()
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
    return _Truth(indices, weights, entering, ids)


def _score(scorer: Categorical, truth: _Truth) -> ScoredRows:
    """Scores the rows that enter, block by block, into columns."""
    count = truth.entering.size
    predicted = np.empty(count, np.int64)
    losses, true, confidences, brier = np.empty((4, count))
    infinite = overflowed = clipped = 0
    deviation = None if scorer.rows.member == "logits" else 0.0
    for part in row_blocks(count, scorer.rows.classes):
        selection = truth.entering[part] if count < scorer.rows.size else part
        scored = scorer(selection, None)
        block, sums = scorer.read(selection)
        predicted[part] = block.argmax(axis=1)
        true[part], confidences[part], brier[part] = _probabilities(
            scorer, block, sums, truth.labels[selection], predicted[part]
        )
        losses[part] = scored.losses
        lost = 0 if scored.impossible is None else int(np.count_nonzero(scored.impossible))
        infinite += lost
        overflowed += int(np.count_nonzero(np.isinf(scored.losses))) - lost
        clipped += 0 if scored.clipped is None else int(np.count_nonzero(scored.clipped))
        if deviation is not None:
            deviation = max(deviation, scored.sum_deviation)
    return ScoredRows(
        labels=truth.labels[truth.entering],
        predicted=predicted,
        losses=losses,
        probabilities=true,
        confidences=confidences,
        brier=brier,
        ids=truth.ids[truth.entering],
        weights=None if truth.weights is None else truth.weights[truth.entering],
        ignored=scorer.rows.size - count,
        infinite=infinite,
        overflowed=overflowed,
        clipped=clipped,
        max_sum_deviation=deviation,
    )


def _probabilities(
    scorer: Categorical, block: Array, sums: Array | None, labels: Indices, predicted: Indices
) -> tuple[Array, Array, Array]:
    """Probability of the true and of the predicted class, and the Brier score of each row."""
    rows = np.arange(labels.size)
    # 1 - p loses its digits near p = 1; the others have them where rows sum to 1 by construction
    by_others = True
    if sums is None:
        p = softmax(block)
    elif scorer.normalize == "renormalize":
        p = block / sums[:, None]
    else:
        p, by_others = block.copy(), False
    true, confidence = p[rows, labels], p[rows, predicted]
    p[rows, labels] = 0.0
    # einsum: several times faster than sum along rows of few classes
    miss = np.einsum("ij->i", p) if by_others else 1.0 - true
    return true, confidence, miss * miss + np.einsum("ij,ij->i", p, p)


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
