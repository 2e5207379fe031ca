"""A call: its bytes read raw and turned into arrays once, its answer written once.

FastAPI sees an ordinary function of a pydantic model and writes the OpenAPI document from it; the
bytes go past its own parser, which would make a Python object of every number and hold the loop.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.datastructures import State
from starlette.types import Receive, Scope

from service.api.access import Access, Guarded
from service.api.beside import Find
from service.api.call import Call, Content, Done, limit_of, perform
from service.api.described import documented, problem_responses
from service.api.fields import fields_of
from service.api.media import JSON, Form, check_accept, form_of
from service.api.query import query_of
from service.api.rates import count_rows
from service.api.request import read_body, too_large
from service.api.schemas.types import array_members
from service.api.sizes import is_much_json, is_small
from service.classifier import Model
from service.errors import XentError
from service.registry import WouldWait
from service.settings import Settings
from service.wire import TENSORS, dump_json

Reply = tuple[Content, list[tuple[bytes, bytes]]]


class Operation(Guarded):
    """The route of a function of the path's parameters and, for POST, of `body`, a pydantic model.

    What the function returns is a mapping or a dataclass with arrays in it; it is answered as JSON
    or, where the client wants it, as a tensor file.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""
        model = self.endpoint.__annotations__.get("body")
        self.call = None if model is None else self.call_of(model)

        async def answer(request: Request) -> Response:
            scope = request.scope
            parameters = {**request.path_params, **query_of(self, request)}
            content, headers = await self.reply(
                scope, request.receive, parameters, request.app.state
            )
            response = Response(content, self.status)
            response.raw_headers = [(b"content-length", b"%d" % len(content)), *headers]
            return response

        return answer

    def call_of(self, model: type[BaseModel]) -> Call:
        """What is done with a body."""
        return Call(self.endpoint, model, *array_members(model))

    @property
    def status(self) -> int:
        """Of an answer that is no error."""
        return self.status_code or 200

    async def reply(
        self, scope: Scope, receive: Receive, parameters: Mapping[str, Any], state: State
    ) -> Reply:
        """Reads, computes and writes.

        Args:
            scope: of the request.
            receive: gives its body.
            parameters: of its path.
            state: of the application.

        Returns:
            The content of the answer and its headers but the length.

        Raises:
            XentError: whatever is wrong with the request.
        """
        if self.call is None:
            check_accept(fields_of(scope))
            work = partial(self.endpoint, **parameters)
            try:
                found = work()
            except WouldWait:
                found = await run_sync(work)
            return dump_json(found), JSON_HEADER
        return _reply(*await self.done(scope, receive, parameters, state))

    def at_once(
        self, scope: Scope, body: bytes, parameters: Mapping[str, Any], state: State
    ) -> Reply | None:
        """What `reply` gives, of a body that is there, where nothing has to be waited for.

        Raises:
            WouldWait: that cannot be told before the work has begun; nothing was done.
            XentError: whatever is wrong with the request.
        """
        assert self.call is not None
        settings: Settings = state.settings
        form, _ = form_of(fields_of(scope))
        size = len(body)
        if size > limit_of(form, settings)[0] or not is_small(size, form):
            return None
        if not state.admission.has_room(size):
            return None
        done = perform(self.call, parameters, body, form, settings)
        self._count(scope, parameters, done, state)
        return _reply(done, form)

    async def done(
        self,
        scope: Scope,
        receive: Receive,
        parameters: Mapping[str, Any],
        state: State,
        seen: Callable[[Content], Awaitable[None]] | None = None,
    ) -> tuple[Done, Form]:
        """Reads a body and computes, here or in the process beside; arguments as in `reply`.

        Args:
            scope: of the request.
            receive: gives its body.
            parameters: of its path.
            state: of the application.
            seen: is given the body once it is whole.

        Raises:
            XentError: whatever is wrong with the request.
        """
        assert self.call is not None
        settings: Settings = state.settings
        form, announced = form_of(fields_of(scope))
        limit, setting = limit_of(form, settings)
        if announced is not None and announced > limit:
            raise too_large(limit, setting)
        async with state.admission.enter(limit if announced is None else announced):
            body = await read_body(receive, limit, setting, announced)
            if seen is not None:
                await seen(body)
            if is_small(len(body), form):
                small = partial(perform, self.call, parameters, body, form, settings)
                try:
                    done = small()
                except WouldWait:
                    done = await run_sync(small)
            else:
                try:
                    done = await self._large(parameters, body, form, state)
                except XentError as error:
                    # its frames hold the body until a collector of cycles comes by
                    raise error.with_traceback(None) from None
                finally:
                    del body
        self._count(scope, parameters, done, state)
        return done, form

    def _count(self, scope: Scope, parameters: Mapping[str, Any], done: Done, state: State) -> None:
        state.metrics.scored(self.path, parameters.get("name"), done.rows)
        count_rows(scope, done.rows)

    async def _large(
        self, parameters: Mapping[str, Any], body: Content, form: Form, state: State
    ) -> Done:
        """In a thread, or in the process beside."""
        assert self.call is not None
        # found here: the process beside has no registry, and the one thread must wait for nothing
        of_model = self.path.startswith("/v1/models/")
        model = await _found(state.find, parameters) if of_model else None
        work: Callable[[], Done] = partial(
            perform, self.call, parameters, body, form, state.settings
        )
        if is_much_json(body, form):
            work = partial(state.beside.perform, self.path, parameters, body, form, model)
        return await run_sync(work, limiter=state.limiter)


def _reply(done: Done, form: Form) -> Reply:
    headers = [(b"server-timing", done.timing)]
    headers += _TENSORS_HEADER if form.tensors_out else JSON_HEADER
    if done.encoding is not None:
        headers.append((b"content-encoding", done.encoding.encode()))
    return done.content, headers


async def _found(find: Find, parameters: Mapping[str, Any]) -> Model:
    """A model; in memory it needs no thread, all of which may be waiting for the database."""
    try:
        return find(**parameters)
    except WouldWait:
        return await run_sync(partial(find, **parameters))


JSON_HEADER = [(b"content-type", JSON.encode())]
_TENSORS_HEADER = [(b"content-type", TENSORS.encode())]


def add_operation(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    answer: Any,
    tag: str,
    *errors: int,
    access: Access,
) -> None:
    """Adds a call: POST where the function takes a `body`, otherwise GET.

    Args:
        router: takes the route.
        path: with parameters in braces.
        endpoint: its docstring's first line is the summary, the rest the description, its name the
            operation id.
        answer: the model of what it returns, or a union of models.
        tag: the chapter of the documentation.
        errors: statuses of problem documents beyond those that every such call has.
        access: the scope that a key needs for it.
    """
    takes_body = "body" in endpoint.__annotations__
    router.add_api_route(
        path,
        endpoint,
        methods=["POST" if takes_body else "GET"],
        route_class_override=Operation,
        response_model=answer,
        responses=problem_responses(takes_body, *errors),
        **documented(endpoint, tag, access),
    )
