"""FastAPI within Xent's own layers."""

from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.access import Guarded


class Application(FastAPI):
    """FastAPI whose requests go to our layers at once.

    Args:
        telemetry: of FastAPI's own hook, which stands before our layers where it is on.
        more: arguments of FastAPI.
    """

    def __init__(self, *, telemetry: TelemetryConfig, **more: Any) -> None:
        super().__init__(
            openapi_url=None,  # a route like the others serves it, and is logged like them
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry=telemetry,
            **more,
        )
        self.router.route_class = Guarded
        self._traced = telemetry["tracing"]

    def build_middleware_stack(self) -> ASGIApp:
        """Leaves out the outermost layer: the guard, which is the next, answers every fault."""
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)
        return outermost.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of ASGI."""
        if self.middleware_stack is None or scope["type"] != "http" or self._traced:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self.middleware_stack(scope, receive, send)
