"""Calls whose result is kept: computed like those whose result is only answered, then stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from pydantic import BaseModel
from starlette.datastructures import State
from starlette.types import Receive, Scope

from service.api.access import Access
from service.api.attempts import key_of
from service.api.call import Call, Content, Kept
from service.api.described import documented, problem_responses
from service.api.fields import fields_of
from service.api.media import check_accept
from service.api.once import Once, once_of
from service.api.operation import Operation, Reply
from service.api.schemas.types import array_members
from service.registry import WouldWait


@dataclass(frozen=True, slots=True)
class Steps:
    """The parts of such a call, each a function of the parameters of its path.

    Attributes:
        work: of those and the `body`; only computes, maybe in the process beside the server.
        keep: of the `thing` that comes of it, and of `once`; stores it, and gives the answer.
        look: asks the store for what `work` needs; further parameters of it.
        keyed: whether an Idempotency-Key is needed; `work` then gets it as `key`.
    """

    work: Callable[..., Any]
    keep: Callable[..., Response]
    look: Callable[..., dict[str, Any]] = lambda **path: {}
    keyed: bool = False


class Keeping(Operation):
    """The route of such a call; its endpoint is what clients read of it.

    The process beside the server keeps nothing: what it has computed comes back here.
    """

    def __init__(self, *arguments: Any, steps: Steps, **options: Any) -> None:
        self._steps = steps
        super().__init__(*arguments, **options)

    def call_of(self, model: type[BaseModel]) -> Call:
        """What is done with a body."""
        return Call(self._steps.work, model, *array_members(model), keeps=True)

    async def reply(
        self, scope: Scope, receive: Receive, parameters: Mapping[str, Any], state: State
    ) -> Reply:
        """Looks, computes, keeps and writes."""
        check_accept(fields_of(scope))
        steps, once = self._steps, Once(state.store, None)
        key = key_of(scope, required=steps.keyed)
        look = partial(steps.look, **parameters)
        try:
            found = look()
        except WouldWait:
            found = await run_sync(look)
        if steps.keyed:
            found = {**found, "key": key}

        async def seen(body: Content) -> None:
            nonlocal once
            once = await once_of(scope, body, state.store)

        done, _ = await self.done(scope, receive, {**parameters, **found}, state, seen)
        assert isinstance(done, Kept)
        keep = partial(steps.keep, thing=done.thing, once=once, **parameters)
        answer = await run_sync(keep)
        headers = [pair for pair in answer.raw_headers if pair[0] != b"content-length"]
        return answer.body, [*headers, (b"server-timing", done.timing)]


def add_keeping(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., None],
    steps: Steps,
    answer: type[BaseModel],
    status: int,
    *errors: int,
    access: Access,
) -> None:
    """Adds a call whose result is kept.

    Args:
        router: takes the route.
        path: with parameters in braces.
        endpoint: its docstring and name describe it, as those of `add_operation` do.
        steps: what it does.
        answer: the model of the answer.
        status: of the answer.
        errors: statuses of problem documents beyond those that every such call has.
        access: the scope that a key needs for it.
    """
    router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        status_code=status,
        route_class_override=cast(type[Operation], partial(Keeping, steps=steps)),
        response_model=answer,
        responses=problem_responses(True, 409, 507, *errors),
        **documented(endpoint, "evaluation", access),
    )
