"""The formats of a model's file by name: written, and read again whoever wrote it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from service.classifier.artifact import from_bytes, to_bytes
from service.classifier.card import imported
from service.classifier.interchange import model_from_json, model_from_torch, to_json, to_torch
from service.classifier.model import Model
from service.classifier.onnx import model_from_onnx, to_onnx
from service.classifier.prediction import Label

Format = Literal["json", "safetensors", "torch", "onnx"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WRITERS: dict[Format, Callable[[Model], bytes]] = {
    "json": to_json,
    "safetensors": to_bytes,
    "torch": to_torch,
    "onnx": to_onnx,
}
_READERS: dict[Format, Callable[[bytes], Model]] = {
    "json": model_from_json,
    "safetensors": from_bytes,
    "torch": model_from_torch,
    "onnx": model_from_onnx,
}


def write_format(model: Model, form: Format) -> bytes:
    """A model as a file.

    Args:
        model: the model.
        form: `json`, parameters by name; `safetensors`, all that is known of the model; `torch`,
            `weight` and `bias`; `onnx`, a graph.

    Raises:
        Missing: the package that the format needs is not installed.
    """
    return _WRITERS[form](model)


def read_format(
    body: bytes,
    form: Format,
    *,
    name: str,
    classes: Sequence[Label] | None = None,
    feature_names: Sequence[str] | None = None,
) -> Model:
    """A model from a file, under a name of its own; what that says of its training is left out.

    Args:
        body: the file, whole.
        form: as for `write_format`; of `json` also scikit-learn's attributes.
        name: of the model.
        classes: K names in column order, instead of those of the file.
        feature_names: D names, instead of those of the file.

    Raises:
        Missing: the package that the format needs is not installed.
        MalformedBody: not such a file.
        InvalidInput: a file whose parts mean nothing.
    """
    model = _READERS[form](body)
    facts: dict[str, Any] = {}
    if form == "safetensors":  # so that it can be compared with the version that it came from
        facts["artifact_digest"] = hashlib.sha256(body).hexdigest()
    if classes is None and model.metadata.get("classes_numbered"):
        facts["classes_numbered"] = True
    return replace(
        model,
        name=name,
        version=1,
        metadata=imported(**facts),
        classes=model.classes if classes is None else tuple(classes),
        feature_names=model.feature_names if feature_names is None else tuple(feature_names),
    )
