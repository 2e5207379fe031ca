"""The last answer on a connection, written without the application."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.api.metrics import Metrics
from service.api.problems import problem, scored_of
from service.api.tracing import log_request
from service.errors import Code


def refusal(
    code: Code,
    text: str,
    name: str,
    method: str,
    state: dict[str, Any],
    headers: Iterable[tuple[bytes, bytes]],
    metrics: Metrics,
) -> bytes:
    """The bytes of a problem document; it is counted, and logged if the guard will not.

    Args:
        code: of the problem.
        text: its detail.
        name: the id of the request.
        method: of the request; HEAD leaves the body out.
        state: shared with the application where the request has reached it, otherwise empty.
        headers: of the server.
        metrics: counts it.
    """
    response = problem(code, text, name, scored=scored_of(state))
    metrics.rejected(code)
    if state:
        state["status"] = response.status_code  # the guard logs it with the request
    else:
        log_request(name, method, "unmatched", response.status_code)
        metrics.answered(method, "unmatched", response.status_code)
    return _last_answer(response, name, method, headers)


def _last_answer(
    response: Response, name: str, method: str, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    lines = [STATUS_LINE[response.status_code]]
    pairs = [*headers, *response.raw_headers]
    pairs += [(b"x-request-id", name.encode()), (b"connection", b"close")]
    lines += [b"%b: %b\r\n" % pair for pair in pairs]
    return b"".join(lines) + b"\r\n" + (b"" if method == "HEAD" else bytes(response.body))
