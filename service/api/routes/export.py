"""A version as a file for other programs."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from service.api.access import Guarded
from service.api.beside import Find
from service.api.described import documented, problem_responses
from service.api.fields import fields_of
from service.api.media import JSON, OCTETS, check_accept
from service.api.query import query_of
from service.api.routes.models import VERSION
from service.api.schemas.models import ExportAnswer
from service.classifier.formats import FORMATS, Format, write_format
from service.wire import TENSORS

MEDIA_TYPES: dict[Format, str] = {
    "json": JSON,
    "safetensors": TENSORS,
    "torch": TENSORS,
    "onnx": OCTETS,
}
assert MEDIA_TYPES.keys() == set(FORMATS)


class ExportRoute(Guarded):
    """The route of the one call whose answer is a file."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""

        async def answer(request: Request) -> Response:
            form: Format = query_of(self, request).get("format", "json")
            check_accept(fields_of(request.scope), MEDIA_TYPES[form])
            work = partial(self.endpoint, **request.path_params, format=form)
            return Response(await run_sync(work), media_type=MEDIA_TYPES[form])

        return answer


def add_export(router: APIRouter, find: Find) -> None:
    """Adds the call.

    Args:
        router: takes the route.
        find: gives a model by name and version.
    """

    def export_version(
        name: str,
        version: str,
        format: Annotated[Format, Query(description="Of the file")] = "json",
    ) -> bytes:
        """A version as a file for other programs.

        `json` has the parameters by name, `torch` the `weight` and `bias` of a PyTorch `Linear` as
        safetensors, `onnx` a graph from `X` to `label` and `probabilities`, `safetensors` all that
        is known of the model. Every one can be posted back.
        """
        return write_format(find(name, version), format)

    file = {"schema": {"type": "string", "format": "binary"}}
    router.add_api_route(
        VERSION + "/export",
        export_version,
        methods=["GET"],
        route_class_override=ExportRoute,
        response_model=ExportAnswer,
        responses={
            200: {"content": {TENSORS: file, OCTETS: file}, "description": "The file"},
            **problem_responses(False, 404, 422, 501, 503),
        },
        **documented(export_version, "models", "read"),
    )
