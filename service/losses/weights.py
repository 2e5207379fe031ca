"""Weights of samples and of classes, checked."""

from collections.abc import Mapping, Sequence

import numpy as np

from service.errors import Code, InvalidInput, cell
from service.losses.result import Array, Numbers
from service.losses.truth import Label, Mask, check_shape


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
        check_shape("class_weights", weights, (count,), f"{count} classes")
        return check_weights("class_weights", weights)
    names = {str(name): i for i, name in enumerate(range(count) if classes is None else classes)}
    if len(names) != count:
        text = "class_weights by name cannot tell a number from its digits as a string"
        raise InvalidInput.at("/class_weights", Code.CONFLICTING_MEMBERS, text)
    values = np.ones(count)
    for name, weight in weights.items():
        pointer, _ = cell("class_weights", name)
        if name not in names:
            text = "class_weights names an unknown class"
            raise InvalidInput.at(pointer, Code.UNKNOWN_LABEL, text)
        try:
            check_weights("class_weights", np.array([weight]))
        except InvalidInput as error:
            text = "class_weights: the weight of a class is a finite number >= 0"
            raise InvalidInput.at(pointer, error.code, text) from error
        values[names[name]] = weight
    return values
