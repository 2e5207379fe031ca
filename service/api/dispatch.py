"""The short way to the calls with a body: no routing through every path, no dependency solving."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from starlette.datastructures import State
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.call import Content
from service.api.operation import Operation
from service.errors import XentError
from service.registry import WouldWait

# An answer is sent in pieces of this size, each when the client has read the ones before.
PIECE = 2**20

Refuse = Callable[[Scope, State, XentError], Response]
Found = tuple[Operation, Mapping[str, Any]]
Answer = tuple[int, list[tuple[bytes, bytes]], Content]
"""The status, the headers and the content."""


class Dispatch:
    """Answers POST requests for known paths itself and passes on everything else.

    The framework's own way through routing and dependencies gives the same answers (a test) at
    more than twice the time of a single prediction.
    """

    def __init__(
        self, app: ASGIApp, operations: Iterable[Operation], state: State, refuse: Refuse
    ) -> None:
        self._operations = [operation for operation in operations if operation.call is not None]
        self._found = lru_cache(256)(self._look_up)  # the paths that clients ask for are few
        self._app = app
        self._state = state
        self._refuse = refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serves one connection of ASGI."""
        found = self._find(scope)
        if found is None:
            return self._app(scope, receive, send)
        return self._serve(*found, scope, receive, send)

    def at_once(self, scope: Scope, body: bytes) -> Answer | None:
        """The answer to a request that has come whole; None where it is for `__call__`.

        Only of calls that score: what changes something is written down with who did it, which is
        kept in the context of a task.
        """
        found = self._find(scope)
        if found is None or found[0].access != "score":
            return None
        operation, parameters = found
        scope["route"] = operation
        try:
            self._state.authorizer.authorize(scope, operation.access)
            reply = operation.at_once(scope, body, parameters, self._state)
        except WouldWait:
            return None
        except XentError as error:
            refused = self._refuse(scope, self._state, error)
            return refused.status_code, refused.raw_headers, refused.body
        if reply is None:
            return None
        content, headers = reply
        return operation.status, _with_length(headers, content), content

    def _find(self, scope: Scope) -> Found | None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope.get("root_path"):
            return None
        return self._found(scope["path"])

    def _look_up(self, path: str) -> Found | None:
        for operation in self._operations:
            match = operation.path_regex.match(path)
            if match:
                return operation, match.groupdict()
        return None

    async def _serve(
        self,
        operation: Operation,
        parameters: Mapping[str, Any],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        scope["route"] = operation
        try:
            self._state.authorizer.authorize(scope, operation.access)
            content, headers = await operation.reply(scope, receive, parameters, self._state)
        except XentError as error:
            await self._refuse(scope, self._state, error)(scope, receive, send)
            return
        headers = _with_length(headers, content)
        start = {"type": "http.response.start", "status": operation.status, "headers": headers}
        await send(start)
        size = len(content)
        for place in range(0, size - PIECE, PIECE):
            piece = content[place : place + PIECE]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        last = content[(size - 1) // PIECE * PIECE :] if size > PIECE else content
        await send({"type": "http.response.body", "body": last})


def _with_length(headers: list[tuple[bytes, bytes]], content: Content) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", b"%d" % len(content)), *headers]
