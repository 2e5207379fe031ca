"""What a route asks of a caller's key: one scope, or nothing."""

from typing import Any, Literal

from fastapi.routing import APIRoute

Access = Literal["public", "score", "read", "train", "admin"]
"""The scope that a key needs; `public` needs no key."""

SECURITY = "key"
"""The name of the scheme in the OpenAPI document."""
SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "xent_<id>_<secret>",
    "description": "A key; `xent keys create` makes one, with some of the scopes score, read, "
    "train and admin.",
}


def needs(access: Access) -> dict[str, Any]:
    """How a route declares its access, and the OpenAPI document shows it: as `openapi_extra`."""
    return {"security": [] if access == "public" else [{SECURITY: [access]}]}


class Guarded(APIRoute):
    """A route that knows its access; without a declaration it has none."""

    @property
    def access(self) -> Access | None:
        """What it needs; None where nobody has said so."""
        declared = (self.openapi_extra or {}).get("security")
        if declared is None:
            return None
        access: Access = declared[0][SECURITY][0] if declared else "public"
        return access
