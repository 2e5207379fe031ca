"""Nested lists, as a JSON parser leaves them, to arrays; with a pointer for a bad cell."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput, TooLarge, cell

MAX_NESTING = 16
NON_FINITE = {"Infinity": np.inf, "-Infinity": -np.inf, "NaN": np.nan}

_INT64 = range(-(2**63), 2**63)


def numbers_from(member: str, value: Any) -> npt.NDArray[np.float64]:
    """An array of float64.

    Args:
        member: the name of the array in the request.
        value: numbers, or the strings "Infinity", "-Infinity", "NaN", in nested lists of equal
            length; or a single number.

    Raises:
        InvalidInput: at the first cell that is no number, or the first row of another length.
        TooLarge: nested too deeply.
    """
    leaves, shape = _leaves(member, value, _number_fault)
    if set(map(type, leaves)) <= {int, float}:
        return np.array(leaves, dtype=np.float64).reshape(shape)
    spelled = [NON_FINITE[leaf] if isinstance(leaf, str) else leaf for leaf in leaves]
    return np.array(spelled, dtype=np.float64).reshape(shape)


def labels_from(member: str, value: Any) -> npt.NDArray[Any]:
    """An array of labels: int64 or float64 numbers, booleans, or names as objects.

    Args:
        member: the name of the array in the request.
        value: integers, booleans or strings in nested lists of equal length; or a single one.

    Raises:
        InvalidInput: at the first cell that can be no label, or the first row of another length.
        TooLarge: nested too deeply.
    """
    leaves, shape = _leaves(member, value, _label_fault)
    kinds = set(map(type, leaves))
    if kinds == {bool}:
        return np.array(leaves, dtype=np.bool_).reshape(shape)
    if kinds <= {int, float}:
        whole = float not in kinds and (
            not leaves or (min(leaves) in _INT64 and max(leaves) in _INT64)
        )
        return np.array(leaves, dtype=np.int64 if whole else np.float64).reshape(shape)
    array = np.empty(len(leaves), dtype=np.object_)
    array[:] = leaves
    return array.reshape(shape)


def _number_fault(leaf: Any) -> tuple[Code, str] | None:
    if type(leaf) in (int, float) or (isinstance(leaf, str) and leaf in NON_FINITE):
        return None
    if isinstance(leaf, str):
        words = ", ".join(f'"{word}"' for word in NON_FINITE)
        return Code.NOT_A_NUMBER, f"is a string; a number is needed, or one of {words}"
    return Code.NOT_A_NUMBER, f"is {_kind(leaf)}; a number is needed"


def _label_fault(leaf: Any) -> tuple[Code, str] | None:
    if type(leaf) in (int, float, bool, str):
        return None
    return Code.NOT_A_LABEL, f"is {_kind(leaf)}; a label is needed"


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", list: "an array", dict: "an object"}
    return names.get(type(value), "not a number")


def _leaves(
    member: str, value: Any, leaf_fault: Callable[[Any], tuple[Code, str] | None]
) -> tuple[list[Any], tuple[int, ...]]:
    """The cells of nested lists in order, and their shape.

    One level after the other is checked and flattened as a whole. Where a level is not regular, the
    cells before that place are still looked at, since an earlier one may be the first to be bad.
    """
    level: list[Any] = [value]
    shape: tuple[int, ...] = ()
    fault: Fault | None = None
    while level and isinstance(level[0], list):
        if len(shape) == MAX_NESTING:
            raise TooLarge(
                Code.NESTING_TOO_DEEP, f"{member} is nested deeper than {MAX_NESTING} arrays"
            )
        width = len(level[0])
        if width == 0 and shape:
            fault = _at(member, shape, 0, Code.EMPTY_ROW, "is an empty row")
            level = []
            break
        if set(map(type, level)) != {list} or set(map(len, level)) != {width}:
            place, fault = _irregular(member, level, shape, width)
            level = level[:place]
        level = list(chain.from_iterable(cast(Sequence[list[Any]], level)))
        shape = (*shape, width)
    kinds = set(map(type, level))
    if not kinds <= {int, float}:
        for place, leaf in enumerate(level):
            wrong = leaf_fault(leaf)
            if wrong is not None:
                fault = _at(member, shape, place, *wrong)
                break
    if fault is not None:
        raise InvalidInput([fault])
    return level, shape


def _irregular(
    member: str, level: list[Any], shape: tuple[int, ...], width: int
) -> tuple[int, Fault]:
    place = next(
        i for i, item in enumerate(level) if not isinstance(item, list) or len(item) != width
    )
    item = level[place]
    if isinstance(item, list):
        size = f"has {len(item)} cell{'s'[: len(item) > 1]}" if item else "is empty"
        code = Code.RAGGED_ARRAY if item else Code.EMPTY_ROW
        return place, _at(member, shape, place, code, f"{size}; the rows before have {width}")
    return place, _at(
        member,
        shape,
        place,
        Code.RAGGED_ARRAY,
        f"is {'a number' if type(item) in (int, float) else _kind(item)} among arrays",
    )


def _at(member: str, shape: tuple[int, ...], place: int, code: Code, text: str) -> Fault:
    """A fault at the place-th item of a level, whose outer shape may be cut short in its first."""
    indices: list[int] = []
    for size in reversed(shape[1:]):
        place, index = divmod(place, size)
        indices.append(index)
    if shape:
        indices.append(place)
    pointer, name = cell(member, *reversed(indices))
    return Fault(pointer, code, f"{name} {text}")
