"""Requests and answers as tensor files: arrays as bytes, everything else as JSON beside them.

The arrays of a request are views of its bytes, read-only; only what changes its type is copied.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, Faults, InvalidInput, TooLarge, cell
from service.wire.arrays import MAX_NESTING
from service.wire.json import parse_object
from service.wire.spelling import dump_json
from service.wire.tensorfile import (
    DTYPES,
    FLOATS,
    INTEGERS,
    METADATA,
    Tensor,
    check_layout,
    fits,
    read_file,
    write_file,
)

TENSORS = "application/vnd.safetensors"


def parse_tensors(
    body: bytes | memoryview,
    numbers: frozenset[str],
    labels: frozenset[str],
    *,
    max_elements: int,
    max_header: int,
) -> dict[str, Any]:
    """The object that a tensor file holds: its tensors, and the JSON members of its metadata.

    Numbers keep their floating type (BF16 is `BFLOAT16`) or become float64; labels
    become int64, float64 or booleans, as in JSON. The other members, `__metadata__.request`, are as
    JSON leaves them.

    Args:
        body: the file.
        numbers: names of the members that are arrays of numbers.
        labels: names of the members that are arrays of labels.
        max_elements: of all tensors together.
        max_header: bytes of the header.

    Raises:
        MalformedBody: not a tensor file, or the JSON in its metadata is none.
        InvalidInput: an unknown or duplicate member, or a tensor of a type that it cannot have.
        TooLarge: more elements, axes or header than allowed.
    """
    metadata, entries, buffer = read_file(body, max_header)
    value: dict[str, Any] = {}
    if "request" in metadata:
        value = parse_object(metadata["request"].encode(), f"{METADATA}.request")
    faults = Faults(_name_faults(entries, value, sorted(numbers | labels)))
    faults.check()
    tensors = [Tensor.of(name, entry) for name, entry in entries.items()]
    for tensor in tensors:
        allowed = FLOATS | INTEGERS if tensor.name in numbers else DTYPES
        if tensor.dtype not in allowed:
            text = f"is of a type that it cannot have; it takes {', '.join(allowed)}"
            faults.append(_fault(tensor.name, Code.UNSUPPORTED_DTYPE, text))
    faults.check()
    check_layout(tensors, len(buffer))
    _check_sizes(tensors, max_elements)
    for tensor in tensors:
        with faults.collecting():
            is_number = tensor.name in numbers
            value[tensor.name] = tensor.numbers(buffer) if is_number else _labels(tensor, buffer)
    faults.check()
    return value


def _name_faults(
    entries: Mapping[str, Any], members: Mapping[str, Any], known: list[str]
) -> list[Fault]:
    faults = []
    for name in list(entries)[:100]:
        if name not in known:
            text = f"is no array of this request; those are {', '.join(known)}"
            faults.append(_fault(name, Code.UNKNOWN_MEMBER, text))
        elif name in members:
            text = "is given twice: as a tensor and in the JSON"
            faults.append(_fault(name, Code.DUPLICATE_MEMBER, text))
    return faults


def _fault(name: str, code: Code, text: str) -> Fault:
    pointer, shown = cell(name)
    return Fault(pointer, code, f"{shown} {text}")


def _check_sizes(tensors: list[Tensor], max_elements: int) -> None:
    for tensor in tensors:
        if len(tensor.shape) > MAX_NESTING:
            text = f"{tensor.name} has more than {MAX_NESTING} axes"
            raise TooLarge(Code.NESTING_TOO_DEEP, text)
    # an axis of length 0 hides the others, which still have to be lengths that an array can have
    elements = sum(math.prod(size or 1 for size in tensor.shape) for tensor in tensors)
    if elements > max_elements:
        text = f"the arrays hold {elements} elements; the limit XENT_MAX_ELEMENTS is {max_elements}"
        raise TooLarge(Code.TOO_MANY_ELEMENTS, text)


def _labels(tensor: Tensor, buffer: memoryview) -> npt.NDArray[Any]:
    if tensor.dtype in FLOATS:
        return tensor.numbers(buffer).astype(np.float64, copy=False)
    array = tensor.cells(buffer)
    if tensor.dtype in INTEGERS:
        whole = array.dtype.kind == "i" or not array.size or int(array.max()) < 2**63
        return array.astype(np.int64 if whole else np.float64, copy=False)
    bad = np.argwhere(array > 1)
    if len(bad):
        pointer, name = cell(tensor.name, *(int(place) for place in bad[0]))
        text = f"{name} is neither 0 nor 1, so it is no boolean"
        raise InvalidInput.at(pointer, Code.NOT_A_LABEL, text)
    return array.view(np.bool_)


def dump_tensors(value: Any) -> bytes:
    """An answer as a tensor file: numeric arrays as tensors of their type, the rest as JSON.

    Args:
        value: a mapping or a dataclass. Its arrays that have an axis become tensors, and so do
            members with an array as their attribute `tensor`; all others, with the arrays inside
            them, are the JSON in `__metadata__.response`, where "Infinity", "-Infinity" and "NaN"
            stand for what JSON cannot spell.
    """
    members = {name: getattr(member, "tensor", member) for name, member in _members(value).items()}
    arrays = {
        name: member
        for name, member in members.items()
        if isinstance(member, np.ndarray) and member.ndim and fits(member)
    }
    rest = {name: member for name, member in members.items() if name not in arrays}
    return write_file({"response": dump_json(rest).decode()}, arrays)


def _members(value: Any) -> dict[str, Any]:
    """The members of an answer, an empty one of a dataclass left out, as `dump_json` does."""
    if isinstance(value, Mapping):
        return dict(value)
    members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {name: member for name, member in members.items() if member is not None}
