"""Answers as JSON.

Numbers that JSON cannot spell travel as the strings "Infinity", "-Infinity" and "NaN", as in the
JSON mapping of protocol buffers. Nothing is ever turned into null.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

# Cells that are written at once.
BLOCK = 2**20
SMALL = 1024

_PLAINLY = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def dump_json(value: Any) -> bytes:
    """An answer as JSON: dataclasses as objects without their empty members, shortest numbers.

    Args:
        value: mappings, sequences, dataclasses, arrays, numbers and strings.
    """
    text = _written(value)
    if text is None:
        text = orjson.dumps(_spelled(value), option=orjson.OPT_SERIALIZE_NUMPY)
    return text


def _written(value: Any) -> bytes | None:
    """The same for small answers of finite numbers, whose parts nobody has to look at.

    What the writer does not know it refuses; what it cannot spell becomes null.
    """
    kind: type[Any] = value.__class__
    if kind is not dict:
        if not dataclasses.is_dataclass(kind):
            return None
        value = {name: item for name in _names(kind) if (item := getattr(value, name)) is not None}
    for item in value.values():
        if item.__class__ is np.ndarray and item.size > SMALL:
            return None
    try:
        text = orjson.dumps(value, option=_PLAINLY)
    except TypeError:
        return None
    return None if b"null" in text else text


def json_as_it_is(content: bytes) -> Any:
    """What `dump_json` writes as these bytes, which are JSON already."""
    return orjson.Fragment(content)


def _spelled(value: Any) -> Any:
    """Replaces what JSON cannot spell; a `None` member of a dataclass is left out."""
    return _speller(value.__class__)(value)


@cache  # abstract classes and unions take longer to ask than the values to write
def _speller(kind: type[Any]) -> Callable[[Any], Any]:
    if issubclass(kind, float | np.floating):
        return _spelled_number
    if issubclass(kind, np.ndarray):
        return _spelled_array
    if issubclass(kind, Mapping):
        return _spelled_mapping
    if issubclass(kind, list | tuple):
        return _spelled_sequence
    if dataclasses.is_dataclass(kind):
        return _spelled_members
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _spelled_number(value: float | np.floating[Any]) -> Any:
    return value if math.isfinite(value) else _spell(float(value))


def _spelled_mapping(value: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: _speller(item.__class__)(item) for name, item in value.items()}


def _spelled_sequence(value: list[Any] | tuple[Any, ...]) -> Any:
    if _AS_THEY_ARE.issuperset(map(type, value)):
        # a hundred thousand names are not looked at one by one; orjson takes no kinds of tuples
        return value if value.__class__ in (list, tuple) else list(value)
    return [_spelled(item) for item in value]


def _spelled_members(value: Any) -> dict[str, Any]:
    return {
        name: _speller(item.__class__)(item)
        for name in _names(value.__class__)
        if (item := getattr(value, name)) is not None
    }


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """The members of a dataclass that are meant for others."""
    names = (field.name for field in dataclasses.fields(kind))
    return tuple(name for name in names if not name.startswith("_"))


def _spelled_array(array: npt.NDArray[Any]) -> Any:
    if array.dtype.kind not in "biuf":
        return _spelled(array.tolist())
    if array.ndim == 0:
        return _spelled(array[()])
    if not (array.flags.c_contiguous and array.dtype.isnative):
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if array.size <= SMALL:
        text = orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
        # written in place of what is not finite; to look for that first takes longer
        return _spelled_cells(array) if b"null" in text else orjson.Fragment(text)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _spelled_cells(array)
    if array.ndim > 2 or array.size > BLOCK:
        return _in_blocks(array)
    return array


def _in_blocks(array: npt.NDArray[Any]) -> orjson.Fragment:
    """Block after block of the first axis: the writer keeps an object for each row meanwhile."""
    if len(array) == 0:
        return orjson.Fragment(orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY))
    step = max(1, BLOCK * len(array) // max(array.size, 1) // array.ndim)
    blocks = [array[start : start + step] for start in range(0, len(array), step)]
    texts = [orjson.dumps(block, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] for block in blocks]
    return orjson.Fragment(b"[" + b",".join(texts) + b"]")


def _spelled_cells(array: npt.NDArray[np.floating[Any]]) -> Any:
    """Lists where a row is not finite; the other rows stay arrays."""
    if array.ndim > 1:
        return [_spelled_array(row) for row in array]
    # scalars of a narrower type keep its shortest digits
    cells = array.tolist() if array.dtype.itemsize == 8 else list(array)
    for place in np.flatnonzero(~np.isfinite(array)):
        cells[place] = _spell(float(array[place]))
    return cells


def _spell(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
