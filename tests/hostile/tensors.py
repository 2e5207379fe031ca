"""Hostile tensor files for every call: a right one from the document, with a header that lies."""

import copy
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from tests.hostile.bodies import BAD, GOOD, TENSORS, Call, Case

Header = dict[str, Any]


def file(header: Header | bytes, content: bytes = b"", length: int | None = None) -> bytes:
    """A file; its header may be any bytes and claim any length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def right(call: Call) -> tuple[Header, bytes]:
    """The right body of a call as a tensor file."""
    header: Header = {}
    rest: dict[str, Any] = {}
    content = b""
    for name, value in call.body.items():
        array = np.array(value)
        if isinstance(value, list) and array.dtype.kind in "if" and name in ARRAYS:
            data = array.astype("<f8" if name != "labels" else "<i8")
            kind = "F64" if name != "labels" else "I64"
            offsets = [len(content), len(content) + data.nbytes]
            header[name] = {"dtype": kind, "shape": list(data.shape), "data_offsets": offsets}
            content += data.tobytes()
        else:
            rest[name] = value
    header["__metadata__"] = {"request": orjson.dumps(rest).decode()}
    return header, content


ARRAYS = {"logits", "probabilities", "log_probabilities", "labels", "targets", "inputs", "target"}


def tensor_files(call: Call) -> Iterator[Case]:
    """The right file, and one for each way in which it can lie."""
    header, content = right(call)
    headers = {"content-type": TENSORS, "accept": "application/json"}
    for body, statuses in (*_bytes(header, content), *_headers(header, content)):
        yield Case(call.path, body, statuses if call.tensors else frozenset({415}), headers)


def _bytes(header: Header, content: bytes) -> Iterator[tuple[bytes, frozenset[int]]]:
    whole, text = file(header, content), json.dumps(header).encode()
    yield whole, frozenset({200})
    for length in (0, 1, len(text) - 1, len(text) + 1, 2**31, 2**32, 2**63, 2**64 - 1):
        body = file(header, content, length)
        # a byte of the tensors may pass for white space at the end of the header
        yield body, BAD
    for cut in (0, 1, 7, 8, 9, 8 + len(text) // 2, 7 + len(text), len(whole) - 1):
        if cut < len(whole):
            yield whole[:cut], BAD
    yield whole + b"\x00", BAD
    yield whole + whole, BAD
    yield b"\x00" + whole, BAD
    yield text, BAD
    for broken in (
        b"",
        b"{",
        b"[]",
        b"null",
        b"0",
        b'"a"',
        b"{}}",
        b"NaN",
        b"\xff",
        b'{"\xff": 1}',
    ):
        yield file(broken, content), BAD
    yield file(b"[" * 100_000), BAD
    yield file(b'{"a":' * 100_000), BAD
    yield file(text[:-1] + b', "__metadata__": {}}', content), BAD
    yield file(text.decode().encode("utf-16"), content), BAD
    for name in header:  # a name twice
        yield file(text[:-1] + b', "%b": 1}' % name.encode(), content), BAD


def _headers(header: Header, content: bytes) -> Iterator[tuple[bytes, frozenset[int]]]:
    for request in (
        "",
        "null",
        "[]",
        "1",
        '{"a": NaN}',
        '{"a": 1',
        '{"a": 1, "a": 1}',
        '"a"',
        "{" * 2000,
    ):
        yield file({**header, "__metadata__": {"request": request}}, content), BAD | {422}
    for metadata in (None, 1, [], "a", {"request": 1}, {"request": None}, {"request": {}}):
        yield file({**header, "__metadata__": metadata}, content), BAD | {422}
    for name in header.keys() - {"__metadata__"}:
        for changed in _entries(header[name], len(content)):
            lying = copy.deepcopy(header)
            lying[name] = changed
            yield file(lying, content), frozenset({400, 413, 422})
        twice = orjson.dumps({name: 1}).decode()
        yield file({**header, "__metadata__": {"request": twice}}, content), frozenset({422})
        cell = np.array([np.nan]).tobytes()
        yield file(header, cell + content[8:]), frozenset({200, 422})
        yield file(header, b"\xff" * len(content)), frozenset({200, 422})
        for kind, size in (("F32", 4), ("F16", 2), ("BF16", 2), ("BOOL", 1), ("I8", 1), ("U64", 8)):
            entry = {"dtype": kind, "shape": [1], "data_offsets": [0, size]}
            only = {name: entry, "__metadata__": header["__metadata__"]}
            yield file(only, b"\xff" * size), GOOD
            yield file(only, bytes(size)), GOOD
    stranger = {"dtype": "F64", "shape": [0], "data_offsets": [len(content)] * 2}
    for name in ("stranger", "", "a/b~c", "\x00", "temperature", "x" * 5000):
        yield file({**header, name: stranger}, content), frozenset({422})


def _entries(entry: dict[str, Any], size: int) -> Iterator[Any]:
    begin, end = entry["data_offsets"]
    yield from (None, 1, [], "F64", {}, {**entry, "more": 1})
    yield from ({key: entry[key] for key in entry if key != gone} for gone in entry)
    for dtype in ("F8", "F8_E4M3", "C64", "f64", "", 1, None, "I128", "F64\x00", "F32", "U16"):
        yield {**entry, "dtype": dtype}
    for shape in (
        *(
            [2**63],
            [2**64],
            [-1],
            [1.5],
            ["1"],
            None,
            1,
            [True],
            [10**15],
            [2**32, 2**32],
            [0, 2**62],
        ),
        *([1] * 65, [*entry["shape"], 2], [*entry["shape"], 0], [[1]], [0] * 17, [1] * 30_000),
    ):
        yield {**entry, "shape": shape}
    for offsets in (
        *([], [begin], [begin, end, end], [end, begin], [begin + 1, end + 1], [begin, end - 1]),
        *([begin, end + 1], [begin, 2**63], [2**64, 2**64 + end], [-1, end], [begin, float(end)]),
        *(
            ["0", end],
            None,
            [None, None],
            [begin, begin],
            [size, size],
            [size + 8, size + 16],
            [True, end],
        ),
    ):
        yield {**entry, "data_offsets": offsets}
