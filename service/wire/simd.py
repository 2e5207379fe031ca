"""JSON bodies with arrays: a SIMD parser fills the arrays, or gives way to the other path.

The parser (simdjson) makes no Python object of a number. It tells of a bad cell only that there is
one, flattens nested arrays without a look at their lengths, and keeps the last of two equal names;
so this module takes a body only where it can show that nothing of the kind happened, and leaves
every other one to `parse_object`, `numbers_from` and `labels_from`, which explain.
"""

import threading
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from simdjson import Array, Object, Parser

from service.wire.arrays import MAX_NESTING
from service.wire.json import parse_object

# A parser keeps the memory of its longest body, about 24 bytes a number. One that read more than
# this many numbers is let go, so that a thread holds 50 MB at most.
KEPT_NUMBERS = 2**21

# More than any request has.
MAX_MEMBERS = 64

# `bytes.count` goes from byte to byte, NumPy from vector to vector but with a start of 2 µs.
_SHORT = 4096

_DTYPES: dict[str, npt.DTypeLike] = {"d": np.float64, "i": np.int64}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Own(threading.local):
    """One parser for each thread: it works in memory of its own."""

    parser: Parser | None = None


_own = _Own()


class _Unusual(Exception):
    """Something that the other path has to look at."""


def parse_arrays(body: bytes, numbers: frozenset[str], labels: frozenset[str]) -> dict[str, Any]:
    """The object that a JSON body holds, with its arrays as arrays where that is safe.

    A member that is still a list is for `numbers_from` or `labels_from` to convert or to refuse;
    one that is an array is what they would have made of it, to the bit.

    Args:
        body: UTF-8.
        numbers: names of the members that are arrays of numbers.
        labels: names of the members that are arrays of labels.

    Raises:
        MalformedBody: not JSON.
        InvalidInput: JSON, but no object, or one with a duplicate member.
    """
    value = try_parse_arrays(body, numbers, labels)
    return parse_object(body) if value is None else value


def try_parse_arrays(
    body: bytes, numbers: frozenset[str], labels: frozenset[str]
) -> dict[str, Any] | None:
    """The same without the other path: None where that one has to look at the body."""
    # What is checked below by counting characters has them unescaped; the parser skips the mark.
    if b"\\" in body or body.startswith(_BYTE_ORDER_MARK):
        return None
    parser, _own.parser = _own.parser or Parser(), None
    try:
        value, size = _read(parser, body, numbers, labels)
    # ValueError: not JSON; TypeError: a cell is no number; RuntimeError: too deep, or an integer
    # beyond 64 bits. Which of them, and where, the other path finds out.
    except (_Unusual, ValueError, TypeError, RuntimeError):
        return None
    if size <= KEPT_NUMBERS:
        _own.parser = parser
    return value


def _read(
    parser: Parser, body: bytes, numbers: frozenset[str], labels: frozenset[str]
) -> tuple[dict[str, Any], int]:
    """The object, and how much the parser held for it; no view of its memory is left behind."""
    document: Any = parser.parse(body)
    # the parser finds a member by going through all of them
    if not isinstance(document, Object) or len(document) > MAX_MEMBERS:
        raise _Unusual
    value: dict[str, Any] = {}
    others: dict[str, Any] = {}
    brackets = size = 0
    for name in document:
        member: Any = document[name]
        array = None
        if isinstance(member, Array):
            if name in numbers:
                array = _filled(member, "d")
            elif name in labels:
                array = _labels(member)
            member = member.as_list() if array is None else array
        elif isinstance(member, Object):
            member = member.as_dict()
        value[name] = member
        if array is None:
            others[name] = member
        else:
            brackets += _brackets(array.shape)
            size += array.size
    quotes = 2 * (len(value) - len(others))
    if others:
        rest = orjson.dumps(others)
        brackets += _count(rest, b"[")
        quotes += _count(rest, b'"')
        size += len(rest)
    if _count(body, b"[") != brackets:
        raise _Unusual  # a cell is an array: flattened without a word
    if _count(body, b'"') != quotes:
        raise _Unusual  # a name is given twice
    return value, size


def _labels(member: Array) -> npt.NDArray[Any] | None:
    """Labels that are numbers; None for names and booleans, which are left as a list."""
    try:
        return _filled(member, "i")
    except (TypeError, ValueError):  # a cell is no integer, or one beyond 64 bits
        pass
    try:
        return _filled(member, "d")
    except TypeError:
        return None


def _filled(member: Array, kind: Literal["d", "i"]) -> npt.NDArray[Any]:
    """The numbers of nested arrays of equal lengths, as float64 ("d") or int64 ("i")."""
    shape: tuple[int, ...] = ()
    first: Any = member
    while isinstance(first, Array):
        shape = (*shape, len(first))
        if len(shape) > MAX_NESTING or (shape[-1] == 0 and len(shape) > 1):
            raise _Unusual
        first = first[0] if shape[-1] else None
    if not _regular(member, shape):
        raise _Unusual
    return np.frombuffer(member.as_buffer(of_type=kind), _DTYPES[kind]).reshape(shape)


def _regular(level: Any, shape: tuple[int, ...]) -> bool:
    """Whether the arrays have this shape; whether their cells are numbers is not looked at."""
    if len(shape) == 1:
        return len(level) == shape[0]
    if len(shape) == 2:
        return len(level) == shape[0] and set(map(len, level)) == {shape[1]}
    return len(level) == shape[0] and all(_regular(item, shape[1:]) for item in level)


def _brackets(shape: tuple[int, ...]) -> int:
    """How many brackets open when an array is written: one, and one for each row of each axis."""
    count, rows = 1, 1
    for size in shape[:-1]:
        rows *= size
        count += rows
    return count


def _count(text: bytes, character: bytes) -> int:
    if len(text) < _SHORT:
        return text.count(character)
    octets = np.frombuffer(text, np.uint8)
    return int(np.count_nonzero(octets == character[0]))
