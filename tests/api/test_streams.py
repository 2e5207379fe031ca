"""Streams of rows: the bytes of one call, and bad rows at their line or part, row and cell."""

import gzip
import json
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import save

from service.wire.compression import zstd

PATH = "/v1/evaluate/stream"
LINES, PARTS = "application/x-ndjson", "application/vnd.safetensors-seq"
RNG = np.random.default_rng(11)
LOGITS = RNG.normal(size=(60, 4)) * 2
LABELS = RNG.integers(0, 4, 60)
WEIGHTS = RNG.integers(0, 3, 60).astype(float)
PLACES = [str(i % 3) for i in range(60)]
WHOLE = {
    "logits": LOGITS.tolist(),
    "labels": LABELS.tolist(),
    "sample_weights": WEIGHTS.tolist(),
    "slices": {"place": PLACES},
}


def lines(*objects: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def part(arrays: dict[str, Any], others: Any = None) -> bytes:
    file = save(arrays, None if others is None else {"request": json.dumps(others)})
    return len(file).to_bytes(8, "little") + file


def some(begin: int, end: int) -> dict[str, Any]:
    rows = {name: column[begin:end] for name, column in WHOLE.items() if name != "slices"}
    return {**rows, "slices": {"place": PLACES[begin:end]}}


def singles(begin: int, end: int) -> list[Any]:
    return [
        {
            "logits": LOGITS[i].tolist(),
            "labels": int(LABELS[i]),
            "sample_weights": WEIGHTS[i],
            "slices": {"place": PLACES[i]},
        }
        for i in range(begin, end)
    ]


def tensors(begin: int, end: int) -> bytes:
    return part(
        {
            "logits": LOGITS[begin:end],
            "labels": LABELS[begin:end],
            "sample_weights": WEIGHTS[begin:end],
        },
        {"slices": {"place": PLACES[begin:end]}},
    )


def send(caller: Any, body: Any, kind: str = LINES, **headers: str) -> httpx.Response:
    answer: httpx.Response = caller.ask(
        "POST", PATH, content=body, headers={"content-type": kind, **headers}
    )
    return answer


OPTIONS = {"bins": 7, "worst": 4, "normalize": "off"}
STREAMS = {
    "a row to a line": (LINES, lines(OPTIONS, *singles(0, 60))),
    "rows to a line": (LINES, lines({**OPTIONS, **some(0, 1)}, some(1, 40), some(40, 60))),
    "mixed": (LINES, lines({**some(0, 9), **OPTIONS}, *singles(9, 50), some(50, 60))),
    "blank lines": (LINES, b"\n \r\n" + lines(OPTIONS, *singles(0, 60)).replace(b"\n", b"\r\n\n")),
    "no last line feed": (LINES, lines(OPTIONS, *singles(0, 60)).rstrip()),
    "parts": (PARTS, part({}, OPTIONS) + b"".join(tensors(i, i + 5) for i in range(0, 60, 5))),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("encoding", [None, "gzip", "zstd"])
def test_the_report_has_the_bytes_of_one_call(caller: Any, name: str, encoding: str | None) -> None:
    once = caller.post("/v1/evaluate", {**WHOLE, **OPTIONS})
    kind, body = STREAMS[name]
    headers = {}
    if encoding is not None:
        body = gzip.compress(body) if encoding == "gzip" else zstd.compress(body)
        headers["content-encoding"] = encoding
    sizes = RNG.integers(1, 900, 10_000)
    ends = np.cumsum(sizes)
    pieces = (body[e - s : e] for e, s in zip(ends, sizes, strict=True) if e - s < len(body))
    answer = send(caller, pieces, kind, **headers)
    assert answer.status_code == once.status_code == 200
    assert answer.content == once.content


@pytest.mark.parametrize(
    ("body", "code", "pointer", "detail", "scored"),
    [
        (
            lines(*singles(0, 2), {**singles(2, 3)[0], "logits": [0, 0, "NaN", 0]}),
            "nan_value",
            "/logits/2",
            "line 3, row 2: logits[2] is NaN",
            (2, 2),
        ),
        (
            lines(some(0, 5), {**some(5, 8), "labels": [0, 9, 0], "sample_weights": [1, 1, 1]}),
            "label_out_of_range",
            "/labels/1",
            "line 2, row 6: labels[1] is 9",
            (1, 6),
        ),
        (
            lines(some(0, 2), {**some(2, 3), "sample_weights": [-1]}),
            "negative_weight",
            "/sample_weights/0",
            "line 2, row 2: sample_weights[0] is -1.0",
            (1, 2),
        ),
        (lines(some(0, 2)) + b"{no", "invalid_json", None, "line 2: the body is not JSON", (1, 2)),
        (b"[1]\n", "not_an_object", "", "line 1: ", (0, 0)),
        (
            lines(some(0, 1), {**some(1, 2), "bins": 3}),
            "unknown_member",
            "/bins",
            "line 2: bins is no member",
            (1, 1),
        ),
        (
            lines(some(0, 1), {"logits": [1, 2, 3, 4], "labels": 0}),
            "shape_mismatch",
            "",
            "line 2: sample_weights: not as in the lines",
            (1, 1),
        ),
        (
            lines(some(0, 1), {**some(1, 2), "slices": {"place": [5]}}),
            "shape_mismatch",
            "",
            "line 2: slices: not as",
            (1, 1),
        ),
        (lines({"bins": 0}), "invalid_option", "/bins", "line 1: bins", (0, 0)),
        (lines({"labels": 1}), "missing_member", None, "line 1: ", (0, 0)),
        (lines({"logits": [1, 2]}), "missing_member", "/labels", "line 1: labels", (0, 0)),
        (lines({"logits": 1, "labels": 0}), "shape_mismatch", "/logits", "line 1: logits", (0, 0)),
        (
            lines({"logits": [[1, 2]], "labels": 0}),
            "shape_mismatch",
            "/labels",
            "line 1: labels has shape",
            (0, 0),
        ),
        (
            lines({"logits": [[1, 2]], "labels": [0], "slices": {"a": "b"}}),
            "shape_mismatch",
            "/slices/a",
            "line 1: slices[a]",
            (0, 0),
        ),
        (
            lines({"logits": [1, 2], "labels": 0, "slices": {"a": None}}),
            "invalid_option",
            "/slices/a",
            "line 1: slices[a]",
            (0, 0),
        ),
        (b"", "empty_reduction", "", "the stream has no rows", (0, 0)),
        (b" " * 2**20 + b"  ", "body_too_large", None, "line 1: this line cannot", (0, 0)),
    ],
)
def test_a_bad_row_ends_the_stream_and_what_came_before_is_told(
    caller: Any, body: bytes, code: str, pointer: str | None, detail: str, scored: tuple[int, int]
) -> None:
    answer = send(caller, body)
    problem = answer.json()
    assert problem["code"] == code
    assert problem["detail"].startswith(detail)
    assert (problem["scored"]["lines"], problem["scored"]["rows"]) == scored
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (tensors(0, 9)[:-1], "invalid_tensor_file", "part 1: the stream ends before"),
        (tensors(0, 9) + b"1234", "invalid_tensor_file", "part 2: the stream ends before"),
        (tensors(0, 9) + (5).to_bytes(8, "little") + b"12345", "invalid_tensor_file", "part 2: "),
        (tensors(0, 9) + (2**40).to_bytes(8, "little"), "body_too_large", "part 2: this part"),
    ],
)
def test_a_stream_of_parts_that_is_cut_or_broken(
    caller: Any, body: bytes, code: str, detail: str
) -> None:
    problem = send(caller, body, PARTS).json()
    assert (problem["code"], problem["detail"][: len(detail)]) == (code, detail)
    assert problem["scored"]["parts"] == int("part 2" in detail)


