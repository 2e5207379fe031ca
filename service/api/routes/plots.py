"""Pictures of a version and of a stored evaluation, as SVG."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from functools import partial
from importlib import metadata
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from service import __version__
from service.api.access import Guarded
from service.api.admission import Admission
from service.api.beside import Find
from service.api.described import documented, problem_responses
from service.api.fields import fields_of
from service.api.media import check_accept
from service.api.query import query_of
from service.api.routes.evaluations import ONE
from service.api.routes.models import VERSION
from service.api.stored import IfNoneMatch, names
from service.errors import Code, NotFound
from service.evaluation import State, pictures
from service.evaluation.pictures import GALLERY, Picture, Theme, draw
from service.registry import Evaluations

SVG = "image/svg+xml"
# An SVG that is opened by itself is a document: it runs nothing and loads nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

AskedTheme = Annotated[
    Theme, Query(description="`auto` is one picture that is light or dark as its reader is")
]


class Plot(Guarded):
    """The route of a picture: drawn in a thread, one at a time, while others wait their turn.

    The function gets the parameters of the path, `theme` and `if_none_match`; it returns the
    response.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""

        async def answer(request: Request) -> Response:
            theme = query_of(self, request).get("theme", "auto")
            check_accept(fields_of(request.scope), SVG)
            seen = ", ".join(request.headers.getlist("if-none-match")) or None
            work = partial(self.endpoint, **request.path_params, theme=theme, if_none_match=seen)
            drawing: Admission = request.app.state.drawing
            async with drawing.enter(1):
                return await run_sync(work)

        return answer


def add_plots(router: APIRouter, find: Find, evaluations: Evaluations) -> None:
    """Adds the calls.

    Args:
        router: takes the routes.
        find: gives a model by name and version.
        evaluations: keeps those that are drawn.
    """

    def plot_version(
        name: str,
        version: str,
        plot: str,
        theme: AskedTheme = "auto",
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """A picture of a version, as SVG.

        `training`: how the log loss and the gradient went down while the version was trained,
        where its card has the curve. The others are those of its newest stored evaluation, as
        plot_evaluation draws them.
        """
        model = find(name, version)
        if plot == "training":
            curve = model.metadata.get("curve")
            if curve is None:
                detail = "this version has no training curve: it was imported, or ships with Xent"
                raise NotFound(Code.UNKNOWN_PICTURE, detail)
            draw = partial(pictures.training, curve)
            return _answered(draw, json.dumps(curve).encode(), plot, theme, if_none_match)
        _check(plot, "training", *GALLERY)
        newest = evaluations.page(None, 1, model=model.name, version=str(model.version))
        if not newest.evaluations:
            text = "this version has no stored evaluation to draw; POST .../evaluations makes one"
            raise NotFound(Code.UNKNOWN_PICTURE, text)
        state = evaluations.state(newest.evaluations[0].id)
        return _of_state(state, plot, theme, if_none_match)

    def plot_evaluation(
        id: str, plot: str, theme: AskedTheme = "auto", if_none_match: IfNoneMatch = None
    ) -> Response:
        """A picture of a stored evaluation, as SVG.

        `losses`, `reliability`, `class-losses`, `confusion`, `roc`, `precision-recall` or
        `risk-coverage`; of a running evaluation, of the rows so far. The ETag is that of what is
        drawn: a client that has it gets 304.
        """
        _check(plot, *GALLERY)
        return _of_state(evaluations.state(id), plot, theme, if_none_match)

    _add(router, VERSION, plot_version, "models")
    _add(router, ONE, plot_evaluation, "evaluation")


def _check(plot: str, *known: str) -> None:
    if plot not in known:
        raise NotFound(Code.UNKNOWN_PICTURE, f"the pictures here are {', '.join(known)}")


def _of_state(state: State, plot: str, theme: Theme, if_none_match: str | None) -> Response:
    def drawn() -> Picture:
        found = draw(state.finish(curves=True), plot)
        if found is None:
            text = "there are too many classes for this picture"
            raise NotFound(Code.UNKNOWN_PICTURE, text)
        return found

    if state.count == 0:
        raise NotFound(Code.UNKNOWN_PICTURE, "the evaluation has no rows of weight above 0 yet")
    return _answered(drawn, state.to_bytes(), plot, theme, if_none_match)


def _add(router: APIRouter, path: str, endpoint: Callable[..., Response], tag: str) -> None:
    """Adds the pictures of what is at a path.

    Args:
        router: takes the route.
        path: of what is drawn.
        endpoint: draws it; described by its docstring and name.
        tag: of the call in the OpenAPI document.
    """
    file = {"schema": {"type": "string"}}
    router.add_api_route(
        path + "/plots/{plot}.svg",
        endpoint,
        methods=["GET"],
        route_class_override=Plot,
        response_class=Response,
        responses={
            200: {"content": {SVG: file}, "description": "The picture"},
            304: {"description": "The client has it already"},
            **problem_responses(False, 404, 409, 422, 501, 503),
        },
        **documented(endpoint, tag, "read"),
    )


def _answered(
    draw: Callable[[], Picture], drawn: bytes, plot: str, theme: Theme, if_none_match: str | None
) -> Response:
    """The picture, or that the client has it; it is drawn for those alone who have not.

    Args:
        draw: draws it.
        drawn: what it is drawn from.
        plot: its name.
        theme: in which it is wanted.
        if_none_match: the header of that name.

    Raises:
        Missing: matplotlib is not installed.
    """
    tag = f'"{_digest(drawn, plot, theme)}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",  # ask whether it is still the same, with the ETag
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    if if_none_match is not None and names(if_none_match, tag, weak=True):
        return Response(None, 304, headers)
    return Response(draw().themed(theme), 200, headers, SVG)


def _digest(drawn: bytes, plot: str, theme: Theme) -> str:
    """Of all that decides the bytes of the picture."""
    try:
        library = metadata.version("matplotlib")
    except metadata.PackageNotFoundError:
        library = ""
    found = hashlib.sha256(f"{__version__} {library} {plot} {theme} ".encode())
    found.update(drawn)
    return found.hexdigest()
