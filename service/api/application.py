"""FastAPI within Xent's own layers."""

from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.access import Guarded
from service.api.dispatch import Answer
from service.api.guard import Guard


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
        """Leaves out what the framework has before the guard, which answers every fault."""
        layers: Any = super().build_middleware_stack()
        while not (self._traced or isinstance(layers, Guard)):
            layers = layers.app
        stack: ASGIApp = layers
        return stack

    def at_once(self, scope: Scope, body: bytes) -> Answer | None:
        """The answer to a request that has come whole; None where it is for `__call__`.

        Args:
            scope: of the request.
            body: all of it.
        """
        guard = self.middleware_stack
        return guard.at_once(scope, body) if isinstance(guard, Guard) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of ASGI."""
        if self.middleware_stack is None or scope["type"] != "http" or self._traced:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self.middleware_stack(scope, receive, send)
