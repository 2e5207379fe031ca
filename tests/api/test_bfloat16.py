"""Tensors of bfloat16, which NumPy does not have: tolerated and answered as what they are."""

import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest

TENSORS = "application/vnd.safetensors"
ROWS = np.array([[0.1, 0.2, 0.7], [0.25, 0.5, 0.25]])


def rounded(values: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 of each, as float32; of two equally near the even one."""
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.rint(mantissas * 256) / 256, exponents).astype(np.float32)


def file(members: dict[str, Any], **tensors: np.ndarray) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"request": json.dumps(members)}}
    buffer = b""
    for name, values in tensors.items():
        kind = "I64" if values.dtype.kind == "i" else "BF16"
        cells = values if kind == "I64" else rounded(values).view(np.uint32) >> 16
        data = cells.astype("<i8" if kind == "I64" else "<u2").tobytes()
        offsets = [len(buffer), len(buffer) + len(data)]
        header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": offsets}
        buffer += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + buffer


def read(body: bytes) -> tuple[dict[str, Any], dict[str, tuple[str, np.ndarray]]]:
    size = struct.unpack("<Q", body[:8])[0]
    header, buffer = json.loads(body[8 : 8 + size]), body[8 + size :]
    response = json.loads(header.pop("__metadata__")["response"])
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "BF16", name
        bits = np.frombuffer(buffer[begin:end], "<u2").astype(np.uint32) << 16
        found[name] = bits.view(np.float32).reshape(entry["shape"])
    return response, found


def post(server: Any, path: str, body: bytes, accept: str = TENSORS) -> httpx.Response:
    headers = {"content-type": TENSORS, "accept": accept}
    return httpx.post(server.url + path, content=body, headers=headers)


CALLS = [
    ("softmax", {}, {"logits": ROWS}, "probabilities"),
    ("softmax", {"log": True, "axis": 0}, {"logits": ROWS}, "log_probabilities"),
    ("sigmoid", {}, {"logits": ROWS}, "probabilities"),
    ("losses/cross-entropy", {}, {"logits": ROWS, "labels": np.array([0, 2])}, "gradient"),
    ("losses/cross-entropy", {"axis": 0}, {"logits": ROWS.T, "labels": np.array([0, 2])}, "loss"),
    ("losses/cross-entropy", {}, {"probabilities": ROWS, "targets": ROWS}, "gradient"),
    ("losses/binary-cross-entropy", {}, {"probabilities": ROWS, "targets": ROWS}, "loss"),
    ("losses/focal", {}, {"logits": ROWS, "labels": np.array([0, 2])}, "gradient"),
    ("losses/kl-divergence", {}, {"probabilities": ROWS, "targets": ROWS}, "gradient"),
    ("losses/entropy", {}, {"probabilities": ROWS}, "loss"),
]


@pytest.mark.parametrize(("path", "options", "tensors", "member"), CALLS)
def test_the_answer_is_bfloat16_and_rounded_once(
    server: Any, path: str, options: dict[str, Any], tensors: dict[str, Any], member: str
) -> None:
    """The nearest to the float64 answer for the same numbers, so as far as float32 tells."""
    if path.startswith("losses/"):
        options = {**options, "reduction": "none", "gradient": True, "normalize": "renormalize"}
        if "probabilities" not in tensors or path.endswith("binary-cross-entropy"):
            del options["normalize"]
    answer = post(server, f"/v1/{path}", file(options, **tensors))
    assert answer.status_code == 200, answer.text
    found = read(answer.content)[1]
    exact = {k: rounded(v).astype(float) if v.dtype.kind == "f" else v for k, v in tensors.items()}
    members = {name: values.tolist() for name, values in exact.items()}
    plain = httpx.post(f"{server.url}/v1/{path}", json={**options, **members})
    for name, values in found.items():
        wanted = np.array(plain.json()[name], dtype=np.float64)
        assert values.shape == wanted.shape
        np.testing.assert_array_equal(values, rounded(wanted.astype(np.float32)))
    assert member in found


def test_rows_may_be_off_1_by_what_8_bits_round(server: Any) -> None:
    labels = np.array([0, 2])
    sums = rounded(ROWS).astype(float).sum(axis=1)
    assert 1e-5 < np.abs(sums - 1).max() < 1e-2
    body = file({}, probabilities=ROWS, labels=labels)
    for path in ("losses/cross-entropy", "evaluate"):
        answer = post(server, f"/v1/{path}", body, "application/json")
        assert answer.status_code == 200, answer.text
        assert answer.json()["max_sum_deviation"] == np.abs(sums - 1).max()
    off = file({}, probabilities=np.array([[0.5, 0.52]]), labels=np.array([0]))
    answer = post(server, "/v1/losses/cross-entropy", off)
    assert answer.status_code == 422
    assert answer.json()["code"] == "not_normalized"


def test_infinities_come_back(server: Any) -> None:
    logits = np.array([[-np.inf, 0.0, 1.0]])
    body = file({"reduction": "none"}, logits=logits, labels=np.array([0]))
    _, found = read(post(server, "/v1/losses/cross-entropy", body).content)
    assert found["loss"].tolist() == [np.inf]
