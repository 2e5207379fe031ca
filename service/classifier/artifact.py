"""Models as files: tensors and a JSON description, in the safetensors format.

The file holds no code, so reading one can at worst fail. Its tensors are `coefficients` and
`intercepts` in float64 and, where the model keeps scores of held-out rows, those of `HELD_OUT`;
its `__metadata__["model"]` is the JSON of everything else.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from service.classifier.distance import Distance
from service.classifier.held_out import SOURCES, HeldOut
from service.classifier.model import Model
from service.errors import Code, MalformedBody
from service.wire.tensorfile import read_file

FORMAT = "xent-model/1"
MEMBERS = {
    "format": str,
    "name": str,
    "version": int,
    "classes": list,
    "feature_names": list,
    "metadata": dict,
}
TENSORS = ("coefficients", "intercepts")
HELD_OUT = {"held_out_scores": np.float64, "held_out_wrong": np.bool_}
DISTANCE = {"distance_means": np.float64, "distance_whitening": np.float64}


def to_bytes(model: Model) -> bytes:
    """Write a model as a safetensors file; equal models give equal bytes.

    Args:
        model: the model.

    Returns:
        The file.
    """
    description: dict[str, Any] = {
        "format": FORMAT,
        "name": model.name,
        "version": model.version,
        "classes": list(model.classes),
        "feature_names": list(model.feature_names),
        "metadata": dict(model.metadata),
    }
    tensors = {name: np.ascontiguousarray(getattr(model, name)) for name in TENSORS}
    if model.held_out is not None:
        description["held_out"] = model.held_out.source
        tensors |= _kept(model.held_out)
    text = json.dumps(description, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # One metadata entry: the order of several is the library's own affair.
    return save(tensors, {"model": text})


def is_artifact(data: bytes | memoryview, max_header: int) -> bool:
    """Whether a safetensors file is that of a model, rather than another's or a request.

    Args:
        data: the file.
        max_header: bytes of its header.

    Raises:
        MalformedBody: not a safetensors file.
        TooLarge: the header is over its limit.
    """
    metadata, *_ = read_file(data, max_header)
    return "model" in metadata and "request" not in metadata


def read_model(path: Path) -> Model:
    """Read a model from a safetensors file, as `from_bytes` does."""
    return from_bytes(path.read_bytes())


def from_bytes(data: bytes) -> Model:
    """A model from the bytes of its safetensors file.

    Args:
        data: the file, as `to_bytes` wrote it.

    Returns:
        The model, with read-only arrays.

    Raises:
        MalformedBody: not a safetensors file, or not one that holds a model.
        InvalidInput: a model whose parts do not fit together.
    """
    try:
        tensors = load(data)
        # its loader has checked the header, but keeps the metadata to itself
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        description = header.get("__metadata__", {}).get("model")
    except SafetensorError as error:
        raise _malformed("is not a safetensors file") from error
    members = _described(description)
    held_out = _held_out(members.get("held_out"), tensors)
    if set(tensors) != set(TENSORS) or any(t.dtype != np.float64 for t in tensors.values()):
        raise _malformed("needs exactly the float64 tensors coefficients and intercepts")
    return Model(
        held_out=held_out,
        name=members["name"],
        version=members["version"],
        classes=tuple(members["classes"]),
        feature_names=tuple(members["feature_names"]),
        metadata=members["metadata"],
        **tensors,
    )


def _described(text: str | None) -> dict[str, Any]:
    try:
        members = json.loads(text or "")
    except ValueError as error:
        raise _malformed("has no JSON in its metadata entry `model`") from error
    if not isinstance(members, dict) or set(members) - {"held_out"} != set(MEMBERS):
        raise _malformed(f"needs the metadata members {', '.join(MEMBERS)}")
    for member, kind in MEMBERS.items():
        if type(members[member]) is not kind:
            raise _malformed(f"has a metadata member {member} that is no {kind.__name__}")
    if members["format"] != FORMAT:
        raise _malformed(f"has another format than {FORMAT}")
    for member in ("classes", "feature_names"):
        if not all(type(name) in (str, int) for name in members[member]):
            raise _malformed(f"has {member} that are neither strings nor integers")
    return members


def _kept(held_out: HeldOut) -> dict[str, npt.NDArray[Any]]:
    tensors = {"held_out_scores": held_out.scores, "held_out_wrong": held_out.wrong}
    if held_out.distance is not None:
        tensors["distance_means"] = held_out.distance.means
        tensors["distance_whitening"] = held_out.distance.whitening
    return {name: np.ascontiguousarray(array) for name, array in tensors.items()}


def _held_out(source: Any, tensors: dict[str, npt.NDArray[Any]]) -> HeldOut | None:
    """Takes what belongs to held-out rows out of the tensors."""
    if source is None:
        return None
    if source not in SOURCES:
        raise _malformed(f"has a metadata member held_out that is none of {', '.join(SOURCES)}")
    names = HELD_OUT | (DISTANCE if set(DISTANCE) & set(tensors) else {})
    found = {name: tensors.pop(name) for name in names if name in tensors}
    if any(name not in found or found[name].dtype != dtype for name, dtype in names.items()):
        raise _malformed(f"needs the tensors {', '.join(names)} for its held-out rows")
    distance = None
    if len(found) > len(HELD_OUT):
        distance = Distance(found["distance_means"], found["distance_whitening"])
    return HeldOut(source, found["held_out_scores"], found["held_out_wrong"], distance)


def _malformed(detail: str) -> MalformedBody:
    return MalformedBody(Code.INVALID_MODEL_FILE, f"the model file {detail}")
