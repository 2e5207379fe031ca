"""Training and importing over HTTP: one at a time, in a process of its own, within limits.

The process parses, checks and fits, and gives the file of a model back; the server alone registers
it, so that nothing is there unless all went well and the client is still there to hear of it.
"""

import asyncio
import ipaddress
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive

from service import classifier
from service.api.admission import Admission
from service.api.beside import Beside, Job
from service.api.call import Call, Content, Done, parse
from service.api.drain import Drain
from service.api.media import JSON, Form, content_length, form_of
from service.api.operation import problem_responses, summary_of
from service.api.request import Incomplete, read_body, too_large, validate
from service.api.routes.models import MODEL, described
from service.api.schemas.training import TrainAnswer, TrainRequest
from service.api.schemas.types import array_members
from service.classifier.model import NAME
from service.errors import (
    Code,
    Fault,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unavailable,
    XentError,
)
from service.registry import Registry
from service.settings import Settings
from service.wire import TENSORS, dump_json, dump_tensors

# Scoring comes first wherever both want the processor.
NICE = 10
# How soon a training notices that it is to end.
WATCH_SECONDS = 0.05
# Features up to which it is looked whether they repeat each other: some seconds.
MOST_RANKED = 500
VERSIONS = MODEL + "/versions"


def off(settings: Settings) -> str | None:
    """Why nothing is trained or imported under these settings; None where it is."""
    if settings.workers > 1:
        return (
            f"models are registered in one process, and XENT_WORKERS is {settings.workers}: the "
            "others would not know them"
        )
    host = settings.host
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return None
    if host == "localhost":
        return None
    return "there are no keys yet, and XENT_HOST is no loopback address: anybody could train"


class InitialVersion(XentError):
    """Asks the server for the model that a fit is to start from."""

    def __init__(self, version: int | str) -> None:
        super().__init__(Code.UNKNOWN_VERSION, "no model to start from came along")
        self.version = version


@dataclass(frozen=True, slots=True)
class Made(Done):
    """The file of a model, and whether it is to be registered."""

    dry_run: bool = False


