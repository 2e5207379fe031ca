"""What is true of the samples: labels or targets, and the weights that go with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput, cell
from service.losses.result import Array, Numbers

Label = str | int
Labels = Label | Sequence[Label]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


def shape_fault(member: str, array: Numbers, expected: tuple[int, ...], of: str) -> Fault | None:
    """A fault when an array has not the shape of what it belongs to."""
    if array.shape == expected:
        return None
    return Fault(
        f"/{member}",
        Code.SHAPE_MISMATCH,
        f"{member} has shape {_shape(array.shape)}; {of} asks for {_shape(expected)}",
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def bad_weights(weights: Numbers) -> Mask:
    """Which weights are none: negative, NaN or infinite."""
    bad: Mask = ~(weights >= 0) | np.isinf(weights)
    return bad


def check_weights(member: str, weights: Numbers) -> Array:
    """Weights as float64, each finite and >= 0.

    Raises:
        InvalidInput: at the first weight that is negative, NaN or infinite.
    """
    values = weights.astype(np.float64, copy=False)
    bad = np.argwhere(bad_weights(values))
    if bad.size:
        index = tuple(int(i) for i in bad[0])
        pointer, name = cell(member, *index)
        value = float(values[index])
        if np.isnan(value):
            raise InvalidInput.at(pointer, Code.NAN_VALUE, f"{name} is NaN")
        if np.isinf(value) and value > 0:
            raise InvalidInput.at(pointer, Code.INFINITE_VALUE, f"{name} is Infinity")
        raise InvalidInput.at(
            pointer, Code.NEGATIVE_WEIGHT, f"{name} is {value!r}; a weight is >= 0"
        )
    return values


def class_weight_array(
    weights: Numbers | Mapping[str, float], classes: Sequence[Label] | None, count: int
) -> Array:
    """Class weights in class order.

    Args:
        weights: shape (K,), or by class name, where a class that is not named weighs 1.
        classes: the names in class order; without them a class is named by its index.
        count: K.

    Raises:
        InvalidInput: a wrong length, an unknown name, a weight that is no weight.
    """
    if not isinstance(weights, Mapping):
        fault = shape_fault("class_weights", weights, (count,), f"{count} classes")
        if fault:
            raise InvalidInput([fault])
        return check_weights("class_weights", weights)
    names = {str(name): i for i, name in enumerate(range(count) if classes is None else classes)}
    if len(names) != count:
        raise InvalidInput.at("/classes", Code.INVALID_OPTION, "classes names a class twice")
    values = np.ones(count)
    for name, weight in weights.items():
        pointer, text = cell("class_weights", *())[0] + "/" + _escape(name), "class_weights"
        if name not in names:
            raise InvalidInput.at(pointer, Code.UNKNOWN_LABEL, f"{text} names an unknown class")
        try:
            check_weights("class_weights", np.array([weight]))
        except InvalidInput as error:
            raise InvalidInput.at(
                pointer, error.code, f"{text}: the weight of a class is a finite number >= 0"
            ) from error
        values[names[name]] = weight
    return values


def _escape(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")


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
    values = [ignore] if isinstance(ignore, Label) else list(ignore)
    names = {value for value in values if isinstance(value, str)}
    if names and classes is None:
        first = next(i for i, value in enumerate(values) if isinstance(value, str))
        pointer, name = cell("ignore_index", *(() if isinstance(ignore, Label) else (first,)))
        text = f"{name} is a string; without classes a label is an integer"
        raise InvalidInput.at(pointer, Code.NOT_A_LABEL, text)
    flat = labels.reshape(-1)
    numbers = numbered(flat, booleans=True)
    mask = np.zeros(flat.shape, dtype=np.bool_)
    for value in values:
        if not isinstance(value, str):
            mask |= numbers == value
    if names:
        mask |= np.fromiter((label in names for label in flat.tolist()), np.bool_, flat.size)
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
    # bool is an int to Python, so that True would find the class 1
    index = {(type(name), name): i for i, name in enumerate(classes)}
    if len(index) != len(classes):
        raise InvalidInput.at("/classes", Code.INVALID_OPTION, "classes names a class twice")
    values = (
        int(value) if isinstance(value, float) and value.is_integer() else value
        for value in flat.tolist()
    )
    return np.fromiter((index.get((type(v), v), -1) for v in values), np.int64, flat.size)


def _label_error(
    member: str,
    labels: npt.NDArray[Any],
    row: int,
    count: int,
    classes: Sequence[Label] | None,
) -> InvalidInput:
    place = tuple(int(i) for i in np.unravel_index(row, labels.shape)) if labels.shape else ()
    pointer, name = cell(member, *place)
    value = labels.reshape(-1)[row : row + 1].tolist()[0]
    if classes is not None:
        text = f"{name} is none of the {len(classes)} classes"
        if isinstance(value, int | float) and all(isinstance(label, str) for label in classes):
            text += ", whose names are strings; an index is a label where no classes are sent"
        return InvalidInput.at(pointer, Code.UNKNOWN_LABEL, text)
    wanted = f"with {count} classes a label is an integer from 0 to {count - 1}"
    if isinstance(value, float) and np.isnan(value):
        return InvalidInput.at(pointer, Code.NAN_VALUE, f"{name} is NaN; {wanted}")
    if isinstance(value, bool | str):
        what = "a boolean" if isinstance(value, bool) else "a string"
        hint = "" if isinstance(value, bool) else " (send classes to use names)"
        return InvalidInput.at(pointer, Code.NOT_A_LABEL, f"{name} is {what}; {wanted}{hint}")
    return InvalidInput.at(pointer, Code.LABEL_OUT_OF_RANGE, f"{name} is {value!r}; {wanted}")
