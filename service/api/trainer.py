"""The process that trains: from a body to the file of a model, fitted or imported."""

import os
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from service import classifier
from service.api.beside import Job
from service.api.call import Call, Content, Done, inflated, parse
from service.api.media import Form
from service.api.request import validate
from service.api.schemas.training import TrainRequest
from service.api.schemas.types import array_members
from service.errors import Code, Fault, InvalidInput, TooLarge, XentError
from service.settings import Settings
from service.wire import parse_object
from service.wire.csv import label_names, parse_csv

# Scoring comes first wherever both want the processor.
NICE = 10


class InitialVersion(XentError):
    """Asks the server for the model that a fit is to start from."""

    def __init__(self, version: int | str) -> None:
        super().__init__(Code.UNKNOWN_VERSION, "no model to start from came along")
        self.version = version


@dataclass(frozen=True, slots=True)
class Made(Done):
    """The file of a model, and whether it is to be registered."""

    dry_run: bool = False


def training(settings: Settings) -> Job:
    """What the process that trains does; it takes memory and processor within bounds.

    Args:
        settings: with the limits.
    """
    os.nice(NICE)
    _limit_memory(settings.max_training_bytes)
    call = Call(make, TrainRequest, *array_members(TrainRequest))

    def job(path: str, parameters: dict[str, Any], body: bytes, form: Form, file: bytes) -> Done:
        initial = classifier.from_bytes(file) if file else None
        start = perf_counter()
        try:
            table, file_query = parameters["table"], parameters["file"]
            if file_query is not None:
                content = inflated(body, form, settings)
                model = from_file(parameters["name"], content, file_query, settings)
                timing = b"parse;dur=%.3f" % (1e3 * (perf_counter() - start))
                dry_run = bool(file_query.get("dry_run"))
                return Made(classifier.to_bytes(model), None, 0, timing, dry_run)
            if table is None:
                members = parse(call, body, form, settings)
            else:
                members = table_members(inflated(body, form, settings), table, settings)
            asked = validate(TrainRequest, members, settings)
            parsed = perf_counter()
            model = make(parameters["name"], asked, initial, settings)
        except MemoryError:
            limit = settings.max_training_bytes
            text = f"the training needs more memory than XENT_MAX_TRAINING_BYTES, {limit}"
            raise TooLarge(Code.TRAINING_TOO_LARGE, text) from None
        spent = 1e3 * (parsed - start), 1e3 * (perf_counter() - parsed)
        timing = b"parse;dur=%.3f, compute;dur=%.3f" % spent
        return Made(classifier.to_bytes(model), None, 0, timing, bool(asked.dry_run))

    return job


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
    _check_cells("parameters", model.coefficients.size, settings)
    return model


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def make(
    name: str, body: TrainRequest, initial: classifier.Model | None, settings: Settings
) -> classifier.Model:
    """The model that a request asks for, trained or imported.

    Args:
        name: of the model.
        body: the request.
        initial: where the fit is to start, once it has been asked for.
        settings: with the limits.

    Raises:
        InvalidInput: data or options that mean nothing.
        TooLarge: more numbers than the limit.
        InitialVersion: the fit is to start from a version that has not come along.
    """
    if body.coefficients is not None or body.intercepts is not None:
        return _imported(name, body, settings)
    _check_members(body, needed=("inputs",), either=("labels", "targets"), others=("coefficients",))
    assert body.inputs is not None
    _check_names(body)
    _check_size(body, settings)
    given = {} if body.options is None else body.options.arguments()
    version = given.pop("initial_version", None)
    options = classifier.Options(**given)
    if version is not None and initial is None:
        raise InitialVersion(version)
    trained = classifier.train(
        body.inputs,
        body.labels,
        targets=body.targets,
        sample_weights=body.sample_weights,
        classes=body.classes,
        feature_names=body.feature_names,
        options=options,
        initial=initial if version is not None else None,
        name=name,
    )
    facts = classifier.card(trained, options)
    if initial is not None and version is not None:
        facts["training"]["initial_version"] = initial.version
    return replace(trained.model, metadata=facts)


