"""The bodies that are sent, and what a right answer to each of them is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from apps import digits
from safetensors.numpy import load, save

JSON, TENSORS = "application/json", "application/vnd.safetensors"
EXAMPLE = Path(__file__).parents[2] / "docs/examples/digits-predict.json"
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Body:
    """A body in a file, for wrk to read."""

    path: Path
    media: str

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


def digits_rows(count: int) -> Any:
    """Rows held out of training, again and again up to `count`."""
    rows = np.array(json.loads(EXAMPLE.read_bytes())["inputs"], np.float64)
    return np.resize(rows, (count, rows.shape[1]))


def batch(rows: int, classes: int) -> dict[str, Any]:
    rng = np.random.default_rng(classes)
    return {
        "logits": rng.standard_normal((rows, classes)),
        "labels": rng.integers(0, classes, rows),
    }


def written(folder: Path, name: str, content: bytes, media: str = JSON) -> Body:
    path = folder / name
    path.write_bytes(content)
    return Body(path, media)


def dump(members: dict[str, Any]) -> bytes:
    return orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY)


def plain_form(rows: Any) -> bytes:
    """What most of them take; the numbers are whole, and written so, as a client would."""
    return dump({"inputs": rows.astype(np.int64)})


def tensor_form(rows: Any) -> bytes:
    """The Open Inference Protocol."""
    flat = rows.astype(np.int64).ravel()
    tensor = {"name": "inputs", "shape": list(rows.shape), "datatype": "FP64", "data": flat}
    return dump({"inputs": [tensor]})


def loss_json(arrays: dict[str, Any]) -> bytes:
    return dump(arrays)


def loss_json_xent(arrays: dict[str, Any]) -> bytes:
    return dump({**arrays, "gradient": True})


def loss_tensors(arrays: dict[str, Any]) -> bytes:
    return bytes(save(arrays, {"request": '{"gradient":true}'}))


def check_prediction(answer: bytes, rows: Any) -> None:
    """Fails unless the answer has the probabilities of these rows, in whatever form."""
    members = json.loads(answer)
    if isinstance(members, dict) and "outputs" in members:
        members = {"probabilities": members["outputs"][0]["data"]}
    if isinstance(members, dict):
        members = members.get("probabilities", members.get("predictions"))
    found = np.array(members, np.float64).reshape(len(rows), -1)
    np.testing.assert_allclose(found, digits.probabilities(rows), rtol=TOLERANCE, atol=1e-300)


def check_loss(answer: bytes, arrays: dict[str, Any], media: str) -> None:
    if media == JSON:
        members = orjson.loads(answer)
        loss, gradient = members["loss"], np.array(members["gradient"])
    else:
        loss, gradient = None, load(answer)["gradient"]
    wanted, slope = digits.loss_and_gradient(arrays["logits"], arrays["labels"])
    if loss is not None:
        np.testing.assert_allclose(loss, wanted, rtol=TOLERANCE)
    np.testing.assert_allclose(gradient, slope, rtol=0, atol=TOLERANCE / len(slope))
