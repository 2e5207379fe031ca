"""What is true of binary predictions: labels or targets, and which of them enter."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput, cell
from service.losses.binary import Binary
from service.losses.result import Array, Numbers
from service.losses.rows import shown
from service.losses.truth import Mask, check_shape, ignored_labels, numbered, place_of
from service.losses.weights import check_weights
from service.numerics import row_blocks


def binary_truth(
    scorer: Binary,
    labels: npt.NDArray[Any] | None,
    targets: Numbers | None,
    sample_weights: Numbers | None,
    ignore_index: int | Sequence[int] | None,
) -> tuple[Array, Mask | None, Array | None]:
    """Checks truth and weights, naming the faults of all members at once.

    Returns:
        (N,) y, which samples enter (`None`: all), and the sample weights.
    """
    faults, shape = Faults(), f"the shape of {scorer.member}"
    kept: Mask | None = None
    samples: Array | None = None
    truth = scorer.truth
    with faults.collecting():
        if sample_weights is not None:
            check_shape("sample_weights", sample_weights, scorer.shape, shape)
            samples = check_weights("sample_weights", sample_weights).reshape(-1)
            kept = samples > 0
    with faults.collecting():
        member, given = ("targets", targets) if labels is None else ("labels", labels)
        assert given is not None
        check_shape(member, given, scorer.shape, shape)
        ignored = None if labels is None else ignored_labels(labels, ignore_index, None)
        if ignored is not None:
            kept = ~ignored if kept is None else kept & ~ignored
        truth = binary_values(member, given, kept)
    if kept is not None and kept.all():
        kept = None
    if faults:
        with faults.collecting():
            numbers = np.arange(scorer.values.size) if kept is None else np.flatnonzero(kept)
            for block in row_blocks(numbers.size, 1):
                scorer.read(numbers[block])
    faults.check()
    return truth, kept, samples


def binary_values(member: str, given: npt.NDArray[Any], kept: Mask | None) -> Array:
    """Labels 0/1 or targets in [0, 1] as float64; 0 where a sample is left out.

    Args:
        member: `"labels"` or `"targets"`.
        given: numbers, booleans or objects of these kinds; any shape.
        kept: (N,) which of them enter, or `None` for all.

    Returns:
        (N,) numbers in [0, 1].

    Raises:
        InvalidInput: at the first one that is neither.
    """
    flat = given.reshape(-1)
    values = numbered(flat, booleans=member == "labels").astype(np.float64)
    good = (values == 0) | (values == 1) if member == "labels" else (values >= 0) & (values <= 1)
    if kept is not None:
        values = np.where(kept, values, 0.0)
        good |= ~kept
    if not good.all():
        raise _value_error(member, given, int(np.argmin(good)))
    return values


def _value_error(member: str, given: npt.NDArray[Any], number: int) -> InvalidInput:
    pointer, name = cell(member, *place_of(number, given.shape))
    found = given.item(number)
    if member == "labels":
        wanted, code = "a binary label is 0, 1, false or true", Code.LABEL_OUT_OF_RANGE
    else:
        wanted, code = "a target is a number in [0, 1]", Code.PROBABILITY_OUT_OF_RANGE
    if isinstance(found, str):
        return InvalidInput.at(pointer, Code.NOT_A_LABEL, f"{name} is a string; {wanted}")
    if math.isnan(found):
        return InvalidInput.at(pointer, Code.NAN_VALUE, f"{name} is NaN; {wanted}")
    return InvalidInput.at(pointer, code, f"{name} is {shown(found)}; {wanted}")