def _imported(name: str, body: TrainRequest, settings: Settings) -> classifier.Model:
    data = ("inputs", "labels", "targets", "sample_weights", "options")
    _check_members(body, needed=("coefficients", "intercepts", "classes"), others=data)
    assert body.coefficients is not None
    assert body.intercepts is not None
    assert body.classes is not None
    if body.coefficients.ndim == 2:
        _check_cells("parameters", body.coefficients.size, settings)
        width = body.coefficients.shape[1]
    else:
        width = 0
    return classifier.Model(
        name=name,
        version=1,
        classes=tuple(body.classes),
        feature_names=tuple(body.feature_names or (f"x{column}" for column in range(width))),
        coefficients=body.coefficients,
        intercepts=body.intercepts,
        metadata=classifier.imported(),
    )


def _check_members(
    body: TrainRequest,
    needed: tuple[str, ...],
    either: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
) -> None:
    faults = [
        Fault(f"/{name}", Code.MISSING_MEMBER, f"{name} is needed")
        for name in needed
        if getattr(body, name) is None
    ]
    faults += [
        Fault(f"/{name}", Code.CONFLICTING_MEMBERS, f"{name} means nothing beside {needed[0]}")
        for name in others
        if getattr(body, name) is not None
    ]
    count = sum(getattr(body, name) is not None for name in either)
    if either and count != 1:
        code = Code.CONFLICTING_MEMBERS if count else Code.MISSING_MEMBER
        text = f"one of {' and '.join(either)} is needed"
        faults.append(Fault(f"/{either[0]}", code, text))
    if faults:
        raise InvalidInput(faults)


def _check_names(body: TrainRequest) -> None:
    """Names that a model cannot have, before rather than after the fit."""
    faults = []
    names, inputs = body.feature_names, body.inputs
    assert inputs is not None
    if names is not None and inputs.ndim == 2:
        width = inputs.shape[1]
        if len(names) != width or len(set(names)) != width:
            text = f"feature_names must be {width} distinct names, one for every column of inputs"
            faults.append(Fault("/feature_names", Code.SHAPE_MISMATCH, text))
    classes = body.classes
    if classes is not None and (len(classes) < 2 or len(set(classes)) != len(classes)):
        text = "classes must be two or more distinct names"
        faults.append(Fault("/classes", Code.NOT_A_LABEL, text))
    if (
        body.labels is not None
        and body.labels.ndim
        and inputs.ndim
        and len(body.labels) != len(inputs)
    ):
        text = f"labels has {len(body.labels)} rows; inputs has {len(inputs)}"
        faults.append(Fault("/labels", Code.SHAPE_MISMATCH, text))
    elif classes is None and body.labels is not None and body.labels.ndim == 1:
        found = set(body.labels.tolist())
        if len(found) < 2:
            text = "labels must name two classes or more: with one there is nothing to learn"
            faults.append(Fault("/labels", Code.EMPTY_REDUCTION, text))
    if faults:
        raise InvalidInput(faults)


def _check_size(body: TrainRequest, settings: Settings) -> None:
    inputs = body.inputs
    assert inputs is not None
    if inputs.ndim != 2:
        return  # told with its shape by the fit
    rows, width = inputs.shape
    if body.classes is not None:
        classes = len(body.classes)
    elif body.targets is not None:
        classes = body.targets.shape[-1] if body.targets.ndim else 1
    else:
        assert body.labels is not None
        classes = len(np.unique(body.labels.astype(str)))
    _check_cells("inputs, rows times features,", rows * width, settings)
    _check_cells("rows times classes", rows * classes, settings)
    _check_cells("classes times features", classes * (width + 1), settings)


def _check_cells(what: str, count: int, settings: Settings) -> None:
    limit = settings.max_training_elements
    if count > limit:
        text = f"{what} make {count} numbers; the limit XENT_MAX_TRAINING_ELEMENTS is {limit}"
        raise TooLarge(Code.TRAINING_TOO_LARGE, text)
