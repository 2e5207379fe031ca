"""The route of a call on what is stored, and the conditions that a client may set on it."""

import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from service.api.access import Access, Guarded
from service.api.described import documented, problem_responses
from service.api.fields import Fields, fields_of
from service.api.media import JSON, NotServed, check_accept, form_of
from service.api.once import once_of
from service.api.query import query_of
from service.api.request import read_body, too_large, validate
from service.errors import Code, Stale, Unconditional
from service.settings import Settings
from service.wire import parse_arrays

IfMatch = Annotated[
    str | None, Header(description="Only if the ETag is still this one; * is any that exists")
]
IfNoneMatch = Annotated[
    str | None, Header(description="Only if the ETag is none of these; * is any that exists")
]

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class Stored(Guarded):
    """Calls its function in a thread that may wait for the database.

    The function gets the parameters of the path, the headers that it declares and, where it takes
    them, the `body`, a small JSON object, and `once`; it returns the response.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""
        model = self.endpoint.__annotations__.get("body")
        declared = [(field.name, field.alias) for field in self.dependant.header_params]
        content = self.responses.get(200, {}).get("content", {JSON: {}})

        async def answer(request: Request) -> Response:
            fields = fields_of(request.scope)
            check_accept(fields, next(iter(content)))
            values = {name: _joined(request, alias) for name, alias in declared}
            values |= query_of(self, request)
            work = partial(self.endpoint, **request.path_params, **values)
            body = b"" if model is None else await _body(request, fields)
            if "once" in self.endpoint.__annotations__:
                once = await once_of(request.scope, body, request.app.state.store)
                work = partial(work, once=once)
            if model is not None:
                settings = request.app.state.settings
                return await run_sync(lambda: work(body=_validated(model, body, settings)))
            return await run_sync(work)

        return answer


def add_stored(
    router: APIRouter, method: str, path: str, endpoint: Callable[..., Response], *errors: int,
    access: Access, answer: type[BaseModel] | None = None,
    responses: dict[int | str, dict[str, Any]] | None = None, tag: str = "models",
    status: int = 200,
) -> None:  # fmt: skip
    """Adds a call on what is stored.

    Args:
        router: takes the route.
        method: of HTTP.
        path: with parameters in braces.
        endpoint: its docstring and name describe it, as those of `add_operation` do.
        errors: statuses of problem documents beyond those that every such call has.
        access: the scope that a key needs for it.
        answer: the model of a JSON answer.
        responses: other answers.
        tag: the chapter of the documentation.
        status: of the answer.
    """
    takes_body = "body" in endpoint.__annotations__
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        route_class_override=Stored,
        response_model=answer,
        response_class=Response if answer is None else router.default_response_class,
        status_code=status,
        responses={**problem_responses(takes_body, *errors), **(responses or {})},
        **documented(endpoint, tag, access),
    )


def names(condition: str, tag: str | None, *, weak: bool) -> bool:
    """Whether the value of If-Match or If-None-Match names an entity tag.

    Args:
        condition: `*` or a list of tags.
        tag: a strong one; None where nothing exists.
        weak: whether the weak form of the tag counts as well.

    Source: RFC 9110, sections 8.8.3.2, 13.1.1 and 13.1.2.
    """
    if tag is None:
        return False
    if condition.strip() == "*":
        return True
    return any(found == tag and (weak or not mark) for mark, found in _TAG.findall(condition))


def check_conditions(tag: str | None, if_match: str | None, if_none_match: str | None) -> None:
    """Refuses a change by somebody who has not looked at what it changes.

    Args:
        tag: of what is there; None where nothing is.
        if_match: the value of the header.
        if_none_match: the value of the header.

    Raises:
        Unconditional: neither is given; an If-None-Match other than * tells nothing here.
        Stale: what is there is not what the client believes.
    """
    made = if_none_match is not None and if_none_match.strip() == "*"
    if if_match is None and not made:
        text = "send If-Match with the ETag of what you have seen, or If-None-Match: * to make it"
        raise Unconditional(Code.CONDITION_MISSING, text)
    changed = if_match is not None and not names(if_match, tag, weak=False)
    if changed or (if_none_match is not None and names(if_none_match, tag, weak=True)):
        raise Stale(Code.STALE, "it is not, or no longer, what the request says it has seen")


def _joined(request: Request, name: str) -> str | None:
    values = request.headers.getlist(name)
    return ", ".join(values) if values else None


async def _body(request: Request, fields: Fields) -> bytes:
    form, announced = form_of(fields)
    if form.tensors_in or form.encoding is not None:
        raise NotServed(Code.UNSUPPORTED_MEDIA_TYPE, f"this call takes {JSON}, not compressed")
    limit: int = request.app.state.settings.max_json_bytes
    if announced is not None and announced > limit:
        raise too_large(limit, "XENT_MAX_JSON_BYTES")
    async with request.app.state.admission.enter(limit if announced is None else announced):
        return bytes(await read_body(request.receive, limit, "XENT_MAX_JSON_BYTES", announced))


def _validated(model: type[BaseModel], body: bytes, settings: Settings) -> BaseModel:
    return validate(model, parse_arrays(body, frozenset(), frozenset()), settings)
