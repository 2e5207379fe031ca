"""What is known of the rows besides the predictions: labels, weights, ids and slices, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput, cell
from service.evaluation.parts import RowId
from service.evaluation.rows import Array, Ids, Indices
from service.evaluation.slices import Columns, Factor, factors
from service.losses.categorical import Categorical
from service.losses.result import Numbers
from service.losses.rows import Rows
from service.losses.truth import Label, class_indices, shape_fault
from service.losses.weights import check_weights
from service.numerics import row_blocks


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of the rows besides the predictions.

    Attributes:
        labels: (N,) class indices; 0 for rows that do not enter.
        weights: (N,), or `None` for 1.
        entering: numbers of the rows of weight above 0, or `None` for all.
        ids: (N,) of the rows.
        slices: by column, the value of each row.
    """

    labels: Indices
    weights: Array | None
    entering: Indices | None
    ids: Ids
    slices: dict[str, Factor]


def read_truth(
    scorer: Categorical,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None,
    sample_weights: Numbers | None,
    row_ids: Sequence[RowId] | Ids | None,
    slices: Columns | None,
) -> Truth:
    """Checks everything but the predictions, naming the faults of all members at once.

    Args:
        scorer: of the predictions, whose labels are not known yet.
        labels: and the others are the members of `evaluate`.
        classes: names in column order.
        sample_weights: (N,).
        row_ids: N of them.
        slices: columns by name.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
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
    entering = None if weights is None or weights.all() else np.flatnonzero(weights)
    if faults:  # the predictions too are looked at, so that one answer names all members
        with faults.collecting():
            for block in row_blocks(rows.size if entering is None else entering.size, rows.classes):
                scorer.read(block if entering is None else entering[block])
    faults.check()
    return Truth(indices, weights, entering, ids, columns)


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
