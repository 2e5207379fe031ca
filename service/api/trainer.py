"""The process that trains: from a body to the file of a model, fitted or imported."""

import os
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from service import classifier
from service.api.beside import Job, work
from service.api.call import Call, Done, inflated, parse
from service.api.media import Form
from service.api.request import validate
from service.api.schemas.training import TrainRequest
from service.api.schemas.types import array_members
from service.api.trainable import check_cells, check_members, check_names, check_size
from service.api.uploads import artifact_query, from_file, table_members
from service.errors import Code, TooLarge, XentError
from service.logs import configure_logging
from service.settings import Settings

# Scoring comes first wherever both want the processor.
NICE = 10


class InitialVersion(XentError):
    """Asks the server for the model that a fit is to start from."""

    def __init__(self, version: int | str) -> None:
        super().__init__(Code.UNKNOWN_VERSION, "no model to start from came along")
        self.version = version


@dataclass(slots=True)
class Made(Done):
    """The file of a model, whether it is to be registered, and whether it came as a file."""

    dry_run: bool = False
    of_file: bool = False


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
        name, table, upload = parameters["name"], parameters["table"], parameters["file"]
        start = perf_counter()
        try:
            content, form = inflated(body, form, settings), replace(form, encoding=None)
            if upload is None and form.tensors_in:
                upload = artifact_query(content, settings)
            if upload is not None:
                model = from_file(name, content, upload, settings)
                timing = b"parse;dur=%.3f" % (1e3 * (perf_counter() - start))
                dry_run = bool(upload.get("dry_run"))
                return Made(classifier.to_bytes(model), None, 0, timing, dry_run, of_file=True)
            if table is None:
                members = parse(call, content, form, settings)
            else:
                members = table_members(content, table, settings)
            asked = validate(TrainRequest, members, settings)
            parsed = perf_counter()
            model = make(name, asked, initial, settings)
        except MemoryError:
            limit = settings.max_training_bytes
            text = f"the training needs more memory than XENT_MAX_TRAINING_BYTES, {limit}"
            raise TooLarge(Code.TRAINING_TOO_LARGE, text) from None
        spent = 1e3 * (parsed - start), 1e3 * (perf_counter() - parsed)
        timing = b"parse;dur=%.3f, compute;dur=%.3f" % spent
        return Made(classifier.to_bytes(model), None, 0, timing, bool(asked.dry_run))

    return job


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
    check_members(body, needed=("inputs",), either=("labels", "targets"), others=("coefficients",))
    assert body.inputs is not None
    check_names(body)
    check_size(body, settings)
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
    check_members(body, needed=("coefficients", "intercepts", "classes"), others=data)
    assert body.coefficients is not None
    assert body.intercepts is not None
    assert body.classes is not None
    check_cells("parameters", body.coefficients.size, settings)
    return classifier.model_from_parameters(
        body.coefficients,
        body.intercepts,
        classes=body.classes,
        feature_names=body.feature_names,
        name=name,
        metadata=classifier.imported(),
    )


def work_beside() -> None:
    """What the process that trains does until its server ends; it needs no web framework."""
    configure_logging("warning")
    work(training)
