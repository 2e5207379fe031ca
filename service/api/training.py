"""Training and importing over HTTP: one at a time, in a process of its own, within limits.

The process parses, checks and fits, and gives the file of a model back; the server alone registers
it, so that nothing is there unless all went well and the client is still there to hear of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from starlette.types import Receive

from service import classifier
from service.api.access import Guarded, needs
from service.api.admission import Admission
from service.api.beside import Beside
from service.api.call import Content, Done
from service.api.digest import check_digest, declared
from service.api.drain import Drain
from service.api.media import (
    JSON,
    OCTETS,
    ONNX,
    Form,
    Headers,
    NotServed,
    form_of,
)
from service.api.once import CreatesOnce, Once, key_of, once_of
from service.api.operation import problem_responses, query_of, summary_of
from service.api.request import Incomplete, read_body, too_large
from service.api.routes.models import MODEL
from service.api.schemas.training import TrainAnswer, TrainRequest
from service.api.trainer import InitialVersion, Made
from service.classifier.model import NAME
from service.errors import (
    Code,
    InvalidInput,
    NotFound,
    TooLarge,
    Unavailable,
    XentError,
    cell,
)
from service.registry import Registry
from service.settings import Settings
from service.wire import TENSORS, dump_json, dump_tensors
from service.wire.csv import CSV

if TYPE_CHECKING:
    from sqlalchemy import Connection

# How soon a training notices that it is to end.
WATCH_SECONDS = 0.05
VERSIONS = MODEL + "/versions"


class TrainRoute(Guarded):
    """The route of the one call that waits for a training."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""

        async def answer(request: Request) -> Response:
            trainer: Training = request.app.state.training
            name = request.path_params["name"]
            return await trainer.answer(request, name, query_of(self, request))

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
        openapi_extra={"requestBody": {"content": _OTHER_BODIES}, **needs("train")},
        responses={
            **problem_responses(True, 404, 409, 501, 507),
            200: {"model": TrainAnswer, "description": "A dry run: nothing was registered"},
        },
    )


