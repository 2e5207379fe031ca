"""The outermost ASGI layer: request ids, limits of the request line, faults, HEAD and the log."""

import logging
import re
import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem
from service.errors import Code
from service.settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_log = logging.getLogger("xent.request")


def request_id(scope: Scope) -> str:
    """The id under which a request is answered and logged."""
    return str(scope["state"]["request_id"])


class Guard:
    """Answers what goes wrong inside as a problem document, and logs one line a request.

    A caller's `X-Request-Id` is kept where it is a plain word, otherwise one is made. HEAD is
    served as GET without the body. Bodies and headers are never logged.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Request(scope).headers
        given = headers.get("x-request-id", "")
        name = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        method = scope["method"]
        # a copy: the server still sees HEAD and leaves the body out
        inner = {**scope, "method": "GET" if method == "HEAD" else method}
        inner["state"] = {**scope.get("state", {}), "request_id": name}
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
            await send(message)

        try:
            refusal = self._refuse(scope, name)
            await (refusal or self._app)(inner, receive, answer)
        except Exception:
            _log.exception("unhandled", extra={"request_id": name})
            if status:
                raise  # the answer is half sent; only the server can break the connection
            await _fault(name)(inner, receive, answer)
        finally:
            self._record(inner, method, name, status, started)

    def _refuse(self, scope: Scope, name: str) -> Response | None:
        size = len(scope["raw_path"] or b"") + len(scope["query_string"])
        if size > self._settings.max_url_bytes:
            limit = self._settings.max_url_bytes
            text = f"the URL has {size} bytes; the limit XENT_MAX_URL_BYTES is {limit}"
            return problem(Code.URL_TOO_LONG, text, name)
        size = sum(len(key) + len(value) + 4 for key, value in scope["headers"])
        if size > self._settings.max_header_bytes:
            limit = self._settings.max_header_bytes
            text = f"the headers have {size} bytes; the limit XENT_MAX_HEADER_BYTES is {limit}"
            return problem(Code.HEADERS_TOO_LARGE, text, name)
        return None

    def _record(self, scope: Scope, method: str, name: str, status: int, started: float) -> None:
        route = scope.get("route")
        entry: dict[str, Any] = {
            "request_id": name,
            "method": method,
            "route": getattr(route, "path", "unmatched"),
            "status": status,
            "milliseconds": round(1e3 * (time.perf_counter() - started), 3),
        }
        _log.info("request", extra=entry)


def _fault(name: str) -> Response:
    text = "an internal fault; it is logged under this request id"
    return problem(Code.INTERNAL_ERROR, text, name)
