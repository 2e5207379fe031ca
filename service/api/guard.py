"""The outermost ASGI layer: request ids, limits of the request line, faults, HEAD and the log."""

import asyncio
import logging
import time
from itertools import chain

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.dispatch import Answer
from service.api.drain import Drain
from service.api.fields import fields_of
from service.api.metrics import Metrics
from service.api.problems import problem, problem_of, scored_of
from service.api.tracing import log_request, name_of, redact_span, trace_of
from service.errors import Code, Unavailable
from service.settings import Settings

_log = logging.getLogger("xent.request")


def request_id(scope: Scope) -> str:
    """The id under which a request is answered and logged."""
    return str(scope["state"]["request_id"])


class Guard:
    """Answers what goes wrong inside as a problem document; logs and counts every request.

    A caller's `X-Request-Id` is kept where it is a plain word, otherwise one is made. HEAD is
    served as GET without the body. Bodies and headers are never logged, but for a valid
    `traceparent`.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, drain: Drain) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        name = self._named(scope)
        if self._settings.opentelemetry:
            redact_span(scope)
        # a copy: the server still sees HEAD and leaves the body out
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        status = received = sent = 0

        async def hear() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._headers(scope, name)]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self._metrics.in_flight += 1
        try:
            await (self._refusal(scope, name) or self._app)(inner, hear, answer)
        except asyncio.CancelledError:
            if status:
                raise
            text = "the server ended before the request was done; send it again"
            ending = problem_of(Unavailable(Code.DRAINING, text), name, scored_of(scope["state"]))
            await ending(inner, hear, answer)
        except Exception:
            _log.exception("unhandled", extra={"request_id": name})
            if status:
                raise  # the answer is half sent; only the server can break the connection
            await _fault(name)(inner, hear, answer)
        finally:
            self._metrics.in_flight -= 1
            # the server has answered in place of the application where the body came too late
            status = scope["state"].get("status", status)
            self._told(inner, scope["method"], name, status, started, received, sent)

    def at_once(self, scope: Scope, body: bytes) -> Answer | None:
        """The answer to a request that has come whole; None where it is for `__call__`.

        The layers within say which those are: a small request costs a third less where nothing is
        awaited.
        """
        within = getattr(self._app, "at_once", None)
        if within is None or scope["method"] != "POST" or self._drain.draining:
            return None
        if self._excess(scope) is not None:
            return None
        started = time.perf_counter()
        name = self._named(scope)
        self._metrics.in_flight += 1
        try:
            found: Answer | None = within(scope, body)
        except Exception:  # noqa: BLE001 (a fault is answered, and ends no connection)
            _log.exception("unhandled", extra={"request_id": name})
            fault = _fault(name)
            found = fault.status_code, fault.raw_headers, bytes(fault.body)
        finally:
            self._metrics.in_flight -= 1
        if found is None:
            return None
        status, headers, content = found
        self._told(scope, scope["method"], name, status, started, len(body), len(content))
        return status, [*headers, *self._headers(scope, name)], content

    def _named(self, scope: Scope) -> str:
        name = name_of(fields_of(scope))
        scope["state"]["request_id"] = name
        return name

    def _headers(self, scope: Scope, name: str) -> list[tuple[bytes, bytes]]:
        """What every answer has."""
        headers = [(b"x-request-id", name.encode())]
        rate = scope["state"].get("rate")
        if rate is not None:
            headers += rate.headers()
        if self._drain.draining:
            headers.append((b"connection", b"close"))
        return headers

    def _told(
        self,
        scope: Scope,
        method: str,
        name: str,
        status: int,
        started: float,
        received: int,
        sent: int,
    ) -> None:
        """Counts an answer, and writes its line of the log."""
        seconds = time.perf_counter() - started
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.answered(method, route, status, seconds, received, sent)
        if _log.isEnabledFor(logging.INFO):
            milliseconds = round(1e3 * seconds, 3)
            trace = trace_of(fields_of(scope))
            principal = scope["state"].get("principal")
            who = {} if principal is None else {"principal": principal}
            log_request(name, method, route, status, milliseconds=milliseconds, **who, **trace)

    def _refusal(self, scope: Scope, name: str) -> Response | None:
        excess = self._excess(scope)
        if excess is None:
            return None
        self._metrics.rejected(excess[0])
        return problem(*excess, name)

    def _excess(self, scope: Scope) -> tuple[Code, str] | None:
        """What is too long of a head, or in no path."""
        path, query = scope["raw_path"] or b"", scope["query_string"]
        size, limit = len(path) + len(query), self._settings.max_url_bytes
        if size > limit:
            text = f"the URL has {size} bytes; the limit XENT_MAX_URL_BYTES is {limit}"
            return Code.URL_TOO_LONG, text
        if b"%00" in path or b"%00" in query:
            # SQLite finds nothing under such a name, and PostgreSQL takes none
            return Code.BAD_REQUEST, "the URL contains %00, which is in no name, number or option"
        limit = self._settings.max_header_bytes
        size = sum(map(len, chain.from_iterable(scope["headers"]))) + 4 * len(scope["headers"])
        if size > limit:
            text = f"the headers have {size} bytes; the limit XENT_MAX_HEADER_BYTES is {limit}"
            return Code.HEADERS_TOO_LARGE, text
        return None


def _fault(name: str) -> Response:
    text = "an internal fault; it is logged under this request id"
    return problem(Code.INTERNAL_ERROR, text, name)
