"""What a route asks of a caller's key: one scope, or nothing."""

from functools import cached_property
from typing import Any, Literal

from fastapi.routing import APIRoute
from starlette import types as asgi

from service.registry import Scope

Access = Scope | Literal["public"]
"""The scope that a key needs; `public` needs no key."""

SECURITY = "key"
"""The name of the scheme in the OpenAPI document."""
SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "xent_<id>_<secret>",
    "description": "A key; `xent keys create` makes one, with some of the scopes score, read, "
    "train and admin. As long as there are none, a server on a loopback address answers everybody "
    "and any other one only scores.",
}


def needs(access: Access) -> dict[str, Any]:
    """How a route declares its access, and the OpenAPI document shows it: as `openapi_extra`."""
    return {"security": [] if access == "public" else [{SECURITY: [access]}]}


class Guarded(APIRoute):
    """A route that knows its access, and is reached by whoever has it."""

    @cached_property
    def access(self) -> Access | None:
        """What it needs; None where nobody has said so: then it is closed."""
        declared = (self.openapi_extra or {}).get("security")
        if declared is None:
            return None
        access: Access = declared[0][SECURITY][0] if declared else "public"
        return access

    async def handle(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serves a request of the framework's own way; `Dispatch` asks as well.

        Raises:
            XentError: it may not be served.
        """
        if scope["method"] in (self.methods or ()):
            scope["app"].state.authorizer.authorize(scope, self.access)
        await super().handle(scope, receive, send)
