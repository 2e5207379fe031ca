"""Parameters to and from other programs, as JSON and as tensors; never pickle."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.model import Model
from service.classifier.prediction import Label
from service.classifier.rows import Array
from service.errors import MAX_NAME, Code, Fault, InvalidInput, MalformedBody
from service.wire import dump_json, labels_from, numbers_from, parse_object
from service.wire.tensorfile import FLOATS, Tensor, check_layout, read_file, write_file

# Our word and scikit-learn's attribute.
MEMBERS = {
    "coefficients": "coef_",
    "intercepts": "intercept_",
    "classes": "classes_",
    "feature_names": "feature_names_in_",
}
FACTS = {"name", "version", "format"}
MAX_HEADER = 2**20


def model_from_parameters(
    coefficients: npt.ArrayLike,
    intercepts: npt.ArrayLike,
    *,
    classes: Sequence[Label] | None = None,
    feature_names: Sequence[str] | None = None,
    name: str = "model",
    version: int = 1,
    metadata: dict[str, Any] | None = None,
) -> Model:
    """A model of given parameters.

    Args:
        coefficients: shape (K, D); or (1, D), of the second of two classes.
        intercepts: shape (K,), or (1,); a single number with one row of coefficients.
        classes: K names in row order; None is 0..K-1, of which the metadata tell.
        feature_names: D names; None is x0, x1, ...
        name: of the model.
        version: of the model.
        metadata: what is known about it.

    Raises:
        InvalidInput: a member that means nothing, with a pointer to it.
    """
    weights = np.asarray(coefficients)
    if weights.ndim != 2:
        detail = f"coefficients must have shape (K, D); they have {weights.ndim} dimensions"
        raise InvalidInput.at("/coefficients", Code.SHAPE_MISMATCH, detail)
    rows, width = weights.shape
    facts = {} if metadata is None else metadata
    if classes is None:
        facts = {**facts, "classes_numbered": True}
    return Model(
        name=name,
        version=version,
        classes=tuple(range(2 if rows == 1 else rows) if classes is None else classes),
        feature_names=tuple(feature_names or (f"x{column}" for column in range(width))),
        coefficients=weights,
        intercepts=np.atleast_1d(np.asarray(intercepts)),
        metadata=facts,
    )


def model_from_json(body: bytes, *, name: str = "model", version: int = 1) -> Model:
    """A model from JSON, its members named as ours or as scikit-learn's attributes.

    Args:
        body: an object with `coefficients`, `intercepts` and perhaps `classes` and
            `feature_names`; or `coef_`, `intercept_`, `classes_`, `feature_names_in_`.
        name: of the model.
        version: of the model.

    Raises:
        MalformedBody: not JSON.
        InvalidInput: a member that is missing, unknown, given twice or means nothing.
    """
    given = {member: value for member, value in parse_object(body).items() if member not in FACTS}
    ours = {theirs: member for member, theirs in MEMBERS.items()}
    members: dict[str, Any] = {}
    sent: dict[str, str] = {}
    for member, value in given.items():
        known = ours.get(member, member)
        if known not in MEMBERS:
            detail = f"{member[:MAX_NAME]} is none of {', '.join(MEMBERS)}"
            raise InvalidInput.at("", Code.UNKNOWN_MEMBER, detail)
        if known in members:
            detail = f"{known} is given twice: also as {MEMBERS[known]}"
            raise InvalidInput.at(f"/{known}", Code.DUPLICATE_MEMBER, detail)
        members[known], sent[known] = value, member
    for member in ("coefficients", "intercepts"):
        if member not in members:
            detail = f"{member} is missing ({MEMBERS[member]} in scikit-learn)"
            raise InvalidInput.at(f"/{member}", Code.MISSING_MEMBER, detail)
    try:
        return _from_members(members, name, version)
    except InvalidInput as error:  # at the members as they are called in the body
        faults = [_as_sent(fault, sent) for fault in error.faults]
        raise InvalidInput(faults) from error


def _from_members(members: dict[str, Any], name: str, version: int) -> Model:
    classes, features = members.get("classes"), members.get("feature_names")
    return model_from_parameters(
        numbers_from("coefficients", members["coefficients"]),
        numbers_from("intercepts", members["intercepts"]),
        classes=None if classes is None else labels_from("classes", classes).tolist(),
        feature_names=None if features is None else labels_from("feature_names", features).tolist(),
        name=name,
        version=version,
    )


def _as_sent(fault: Fault, sent: dict[str, str]) -> Fault:
    known = fault.pointer.split("/")[1]
    called = sent.get(known, known)
    pointer = fault.pointer.replace(known, called, 1)
    return replace(fault, pointer=pointer, detail=fault.detail.replace(known, called, 1))


def to_json(model: Model) -> bytes:
    """A model's parameters as JSON; `model_from_json` reads them back to the bit."""
    members = ("name", "version", "classes", "feature_names", "coefficients", "intercepts")
    return dump_json({member: getattr(model, member) for member in members})