def test_collecting_counts_bad_rows_lists_the_first_and_scores_the_rest(caller: Any) -> None:
    broken = {**some(3, 6), "logits": [[1, 2, 3, 4], [1, "NaN", 3, 4], [1, 2, 3, 4]]}
    broken["labels"], broken["sample_weights"] = [0, 0, -3], [1, 1, 1]
    start = {"on_error": "collect", "max_errors": 3, **some(0, 3)}
    body = lines(start, broken) + b"what?\n" + lines(*singles(7, 10), {"labels": 1}, some(11, 60))
    answer = send(caller, body).json()
    rejected = answer.pop("rejected")
    places = [(e["line"], e["row"], e["pointer"], e["code"]) for e in rejected["errors"]]
    assert rejected["rows"] == 4
    assert places == [
        (2, 4, "/logits/1/1", "nan_value"),
        (2, 5, "/labels/2", "label_out_of_range"),
        (3, 6, "", "invalid_json"),
    ]
    good = [0, 1, 2, 3, 7, 8, 9, *range(11, 60)]
    wanted = {name: [WHOLE[name][i] for i in good] for name in WHOLE if name != "slices"}
    wanted["logits"][3], wanted["labels"][3], wanted["sample_weights"][3] = [1, 2, 3, 4], 0, 1
    slices = {"place": [PLACES[i] for i in good]}
    assert (
        answer == caller.post("/v1/evaluate", {**wanted, "slices": slices, "row_ids": good}).json()
    )


def test_options_that_cannot_be_read_end_even_a_stream_that_collects(caller: Any) -> None:
    answer = send(caller, lines({"on_error": "collect", "bins": 0}, *singles(0, 1)))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "application/json"}, 415, "unsupported_media_type"),
        ({"content-type": LINES + "; charset=latin-1"}, 415, "unsupported_media_type"),
        ({"content-type": LINES, "content-encoding": "br"}, 415, "unsupported_encoding"),
        ({"content-type": LINES, "accept": "text/html"}, 406, "not_acceptable"),
    ],
)
def test_other_forms_are_refused(
    caller: Any, headers: dict[str, str], status: int, code: str
) -> None:
    answer = caller.ask("POST", PATH, content=lines(*singles(0, 1)), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_damaged_and_exploding_compression(caller: Any) -> None:
    whole = gzip.compress(lines(*singles(0, 9)))
    headers = {"content-encoding": "gzip"}
    for body in (whole[:-4], whole + b"x", b"no gzip"):
        problem = send(caller, body, **headers).json()
        assert problem["code"] == "invalid_compression"
    zeros = {"logits": [[0] * 50] * 500, "labels": [0] * 500}
    bomb = gzip.compress(lines(*[zeros] * 700), 9)
    assert send(caller, bomb, **headers).json()["code"] == "body_too_large"
