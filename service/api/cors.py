"""Calls from web pages of other origins."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response


class Cors(CORSMiddleware):
    """Starlette's, whose refusal of a preflight is an answer without permission, not a text.

    The browser reads the permissions alone; a status of 400 would need a problem document that
    nobody sees.
    """

    def preflight_response(self, request_headers: Headers) -> Response:
        """The permissions, where there are any, without a body."""
        response = super().preflight_response(request_headers)
        allowed = {
            name: value
            for name, value in response.headers.items()
            if name == "vary" or name.startswith("access-control-")
        }
        return Response(status_code=204, headers=allowed)
