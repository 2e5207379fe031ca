"""What ties an answer, its log line and the caller's own trace together."""

import logging
import os
import random
import re
from typing import Any
from urllib.parse import unquote_plus

from opentelemetry.trace import get_current_span
from starlette.types import Scope

from service.api.fields import Fields
from service.registry.key import redacted

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_random = random.Random()  # noqa: S311 an id is no secret, and asking the system takes longer
os.register_at_fork(after_in_child=_random.seed)
_log = logging.getLogger("xent.request")


def name_of(fields: Fields) -> str:
    """The id of a request: the caller's `X-Request-Id` where it is a plain word, or a new one."""
    given = fields.get(b"x-request-id", b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else f"{_random.getrandbits(128):032x}"


def trace_of(fields: Fields) -> dict[str, str]:
    """The caller's trace, for the log: `trace_id` and `span_id` of a valid `traceparent`.

    Source: W3C Trace Context, version 00.
    """
    match = _TRACEPARENT.fullmatch(fields.get(b"traceparent", b""))
    return {"trace_id": match[1].decode(), "span_id": match[2].decode()} if match else {}


def redact_span(scope: Scope) -> None:
    """Takes keys that somebody has put into a URL out of the span of a request.

    OpenTelemetry's spans have the path and the query as they were sent, which the log never has.
    """
    sent = {
        "url.path": scope["path"],
        "url.query": unquote_plus(scope["query_string"].decode("latin-1")),
    }
    shown = {name: redacted(text) for name, text in sent.items()}
    get_current_span().set_attributes({n: text for n, text in shown.items() if text != sent[n]})


def log_request(name: str, method: str, route: str, status: int, **more: Any) -> None:
    """The log line of a request: never a body, a header or a path that a client chose."""
    fields = {"request_id": name, "method": method, "route": route, "status": status, **more}
    _log.info("request", extra=fields)
