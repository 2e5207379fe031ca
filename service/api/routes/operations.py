"""Health, versions, limits and the meaning of problem codes."""

import platform
from importlib.metadata import version as installed
from typing import Any

from fastapi import APIRouter, Response

from service import __version__
from service.api.access import needs
from service.api.drain import Drain
from service.api.explanations import EXPLANATIONS
from service.api.metrics import CONTENT_TYPE, Metrics
from service.api.operation import add_operation
from service.api.schemas.operations import (
    ExplanationAnswer,
    ExplanationsAnswer,
    HealthAnswer,
    LimitsAnswer,
    VersionAnswer,
)
from service.errors import Code, NotFound, Unavailable
from service.numerics import arithmetic
from service.registry import Keys
from service.settings import PREFIX, Settings
from service.wire.arrays import MAX_NESTING

PACKAGES = ("numpy", "scipy", "fastapi", "starlette", "uvicorn", "pydantic", "orjson")


def livez() -> dict[str, str]:
    """Whether the process answers; touches nothing else."""
    return {"status": "alive"}


def version() -> dict[str, Any]:
    """What is running: Xent, Python and the libraries that compute and serve."""
    return {
        "name": "xent",
        "version": __version__,
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in PACKAGES},
        "arithmetic": arithmetic(),
    }


def list_problems() -> dict[str, Any]:
    """Every problem code and what it means."""
    return {"problems": [_explained(code) for code in Code]}


def explain_problem(code: str) -> dict[str, Any]:
    """What a problem code means."""
    if code not in EXPLANATIONS:
        raise NotFound(Code.UNKNOWN_PROBLEM, "there is no problem of that code; see /problems")
    return _explained(Code(code))


def _explained(code: Code) -> dict[str, Any]:
    entry = EXPLANATIONS[code]
    return {"code": code, "status": entry.status, "title": entry.title, "text": entry.text}


def add_metrics(router: APIRouter, metrics: Metrics) -> None:
    """Adds `/metrics`, which speaks to Prometheus and is no call of the documentation."""

    async def show_metrics() -> Response:
        return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    router.add_api_route(
        "/metrics", show_metrics, include_in_schema=False, openapi_extra=needs("read")
    )


def add_operations(router: APIRouter, settings: Settings, drain: Drain, keys: Keys) -> None:
    """Adds the calls about the service itself."""

    def readyz() -> dict[str, str]:
        """Whether requests are to be sent here.

        Not before it is known which keys there are, nor from the moment on that an end is near.
        """
        if drain.draining:
            raise Unavailable(Code.DRAINING, "the process was told to end")
        keys.check()
        return {"status": "ready"}

    def limits() -> dict[str, Any]:
        """Every limit of this server, with the setting that moves it."""
        found: dict[str, Any] = {
            name.removeprefix("max_"): {
                "value": getattr(settings, name),
                "description": field.description,
                "setting": (PREFIX + name).upper(),
            }
            for name, field in Settings.model_fields.items()
            if name.startswith("max_")
        }
        found["nesting"] = {"value": MAX_NESTING, "description": "Arrays inside arrays"}
        return {"limits": found}

    for path, endpoint, answer, *errors in (
        ("/livez", livez, HealthAnswer),
        ("/readyz", readyz, HealthAnswer, 503),
        ("/version", version, VersionAnswer),
        ("/limits", limits, LimitsAnswer),
        ("/problems", list_problems, ExplanationsAnswer),
        ("/problems/{code}", explain_problem, ExplanationAnswer, 404),
    ):
        add_operation(router, path, endpoint, answer, "operations", *errors, access="public")
