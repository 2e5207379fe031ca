"""JSON bodies in and out.

Numbers that JSON cannot spell travel as the strings "Infinity", "-Infinity" and "NaN", as in the
JSON mapping of protocol buffers. Nothing is ever turned into null.
"""

import dataclasses
import gc
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from service.errors import Code, InvalidInput, MalformedBody, cell

# Every string token of a valid document, with the colon that makes it a member name.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t\r\n]*+(:?)')

# Cells that are written at once.
BLOCK = 2**20
SMALL = 1024

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def parse_object(body: bytes, what: str = "the body") -> dict[str, Any]:
    """The object that a JSON body holds.

    Args:
        body: UTF-8.
        what: names it in the errors.

    Raises:
        MalformedBody: not JSON: also a bare NaN or Infinity, a number beyond float64 (`1e400`),
            bad UTF-8, trailing bytes.
        InvalidInput: JSON, but no object, or one with a duplicate member.
    """
    if not body:
        raise MalformedBody(Code.EMPTY_BODY, f"{what} is empty; send a JSON object")
    try:
        with _collector_paused():
            value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        deep = "recursion" in str(error).lower() or "depth" in str(error).lower()
        code = Code.NESTING_TOO_DEEP if deep else Code.INVALID_JSON
        raise MalformedBody(code, f"{what} is not JSON: {_explain(error)}") from None
    if not isinstance(value, dict):
        raise InvalidInput.at("", Code.NOT_AN_OBJECT, f"{what} is JSON but not an object")
    # The parser keeps the last of two equal names; counting the names finds that out cheaply.
    if sum(map(len, _STRINGS.findall(body))) != _count_members(value):
        _refuse_duplicates(body)
    return value


def try_parse_objects(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """The objects of many short lines, or None where `parse_object` has to look at one of them."""
    try:
        values = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return None
    if {*map(type, values)} != {dict}:
        return None
    names = sum(map(len, _STRINGS.findall(b"\n".join(lines))))
    return values if names == sum(map(_count_members, values)) else None


def parse_lists(body: bytes, numbers: frozenset[str], labels: frozenset[str]) -> dict[str, Any]:
    """What `service.wire.simd.parse_arrays` gives where its parser is not: every array a list.

    Args:
        body: UTF-8.
        numbers: ignored; the lists are converted where they are wanted.
        labels: ignored in the same way.

    Raises:
        MalformedBody: as `parse_object` does.
        InvalidInput: as `parse_object` does.
    """
    return parse_object(body)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keeps the collector of cycles from walking over a million new rows again and again.

    They hold no cycles, and with it a parse takes four times as long and holds the interpreter.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _explain(error: orjson.JSONDecodeError) -> str:
    text = str(error)
    hint = ""
    if "infinity" in text:
        hint = '; a number beyond float64 is spelled "Infinity"'
    elif error.doc[error.pos : error.pos + 1] in ("N", "I", "-"):
        hint = '; JSON has no NaN and no infinity: send "NaN", "Infinity" or "-Infinity"'
    return text + hint


def _count_members(value: dict[str, Any]) -> int:
    """Names in an object and in objects directly inside objects.

    Objects inside arrays are not followed: no array of a request holds objects, and a count that
    differs only leads to the exact check.
    """
    count, objects = 0, [value]
    while objects:  # no recursion: a hostile body nests a thousand levels
        members = objects.pop()
        count += len(members)
        objects += [member for member in members.values() if isinstance(member, dict)]
    return count


@dataclasses.dataclass(frozen=True, slots=True)
class _Twice:
    """Stands for an object in which a name is given twice, with the way to that name."""

    path: tuple[str | int, ...]


def _refuse_duplicates(body: bytes) -> None:
    def check(pairs: list[tuple[str, Any]]) -> _Twice | None:
        seen: set[str] = set()
        for name, value in pairs:
            inner = _inside(value)
            if inner is not None:
                return _Twice((name, *inner.path))
            if name in seen:
                return _Twice((name,))
            seen.add(name)
        return None

    try:
        found = json.loads(body, object_pairs_hook=check)
    except RecursionError:
        raise MalformedBody(Code.NESTING_TOO_DEEP, "the body is nested too deeply") from None
    if found is not None:
        pointer = "".join(cell(str(step)[:64])[0] for step in found.path)
        name = str(found.path[-1])[:64]
        raise InvalidInput.at(pointer, Code.DUPLICATE_MEMBER, f"{name} is given twice")


def _inside(value: Any) -> _Twice | None:
    """The duplicate in a parsed value, where objects have given way to what was found in them."""
    if isinstance(value, _Twice):
        return value
    if isinstance(value, list):
        for place, item in enumerate(value):
            inner = _inside(item)
            if inner is not None:
                return _Twice((place, *inner.path))
    return None


def dump_json(value: Any) -> bytes:
    """An answer as JSON: dataclasses as objects without their empty members, shortest numbers.

    Args:
        value: mappings, sequences, dataclasses, arrays, numbers and strings.
    """
    return orjson.dumps(_spelled(value), option=orjson.OPT_SERIALIZE_NUMPY)


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
    return {name: _spelled(item) for name, item in value.items()}


def _spelled_sequence(value: list[Any] | tuple[Any, ...]) -> Any:
    if _AS_THEY_ARE.issuperset(map(type, value)):
        return value  # a hundred thousand names are not looked at one by one
    return [_spelled(item) for item in value]


def _spelled_members(value: Any) -> dict[str, Any]:
    members = [(name, getattr(value, name)) for name in _names(value.__class__)]
    return {name: _spelled(item) for name, item in members if item is not None}


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
    if array.dtype.kind == "f" and not _finite(array):
        return _spelled_cells(array)
    if not (array.flags.c_contiguous and array.dtype.isnative):
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if array.ndim > 2 or array.size > BLOCK:
        return _in_blocks(array)
    return array


def _finite(array: npt.NDArray[np.floating[Any]]) -> bool:
    # a product with itself tells most small arrays finite at a fifth of the price
    if array.size <= SMALL and array.dtype == np.float64 and math.isfinite(np.vdot(array, array)):
        return True
    return bool(np.isfinite(array).all())


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
