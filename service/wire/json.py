"""JSON bodies: valid, an object, and no member twice."""

import dataclasses
import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from service.errors import Code, InvalidInput, MalformedBody, cell

# Every string token of a valid document, with the colon that makes it a member name.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t\r\n]*+(:?)')


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
