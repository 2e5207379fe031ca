"""The largest hostile bodies of each kind, at most as long as the limits let them be."""

import json
import struct
from collections.abc import Callable
from functools import partial

from tests.hostile.tensors import TENSORS, file

JSON = "application/json"
MIB = 2**20
SOFTMAX = "/v1/softmax"
CROSS = "/v1/losses/cross-entropy"

Large = tuple[str, str, bytes]  # path, media type, body


def repeated(start: str, item: str, end: str, size: int, path: str = SOFTMAX) -> Large:
    count = (size - len(start) - len(end)) // len(item)
    return path, JSON, (start + item * (count - 1) + item.rstrip(",") + end).encode()


def numbered(start: str, end: str, size: int, path: str = SOFTMAX) -> Large:
    names = ",".join(f'"{number}":1' for number in range(size // 13))
    return path, JSON, (start + names + end).encode()


def tensors(size: int, path: str) -> Large:
    count = (size - 4096) // 808
    rows = {"dtype": "F64", "shape": [count, 100], "data_offsets": [0, 800 * count]}
    labels = {"dtype": "I64", "shape": [count], "data_offsets": [800 * count, 808 * count]}
    header = {"__metadata__": {"request": "{}"}, "logits": rows, "labels": labels}
    return path, TENSORS, file(header, bytes(808 * count))


def header_of(text: str) -> Large:
    return SOFTMAX, TENSORS, file(text.encode())


def request_of(text: str) -> Large:
    return SOFTMAX, TENSORS, file({"__metadata__": {"request": text}})


def bodies(json_bytes: int, tensor_bytes: int) -> dict[str, Callable[[], Large]]:
    """By what they are made of; each is built when it is called for."""
    n = json_bytes
    one = '{"logits":['
    short = '{"logits":[1],"labels":0,'
    header = n - 64
    return {
        "ones": partial(repeated, one, "1,", "]}", n),
        "long numbers": partial(repeated, one, "0.12345678901234567,", "]}", n),
        "rows of one": partial(repeated, one, "[1],", "]}", n),
        "rows of two": partial(repeated, one, "[1,2],", "]}", n),
        "rows in rows": partial(repeated, one, "[" * 15 + "1" + "]" * 15 + ",", "]}", n),
        "ragged rows": partial(repeated, '{"logits":[[1],', "[1,2],", "]}", n),
        "strings": partial(repeated, one, '"x",', "]}", n),
        "infinities": partial(repeated, one, '"Infinity",', "]}", n, "/v1/sigmoid"),
        "a wrong last cell": partial(repeated, one, "1,", ",true]}", n),
        "objects": partial(repeated, one, "{},", "]}", n),
        "nulls": partial(repeated, one, "null,", "]}", n),
        "unknown members": partial(numbered, '{"logits":[1],', "}", n),
        "duplicates": partial(repeated, '{"logits":[1],', '"a":1,', "}", n),
        "duplicates in objects": partial(
            repeated, '{"logits":[1],"a":[', '{"a":1,"a":2},', "]}", n
        ),
        "weights by name": partial(
            numbered, '{"logits":[1,2],"labels":0,"class_weights":{', "}}", n, CROSS
        ),
        "events": partial(numbered, '{"p":{', "}}", n // 8, "/v1/information"),
        "counts": partial(repeated, '{"p":[', "1,", "]}", n, "/v1/information"),
        "labels": partial(repeated, '{"logits":[1],"labels":[', '"x",', "]}", n, CROSS),
        "classes": partial(repeated, short + '"classes":[', '"x",', "]}", n, CROSS),
        "ignored labels": partial(repeated, short + '"ignore_index":[', "1,", "]}", n, CROSS),
        "open arrays": partial(repeated, '{"logits":', "[", "", n),
        "open objects": partial(repeated, '{"logits":', '{"a":', "", n),
        "escapes": partial(repeated, '{"logits":[1],"\\u0061":"', "\\n", '"}', n),
        "one string": partial(repeated, '{"logits":[1],"log":"', "a", '"}', n),
        "one number": partial(repeated, one, "1", "]}", n),
        "white space": partial(repeated, '{"logits":[1]', " ", "}", n),
        "no end": partial(repeated, one, "1,", "]", n),
        "feature rows": partial(
            repeated, '{"inputs":[', "[1,2,3,4],", "]}", n, "/v1/models/iris/predict"
        ),
        "tensors": partial(tensors, min(tensor_bytes, 150 * MIB), CROSS),
        "tensors of nobody": partial(tensors, tensor_bytes, SOFTMAX),
        "zeros": lambda: (SOFTMAX, TENSORS, bytes(tensor_bytes)),
        "a header of members": partial(header_of, "{" + '"a":1,' * (header // 6) + '"a":1}'),
        "a header of axes": partial(
            header_of,
            '{"logits":{"dtype":"F64","data_offsets":[0,0],"shape":['
            + "1," * (header // 3)
            + "0]}}",
        ),
        "a header of a request": partial(
            request_of, json.dumps({"logits": [1]})[:-2] + ",1" * (header // 3) + "]}"
        ),
        "a header that lies": lambda: (SOFTMAX, TENSORS, struct.pack("<Q", 2**62) + b"1" * n),
    }