def model_from_torch(
    body: bytes | memoryview,
    *,
    classes: Sequence[Label] | None = None,
    feature_names: Sequence[str] | None = None,
    name: str = "model",
    version: int = 1,
) -> Model:
    """A model from the `weight` and `bias` of a torch `Linear`, saved as safetensors.

    The names may have a prefix, as in `fc.weight`; without a bias the intercepts are 0.

    Args:
        body: the file; its metadata may hold `classes` and `feature_names` as JSON.
        classes: instead of those.
        feature_names: instead of those.
        name: of the model.
        version: of the model.

    Raises:
        MalformedBody: not a tensor file, or a header that lies.
        InvalidInput: not one linear layer, or of another type or shape.
    """
    metadata, entries, buffer = read_file(body, MAX_HEADER)
    tensors = {entry: Tensor.of(entry, value) for entry, value in entries.items()}
    prefixes = [entry.removesuffix("weight") for entry in tensors if _is_weight(entry)]
    if len(prefixes) != 1 or set(tensors) - {f"{prefixes[0]}weight", f"{prefixes[0]}bias"}:
        detail = "the file must hold the weight of one linear layer, its bias, and nothing else"
        raise InvalidInput.at("", Code.UNKNOWN_MEMBER, detail)
    for entry, tensor in tensors.items():
        if tensor.dtype not in FLOATS:
            detail = f"{entry[:MAX_NAME]} must be of {', '.join(FLOATS)}"
            raise InvalidInput.at("", Code.UNSUPPORTED_DTYPE, detail)
    check_layout(list(tensors.values()), len(buffer))
    weight = tensors[f"{prefixes[0]}weight"].numbers(buffer).astype(np.float64, copy=False)
    bias = tensors.get(f"{prefixes[0]}bias")
    return model_from_parameters(
        weight,
        np.zeros(weight.shape[:1])
        if bias is None
        else bias.numbers(buffer).astype(np.float64, copy=False),
        classes=_listed(metadata, "classes") if classes is None else classes,
        feature_names=feature_names or _listed(metadata, "feature_names"),
        name=name,
        version=version,
    )


def to_torch(model: Model) -> bytes:
    """`weight` (K, D) and `bias` (K,) of a torch `Linear`, in float64, as safetensors."""
    weight, bias = full_parameters(model)
    names = {member: list(getattr(model, member)) for member in ("classes", "feature_names")}
    metadata = {member: json.dumps(value, ensure_ascii=False) for member, value in names.items()}
    return write_file(metadata, {"weight": weight, "bias": bias})


def full_parameters(model: Model) -> tuple[Array, Array]:
    """Coefficients (K, D) and intercepts (K,), also of a model that keeps one row for two."""
    coefficients, intercepts = model.coefficients, model.intercepts
    if len(coefficients) == len(model.classes):
        return coefficients, intercepts
    return np.vstack([np.zeros_like(coefficients), coefficients]), np.append(0.0, intercepts)


def _is_weight(name: str) -> bool:
    return name == "weight" or name.endswith(".weight")


def _listed(metadata: dict[str, str], member: str) -> list[Any] | None:
    if member not in metadata:
        return None
    try:
        value = json.loads(metadata[member])
    except ValueError:
        value = None
    if not isinstance(value, list):
        detail = f"the metadata entry {member} is no JSON array"
        raise MalformedBody(Code.INVALID_TENSOR_FILE, detail)
    return value
