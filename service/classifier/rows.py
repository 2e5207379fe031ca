"""Feature rows at the door: their shape and every cell, checked once."""

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput, cell
from service.losses.rows import finite
from service.numerics import Array as Array  # those of this room, too


def feature_rows(inputs: npt.ArrayLike) -> Array:
    """Rows of finite numbers, in float64; as `rows_of_numbers` and `check_cells`."""
    rows = rows_of_numbers(inputs)
    if not finite(rows):
        check_cells(rows)
    return rows


def rows_of_numbers(inputs: npt.ArrayLike) -> Array:
    """Rows of numbers, in float64, whose cells are not looked at.

    Args:
        inputs: shape (N, D); `[]` is no rows.

    Returns:
        Shape (N, D), or (0, 0) for `[]`.

    Raises:
        InvalidInput: not numbers, or not two-dimensional.
    """
    if isinstance(inputs, np.ndarray) and inputs.ndim == 2 and inputs.dtype == np.float64:
        return inputs
    try:
        rows = np.asarray(inputs)
    except ValueError as error:
        detail = "inputs must be rows of equally many numbers"
        raise InvalidInput.at("/inputs", Code.RAGGED_ARRAY, detail) from error
    if rows.shape == (0,):
        return np.empty((0, 0))
    if rows.dtype.kind not in "fiu":
        raise InvalidInput.at("/inputs", Code.NOT_A_NUMBER, "inputs must hold numbers only")
    if rows.ndim != 2:
        detail = f"inputs must be rows of numbers, shape (N, D); it has {rows.ndim} dimensions"
        raise InvalidInput.at("/inputs", Code.SHAPE_MISMATCH, detail)
    return rows.astype(np.float64, copy=False)


def check_cells(rows: Array) -> None:
    """Looks at every cell.

    Raises:
        InvalidInput: the first that is NaN or infinite.
    """
    bad = np.argwhere(~np.isfinite(rows))
    if bad.size:
        row, column = (int(index) for index in bad[0])
        nan = bool(np.isnan(rows[row, column]))
        pointer, place = cell("inputs", row, column)
        detail = f"{place} is {'NaN' if nan else 'infinite'}; features are finite numbers"
        raise InvalidInput.at(pointer, Code.NAN_VALUE if nan else Code.INFINITE_VALUE, detail)


def without_unread(inputs: npt.ArrayLike, kept: npt.NDArray[np.bool_]) -> npt.ArrayLike:
    """Rows with zeros for those that are not read, since padding need not be finite.

    Args:
        inputs: shape (N, D); what has another shape is given back for others to refuse.
        kept: shape (N,), which rows are read.
    """
    if kept.all():
        return inputs
    rows = np.asarray(inputs)
    if rows.ndim != 2 or kept.shape != rows.shape[:1]:
        return inputs
    return np.where(kept[:, None], rows, 0)
