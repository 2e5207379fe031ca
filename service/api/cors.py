"""Calls from web pages of other origins."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

METHODS = ("GET", "POST", "PUT", "DELETE")
SENT = (
    "Authorization",
    "Content-Type",
    "X-Request-Id",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
)
SHOWN = (
    "X-Request-Id",
    "ETag",
    "Location",
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
)


class Cors(CORSMiddleware):
    """Starlette's, whose refusal of a preflight is an answer without permission, not a text.

    The browser reads the permissions alone; a status of 400 would need a problem document that
    nobody sees.

    Args:
        app: that is called.
        origins: that may call it; `*` is any.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=SHOWN,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The permissions, where there are any, without a body."""
        response = super().preflight_response(request_headers)
        allowed = {
            name: value
            for name, value in response.headers.items()
            if name == "vary" or name.startswith("access-control-")
        }
        return Response(status_code=204, headers=allowed)
