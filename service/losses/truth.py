"""Hard labels as class indices, by number or by name, and which of them are left out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput, cell
from service.losses.result import Numbers

Label = str | int
Labels = Label | Sequence[Label]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

ALONE = (str, int, np.integer)
"""The kinds of one label, as against several."""


def shape_fault(member: str, array: Numbers, expected: tuple[int, ...], of: str) -> Fault | None:
    """A fault when an array has not the shape of what it belongs to."""
    if array.shape == expected:
        return None
    return Fault(
        f"/{member}",
        Code.SHAPE_MISMATCH,
        f"{member} has shape {_shape(array.shape)}; {of} asks for {_shape(expected)}",
    )


def check_shape(member: str, array: Numbers, expected: tuple[int, ...], of: str) -> None:
    """Refuses an array that has not the shape of what it belongs to.

    Raises:
        InvalidInput: naming both shapes.
    """
    fault = shape_fault(member, array, expected, of)
    if fault is not None:
        raise InvalidInput([fault])


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def place_of(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The indices of an element of an array that is counted in order."""
    return tuple(int(i) for i in np.unravel_index(number, shape)) if shape else ()


def check_classes(classes: Sequence[Label]) -> None:
    """Refuses class names of which two are the same; 1 and "1" are two.

    Raises:
        InvalidInput: at the first name that was there before.
    """
    places: dict[tuple[type, Label], int] = {}
    for place, label in enumerate(classes):
        # bool is an int to Python, so that True would find the class 1
        known = places.setdefault((type(label), label), place)
        if known != place:
            pointer, name = cell("classes", place)
            text = f"{name} is the name of classes[{known}], too"
            raise InvalidInput.at(pointer, Code.INVALID_OPTION, text)


def ignored_labels(
    labels: npt.NDArray[Any], ignore: Labels | None, classes: Sequence[Label] | None
) -> Mask | None:
    """Which labels are to be left out; `None` for none of them.

    Args:
        labels: as they were sent.
        ignore: one label or several, of the classes or not.
        classes: the class names, without which labels are numbers.

    Raises:
        InvalidInput: a name where there are none.
    """
    if ignore is None:
        return None
    values = [ignore] if isinstance(ignore, ALONE) else list(ignore)
    first = next((i for i, value in enumerate(values) if isinstance(value, str)), None)
    if first is not None and classes is None:
        pointer, name = cell("ignore_index", *(() if isinstance(ignore, ALONE) else (first,)))
        text = f"{name} is a string; without classes a label is an integer"
        raise InvalidInput.at(pointer, Code.NOT_A_LABEL, text)
    flat = labels.reshape(-1)
    if flat.dtype.kind not in "biuf":  # Python tells integers apart that are one float
        known = set(values)
        return np.fromiter((label in known for label in flat.tolist()), np.bool_, flat.size)
    numbers = flat.astype(np.float64, copy=False) if flat.dtype.kind == "f" else flat
    mask = np.zeros(flat.shape, dtype=np.bool_)
    for value in values:
        if not isinstance(value, str):
            mask |= numbers == value
    return mask


def numbered(flat: npt.NDArray[Any], *, booleans: bool) -> npt.NDArray[Any]:
    """Labels (N,) as numbers wide enough to compare; NaN for what is no number.

    Args:
        flat: numbers, booleans, strings, or objects of these kinds.
        booleans: whether false and true are 0 and 1.
    """
    if flat.dtype.kind in "iu":
        return flat
    if flat.dtype.kind == "f":
        return flat.astype(np.float64, copy=False)
    allowed = (int, float, bool) if booleans else (int, float)
    return np.array([x if type(x) in allowed else np.nan for x in flat.tolist()], dtype=np.float64)


def class_indices(
    member: str,
    labels: npt.NDArray[Any],
    kept: Mask | None,
    count: int,
    classes: Sequence[Label] | None,
) -> Indices:
    """Hard labels as class indices; a label that is left out becomes 0.

    Args:
        member: the name of the labels in the request.
        labels: indices, or names when `classes` are given; any shape.
        kept: (N,) which of them enter, or `None` for all.
        count: K.
        classes: the class names in column order.

    Returns:
        (N,) integers in 0..K-1.

    Raises:
        InvalidInput: at the first label that is none.
    """
    flat = labels.reshape(-1)
    if kept is None:
        kept = np.ones(flat.shape, dtype=np.bool_)
    found = known_labels(flat, count, classes)
    bad = np.flatnonzero((found < 0) & kept)
    if bad.size:
        raise _label_error(member, labels, int(bad[0]), count, classes)
    return np.where(kept, found, 0)


def known_labels(flat: npt.NDArray[Any], count: int, classes: Sequence[Label] | None) -> Indices:
    """Hard labels (N,) as class indices, and -1 for those that are none.

    Raises:
        InvalidInput: the classes name one twice.
    """
    if classes is None:
        flat = numbered(flat, booleans=False)
        good = (flat >= 0) & (flat < count)
        if flat.dtype.kind == "f":
            good &= flat == np.floor(flat)
        return np.where(good, flat, -1).astype(np.int64, copy=False)
    check_classes(classes)
    index = {(type(name), name): i for i, name in enumerate(map(_plain, classes))}
    values = (
        int(value) if isinstance(value, float) and _whole(value) else value
        for value in flat.tolist()
    )
    return np.fromiter((index.get((type(v), v), -1) for v in values), np.int64, flat.size)


def _plain(label: Label) -> Label:
    """A name as Python writes it, where NumPy's own kinds are sent, such as in `np.unique(y)`."""
    return label.item() if isinstance(label, np.generic) else label


def _whole(value: float) -> bool:
    """Whether it is one integer; from 2**53 on a float may be the rounding of several."""
    return value.is_integer() and abs(value) < 2.0**53


def _label_error(
    member: str,
    labels: npt.NDArray[Any],
    row: int,
    count: int,
    classes: Sequence[Label] | None,
) -> InvalidInput:
    pointer, name = cell(member, *place_of(row, labels.shape))
    value = labels.item(row)
    if classes is not None:
        text = f"{name} is none of the {len(classes)} classes"
        if isinstance(value, int | float) and all(isinstance(label, str) for label in classes):
            text += ", whose names are strings; an index is a label where no classes are sent"
        elif isinstance(value, float) and value.is_integer() and not _whole(value):
            text += ": among numbers with a point an integer from 2^53 on is rounded"
        return InvalidInput.at(pointer, Code.UNKNOWN_LABEL, text)
    wanted = f"with {count} classes a label is an integer from 0 to {count - 1}"
    if isinstance(value, float) and np.isnan(value):
        return InvalidInput.at(pointer, Code.NAN_VALUE, f"{name} is NaN; {wanted}")
    if isinstance(value, bool | str):
        what = "a boolean" if isinstance(value, bool) else "a string"
        hint = "" if isinstance(value, bool) else " (send classes to use names)"
        return InvalidInput.at(pointer, Code.NOT_A_LABEL, f"{name} is {what}; {wanted}{hint}")
    return InvalidInput.at(pointer, Code.LABEL_OUT_OF_RANGE, f"{name} is {value!r}; {wanted}")
