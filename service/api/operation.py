"""A call: its bytes read raw and turned into arrays once, its answer written once.

FastAPI sees an ordinary function of a pydantic model and writes the OpenAPI document from it; the
bytes go past its own parser, which would make a Python object of every number and hold the loop.
"""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from service.api.admission import Admission
from service.api.metrics import Metrics
from service.api.problems import MEDIA_TYPE
from service.api.request import (
    JSON,
    announced_bytes,
    check_accept,
    check_media_types,
    read_body,
    validate,
)
from service.settings import Settings
from service.wire import dump_json, parse_object

# Below this a request is done sooner than a thread is woken; above it the loop would be held.
INLINE_BYTES = 16 * 1024


class Operation(APIRoute):
    """The route of a function of the path's parameters and, for POST, of `body`, a pydantic model.

    What the function returns is written as JSON: a mapping or a dataclass, with arrays in it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""
        endpoint, status = self.endpoint, self.status_code or 200
        if "body" not in endpoint.__annotations__:
            return self._without_body(endpoint, status)
        model: type[BaseModel] = endpoint.__annotations__["body"]

        async def answer(request: Request) -> Response:
            settings: Settings = request.app.state.settings
            check_media_types(request)
            check_accept(request)
            admission: Admission = request.app.state.admission
            function = partial(endpoint, **request.path_params)
            async with admission.enter(announced_bytes(request, settings.max_json_bytes)):
                body = await read_body(request, settings.max_json_bytes)
                if len(body) <= INLINE_BYTES:
                    done = _perform(function, model, body, settings)
                else:
                    limiter: CapacityLimiter = request.app.state.limiter
                    done = await run_sync(
                        _perform, function, model, body, settings, limiter=limiter
                    )
            metrics: Metrics = request.app.state.metrics
            metrics.scored(self.path, request.path_params.get("name"), done.asked)
            headers = {"Server-Timing": done.timing}
            return Response(done.content, status, headers, media_type=JSON)

        return answer

    def _without_body(
        self, endpoint: Callable[..., Any], status: int
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def answer(request: Request) -> Response:
            check_accept(request)
            content = dump_json(endpoint(**request.path_params))
            return Response(content, status, media_type=JSON)

        return answer


@dataclass(frozen=True, slots=True)
class _Done:
    content: bytes
    asked: BaseModel
    timing: str  # of the header Server-Timing, in milliseconds


def _perform(
    function: Callable[..., Any], model: type[BaseModel], body: bytes, settings: Settings
) -> _Done:
    start = perf_counter()
    asked = validate(model, parse_object(body), settings)
    parsed = perf_counter()
    result = function(body=asked)
    computed = perf_counter()
    content = dump_json(result)
    parse, compute, serialize = parsed - start, computed - parsed, perf_counter() - computed
    timing = (
        f"parse;dur={1e3 * parse:.3f}, compute;dur={1e3 * compute:.3f}, "
        f"serialize;dur={1e3 * serialize:.3f}"
    )
    return _Done(content, asked, timing)


def add_operation(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    answer: type[BaseModel],
    tag: str,
    *errors: int,
) -> None:
    """Adds a call: POST where the function takes a `body`, otherwise GET.

    Args:
        router: takes the route.
        path: with parameters in braces.
        endpoint: its docstring's first line is the summary, the rest the description, its name the
            operation id.
        answer: the model of what it returns.
        tag: the chapter of the documentation.
        errors: statuses of problem documents beyond those that every such call has.
    """
    takes_body = "body" in endpoint.__annotations__
    summary, _, description = inspect.cleandoc(endpoint.__doc__ or "").partition("\n\n")
    statuses = {400, 406, 408, 414, 431, 500, *errors}
    if takes_body:
        statuses |= {413, 415, 422, 503}
    router.add_api_route(
        path,
        endpoint,
        methods=["POST" if takes_body else "GET"],
        route_class_override=Operation,
        response_model=answer,
        summary=summary.removesuffix("."),
        description=description or summary,
        operation_id=endpoint.__name__,
        tags=[tag],
        responses={status: problem_response(status) for status in sorted(statuses)},
    )


_PHRASES = {
    400: "Not HTTP, or not JSON",
    404: "Unknown thing",
    406: "Accept rules JSON out",
    408: "Headers or body too slow",
    413: "Over a limit",
    414: "URL too long",
    415: "Not sent as JSON",
    422: "Well formed, but means nothing",
    431: "Headers too large",
    500: "A fault of the service",
    503: "Over capacity, or about to end",
}


def problem_response(status: int) -> dict[str, Any]:
    """How the OpenAPI document describes an error answer."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _PHRASES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