class TrainRoute(APIRoute):
    """The route of the one call that waits for a training."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""

        async def answer(request: Request) -> Response:
            trainer: Training = request.app.state.training
            return await trainer.answer(request, request.path_params["name"])

        return answer


def add_training(router: APIRouter) -> None:
    """Adds the call."""
    summary, description = summary_of(train_version)
    router.add_api_route(
        VERSIONS,
        train_version,
        methods=["POST"],
        status_code=201,
        route_class_override=TrainRoute,
        response_model=TrainAnswer,
        summary=summary,
        description=description,
        operation_id="train_version",
        tags=["models"],
        responses={
            **problem_responses(True, 403, 404, 409, 507),
            200: {"model": TrainAnswer, "description": "A dry run: nothing was registered"},
        },
    )


def train_version(name: str, body: TrainRequest) -> None:
    """Trains a model, or imports one, as the next version of its name.

    With `inputs` and `labels` or `targets` it is fitted to its optimum, and `converged` tells
    whether it got there; with `coefficients`, `intercepts` and `classes` it is imported. One
    training runs at a time, and only where the server listens on a loopback address.
    """


class Training:
    """Trains in a process of its own and registers what comes out of it.

    Args:
        settings: with the limits.
        registry: takes the models.
        admission: lets the bodies in.
        drain: tells when the server is about to end.
        entry: of the function that the process runs.
    """

    def __init__(
        self, settings: Settings, registry: Registry, admission: Admission, drain: Drain, entry: str
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._admission = admission
        self._drain = drain
        self._process = Beside(settings, entry)
        self._limiter: CapacityLimiter | None = None
        self._busy = False

    def end(self) -> None:
        """Ends the process, if there is one."""
        self._process.end()

    async def answer(self, request: Request, name: str) -> Response:
        """Reads, trains, registers and answers.

        Raises:
            XentError: whatever is wrong with the request; then nothing is registered.
        """
        self._check(name)
        headers = request.scope["headers"]
        form = form_of(headers)
        kind = "tensor" if form.tensors_in else "json"
        limit: int = getattr(self._settings, f"max_{kind}_bytes")
        setting = f"XENT_MAX_{kind.upper()}_BYTES"
        announced = content_length(headers)
        if announced is not None and announced > limit:
            raise too_large(limit, setting)
        async with self._admission.enter(limit if announced is None else announced):
            body = await read_body(request.receive, limit, setting, announced)
            self._check(name)  # another training may have begun meanwhile
            self._busy = True
        try:
            made = await self._made(name, body, form, request.receive)
            # no step between here and the registration waits for anything
            model = classifier.from_bytes(bytes(made.content))
            if not made.dry_run:
                model = self._registry.register(model)
        finally:
            self._busy = False
        return _answer(model, made, form)

    def _check(self, name: str) -> None:
        """What can be refused before anything is read."""
        reason = off(self._settings)
        if reason is not None:
            raise Forbidden(Code.TRAINING_OFF, reason)
        if not NAME.fullmatch(name):
            detail = f"name must match {NAME.pattern}, whole"
            raise InvalidInput.at("/name", Code.INVALID_OPTION, detail)
        self._registry.check(name)
        if self._drain.draining:
            raise Unavailable(Code.DRAINING, "the process was told to end; nothing was registered")
        if self._busy:
            raise Unavailable(Code.OVERLOADED, "another model is being trained; try again soon")

    async def _made(self, name: str, body: Content, form: Form, receive: Receive) -> Made:
        perform = partial(self._process.perform, VERSIONS, {"name": name}, body, form)
        deadline = monotonic() + self._settings.max_training_seconds
        gone = asyncio.create_task(_gone(receive))
        try:
            try:
                made = await self._watched(perform, gone, deadline)
            except InitialVersion as needed:
                try:
                    initial = self._registry.find(name, needed.version)
                except NotFound as error:
                    pointer = "/options/initial_version"
                    raise InvalidInput.at(pointer, Code.INVALID_OPTION, error.detail) from None
                made = await self._watched(partial(perform, initial), gone, deadline)
        except XentError as error:
            raise error.with_traceback(None) from None  # its frames hold the body
        finally:
            gone.cancel()
        assert isinstance(made, Made)
        return made

    async def _watched(
        self, perform: Callable[[], Done], gone: "asyncio.Task[None]", deadline: float
    ) -> Done:
        """What the process makes, unless it has to be ended before."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(1)
        work = asyncio.create_task(run_sync(perform, limiter=self._limiter))
        end: XentError | None = None
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=WATCH_SECONDS)
                end = end or self._end(gone, deadline)
                if end is not None:
                    self._process.kill()
        except asyncio.CancelledError:  # the server ends
            while not work.done():  # a thread cannot be left behind: it would keep the server
                self._process.kill()
                await asyncio.wait({work}, timeout=WATCH_SECONDS)
            work.exception()
            raise
        if end is not None:
            work.exception()
            raise end
        return work.result()

    def _end(self, gone: "asyncio.Task[None]", deadline: float) -> XentError | None:
        if gone.done():
            return Incomplete(Code.BAD_REQUEST, "the client has gone")
        if self._drain.draining:
            text = "the process was told to end; nothing was registered"
            return Unavailable(Code.DRAINING, text)
        if monotonic() > deadline:
            limit = self._settings.max_training_seconds
            text = f"the training is over the limit XENT_MAX_TRAINING_SECONDS of {limit} s"
            return TooLarge(Code.TRAINING_TOO_LONG, text)
        return None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _answer(model: classifier.Model, made: Made, form: Form) -> Response:
    shown = {**described(model), "model": model.name}
    headers = {"Server-Timing": made.timing.decode()}
    if made.dry_run:
        shown = {**shown, "dry_run": True}
        del shown["version"]
    else:
        headers["Location"] = f"/v1/models/{model.name}/versions/{model.version}"
    content = dump_tensors(shown) if form.tensors_out else dump_json(shown)
    media_type = TENSORS if form.tensors_out else JSON
    return Response(content, 200 if made.dry_run else 201, headers, media_type)


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
            asked = validate(TrainRequest, parse(call, body, form, settings), settings)
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
    if options.l1 == options.l2 == 0.0:
        unique = _is_unique(body.inputs, options.intercept)
        facts["fit"] |= {} if unique is None else {"unique": unique}
    if initial is not None and version is not None:
        facts["training"]["initial_version"] = initial.version
    return replace(trained.model, metadata=facts)


def _is_unique(inputs: npt.NDArray[Any], intercept: bool) -> bool | None:
    """Whether no feature is constant or a combination of others; None where that is dear.

    Then one set of parameters only has the likelihood of the optimum.
    """
    if inputs.shape[1] > MOST_RANKED:
        return None
    design = inputs.astype(np.float64)
    if intercept:
        design = design - design.mean(axis=0)
    lengths = np.sqrt((design**2).sum(axis=0))
    sizes = np.abs(inputs).max(axis=0, initial=0.0) * np.sqrt(len(inputs))
    if (lengths <= 1e-12 * sizes).any():
        return False
    return bool(np.linalg.matrix_rank(design / lengths) == design.shape[1])


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
        metadata={"training": {"imported": True}},
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
