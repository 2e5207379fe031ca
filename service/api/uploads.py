"""Bodies of a training that are no request object: a table, or the file of a model."""

from typing import Any

import numpy as np

from service import classifier
from service.api.call import Content
from service.api.media import JSON, OCTETS, ONNX, NotServed
from service.api.trainable import check_cells
from service.errors import Code, InvalidInput, cell
from service.settings import Settings
from service.wire import TENSORS, parse_object
from service.wire.csv import CSV, label_names, parse_csv

FILE_TYPES = {
    "json": (JSON,),
    "safetensors": (TENSORS,),
    "torch": (TENSORS,),
    "onnx": (ONNX, OCTETS),
}
OF_TABLES = {"label", "weight", "options", "dry_run"}
OF_FILES = {"format", "classes", "features", "dry_run"}
OTHER_BODIES = {
    CSV: {"schema": {"type": "string"}},
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in FILE_TYPES["onnx"]},
}


def is_table(content_type: str, query: dict[str, Any]) -> bool:
    """Whether the body is a table, rather than the file of a model or members.

    Raises:
        InvalidInput: the query is not that of such a body.
        NotServed: the file of a model comes as another media type than its own.
    """
    form, table = query.get("format"), _is_csv(content_type)
    allowed = OF_FILES if form else OF_TABLES if table else set()
    stray = next((name for name in query if name not in allowed), None)
    if stray is not None:
        text = f"{stray} in the query belongs to a body of {CSV}, or to a file named by format"
        raise InvalidInput.at(cell(stray)[0], Code.CONFLICTING_MEMBERS, text)
    if form:
        kinds = FILE_TYPES[form]
        if content_type.partition(";")[0].strip().lower() not in kinds:
            text = f"send a file of format {form} as Content-Type: {' or '.join(kinds)}"
            raise NotServed(Code.UNSUPPORTED_MEDIA_TYPE, text)
    return table and not form


def _is_csv(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    return kind.strip().lower() == CSV and charset in ("", "charset=utf-8")


def table_members(body: Content, query: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The members of a request that came as CSV.

    Args:
        body: the table.
        query: `label`, the column to learn; `weight`, that of the sample weights; `options` as a
            JSON object; `dry_run`.
        settings: with the limits.

    Raises:
        XentError: a table or a query that means nothing.
    """
    label, weight = query.get("label"), query.get("weight")
    if not label:
        text = "label is needed in the query: the name of the column to learn"
        raise InvalidInput.at("/label", Code.MISSING_MEMBER, text)
    if label == weight:
        text = "weight must be another column than label"
        raise InvalidInput.at("/weight", Code.CONFLICTING_MEMBERS, text)
    table = parse_csv(body, texts=[label], max_elements=settings.max_elements)
    numbers, names = table.numbers, table.names
    members: dict[str, Any] = {"labels": label_names(table.texts[label])}
    if weight is not None:
        if weight not in names:
            text = "weight names no column of the table"
            raise InvalidInput.at("/weight", Code.MISSING_MEMBER, text)
        place = names.index(weight)
        members["sample_weights"] = numbers[:, place]
        numbers, names = np.delete(numbers, place, axis=1), names[:place] + names[place + 1 :]
    if not names:
        text = "the table has no column that is a feature"
        raise InvalidInput.at("/columns", Code.MISSING_MEMBER, text)
    if query.get("options") is not None:
        members["options"] = parse_object(query["options"].encode(), "options")
    rest = {"inputs": numbers, "feature_names": list(names), "dry_run": query.get("dry_run")}
    return {**members, **rest}


def artifact_query(body: Content, settings: Settings) -> dict[str, Any] | None:
    """What says that a tensor file is a model's; None of one that is a request.

    Raises:
        XentError: not a tensor file.
    """
    is_model = classifier.is_artifact(body, settings.max_json_bytes)
    return {"format": "safetensors"} if is_model else None


def from_file(
    name: str, body: Content, query: dict[str, Any], settings: Settings
) -> classifier.Model:
    """A model that came as a file; what its writer says of its training is not taken over.

    Args:
        name: of the model.
        body: the file.
        query: `format`, and `classes` and `features` where they are not those of the file.
        settings: with the limits.

    Raises:
        XentError: not such a file, or one whose parts mean nothing.
    """
    classes, features = query.get("classes"), query.get("features")
    model = classifier.read_format(
        bytes(body),
        query["format"],
        name=name,
        classes=None if classes is None else label_names(classes.split(",")).tolist(),
        feature_names=None if features is None else features.split(","),
    )
    check_cells("parameters", model.coefficients.size, settings)
    return model