def train_version(
    name: str,
    body: TrainRequest,
    once: CreatesOnce,
    label: Annotated[str | None, Query(description="Of a CSV body: the column to learn")] = None,
    weight: Annotated[
        str | None, Query(description="Of a CSV body: the column of sample weights")
    ] = None,
    options: Annotated[
        str | None, Query(description="Of a CSV body: the options as a JSON object")
    ] = None,
    format: Annotated[
        classifier.Format | None, Query(description="Of a body that is the file of a model")
    ] = None,
    classes: Annotated[
        str | None, Query(description="Of such a file: names in column order, between commas")
    ] = None,
    features: Annotated[
        str | None, Query(description="Of such a file: names in column order, between commas")
    ] = None,
    dry_run: Annotated[
        bool | None, Query(description="Of a CSV body or a file: registers nothing")
    ] = None,
) -> None:
    """Trains a model, or imports one, as the next version of its name.

    With `inputs` and `labels` or `targets` it is fitted to its optimum, and `converged` tells
    whether it got there; with `coefficients`, `intercepts` and `classes` it is imported. One
    training runs at a time.

    A body of text/csv is a table whose first line names the columns; those that are neither label
    nor weight are the features.

    With `format` in the query the body is the file of a model, as the export of a version writes
    it: `json` (scikit-learn's attributes too), `safetensors`, `torch` or `onnx`.

    A body that does not have the Content-Digest or Repr-Digest that it came with is refused. With
    an Idempotency-Key the same request may be sent again:
    it registers one version.
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

    async def answer(self, request: Request, name: str, query: dict[str, Any]) -> Response:
        """Reads, trains, registers and answers.

        Raises:
            XentError: whatever is wrong with the request; then nothing is registered.
        """
        self._check(name)
        if key_of(request.scope) is None:  # with a key, what is done already is answered
            self._check_free()
        headers = request.scope["headers"]
        digests = declared(headers)
        table = _is_table(request.headers.get("content-type", ""), query)
        # a table or a file comes and its answer goes as JSON does
        form, announced = form_of(
            [(b"content-type", JSON.encode()), *_others(headers)] if table or query else headers
        )
        kind = "tensor" if form.tensors_in else "json"
        limit: int = getattr(self._settings, f"max_{kind}_bytes")
        setting = f"XENT_MAX_{kind.upper()}_BYTES"
        if announced is not None and announced > limit:
            raise too_large(limit, setting)
        async with self._admission.enter(limit if announced is None else announced):
            body = await read_body(request.receive, limit, setting, announced)
        if digests:
            await run_sync(check_digest, digests, body)
        once = await once_of(request.scope, body, self._registry.store)
        parameters = {
            "name": name,
            "table": query if table else None,
            "file": query if "format" in query else None,
        }
        async with once.claimed() as kept:
            if kept is not None:
                return kept
            self._check_free()  # another training may have begun meanwhile
            self._busy = True
            try:
                made = await self._made(parameters, body, form, request.receive)
                return await self._registered(made, form, once)
            finally:
                self._busy = False

    def _check(self, name: str) -> None:
        """What can be refused before anything is read."""
        if not NAME.fullmatch(name):
            detail = f"name must match {NAME.pattern}, whole"
            raise InvalidInput.at("/name", Code.INVALID_OPTION, detail)
        self._registry.check(name)

    def _check_free(self) -> None:
        if self._drain.draining:
            raise Unavailable(Code.DRAINING, "the process was told to end; nothing was registered")
        if self._busy:
            raise Unavailable(Code.OVERLOADED, "another model is being trained; try again soon")

    async def _registered(self, made: Made, form: Form, once: Once) -> Response:
        model = classifier.from_bytes(bytes(made.content))
        if made.dry_run:
            return _answer(model, made, form)

        def effect(connection: "Connection") -> Response:
            return _answer(self._registry.add(connection, model), made, form)

        answer = await run_sync(once.perform, effect)
        await run_sync(self._registry.refresh)
        return answer

    async def _made(
        self, parameters: dict[str, Any], body: Content, form: Form, receive: Receive
    ) -> Made:
        perform = partial(self._process.perform, VERSIONS, parameters, body, form)
        deadline = monotonic() + self._settings.max_training_seconds
        gone = asyncio.create_task(_gone(receive))
        try:
            try:
                made = await self._watched(perform, gone, deadline)
            except InitialVersion as needed:
                try:
                    initial = await run_sync(
                        self._registry.find, parameters["name"], needed.version
                    )
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


_FILE_TYPES = {
    "json": (JSON,),
    "safetensors": (TENSORS,),
    "torch": (TENSORS,),
    "onnx": (ONNX, OCTETS),
}
_OF_TABLES = {"label", "weight", "options", "dry_run"}
_OF_FILES = {"format", "classes", "features", "dry_run"}
_OTHER_BODIES = {
    CSV: {"schema": {"type": "string"}},
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in _FILE_TYPES["onnx"]},
}


def _is_table(content_type: str, query: dict[str, Any]) -> bool:
    """Whether the body is a table, rather than the file of a model or members.

    Raises:
        InvalidInput: the query is not that of such a body.
        NotServed: the file of a model comes as another media type than its own.
    """
    form, table = query.get("format"), _is_csv(content_type)
    allowed = _OF_FILES if form else _OF_TABLES if table else set()
    stray = next((name for name in query if name not in allowed), None)
    if stray is not None:
        text = f"{stray} in the query belongs to a body of {CSV}, or to a file named by format"
        raise InvalidInput.at(cell(stray)[0], Code.CONFLICTING_MEMBERS, text)
    if form:
        kinds = _FILE_TYPES[form]
        if content_type.partition(";")[0].strip().lower() not in kinds:
            text = f"send a file of format {form} as Content-Type: {' or '.join(kinds)}"
            raise NotServed(Code.UNSUPPORTED_MEDIA_TYPE, text)
    return table and not form


def _is_csv(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    return kind.strip().lower() == CSV and charset in ("", "charset=utf-8")


def _others(headers: Headers) -> Headers:
    return [entry for entry in headers if entry[0] != b"content-type"]


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _answer(model: classifier.Model, made: Made, form: Form) -> Response:
    shown = {**classifier.described(model), "model": model.name}
    headers = {"Server-Timing": made.timing.decode()}
    if made.dry_run:
        shown = {**shown, "dry_run": True}
        del shown["version"]
    else:
        headers["Location"] = f"/v1/models/{model.name}/versions/{model.version}"
    content = dump_tensors(shown) if form.tensors_out else dump_json(shown)
    media_type = TENSORS if form.tensors_out else JSON
    return Response(content, 200 if made.dry_run else 201, headers, media_type)
