"""Assembly, and nothing else."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from service import __version__
from service.api.admission import Admission
from service.api.application import Application
from service.api.authorize import Authorizer
from service.api.beside import Beside, Carried, Find, Job, scoring, work
from service.api.cors import Cors
from service.api.dispatch import Dispatch
from service.api.drain import Drain
from service.api.explanations import EXPLANATIONS
from service.api.guard import Guard, request_id
from service.api.metrics import Metrics
from service.api.once import sweep
from service.api.openapi import document
from service.api.operation import Operation
from service.api.problems import problem, problem_of, scored_of
from service.api.routes.aliases import add_aliases
from service.api.routes.batches import add_batches
from service.api.routes.deletion import add_deletion
from service.api.routes.docs import add_docs
from service.api.routes.evaluations import add_evaluations
from service.api.routes.export import add_export
from service.api.routes.gate import add_gate
from service.api.routes.keys import add_keys
from service.api.routes.losses import add_losses
from service.api.routes.models import add_models
from service.api.routes.operations import add_metrics, add_operations
from service.api.routes.plots import add_plots
from service.api.routes.scoring import add_scoring
from service.api.routes.streams import add_streams
from service.api.routes.training import add_training
from service.api.training import Training
from service.classifier import shipped_models
from service.errors import Code, XentError
from service.evaluation import compile_loops
from service.logs import configure_logging
from service.registry import Evaluations, Keys, Registry
from service.settings import Settings

DESCRIPTION = """\
Softmax, cross-entropy and their gradients to the last digit; multinomial logistic classifiers
judged by log loss. Non-finite numbers travel as the strings "Infinity", "-Infinity" and "NaN".
Every error is a problem document (RFC 9457) that names the bad cell.
"""
# Statuses of requests that were refused before anything was computed.
REFUSALS = (401, 403, 413, 421, 429, 503)


def create_app(
    settings: Settings | None = None, *, take_signals: bool = False, find: Find | None = None
) -> FastAPI:
    """The application.

    Args:
        settings: read from the environment when absent.
        take_signals: whether it drains between SIGTERM and the end of its server.
        find: gives a model by name and version; absent, the registry does.
    """
    settings = Settings() if settings is None else settings
    if settings.compiled:
        compile_loops()
    drain = Drain(settings.drain_seconds)
    registry = Registry(shipped_models(), settings.max_registry_bytes, settings.database)
    keys = Keys(registry.store)
    evaluations = Evaluations(
        registry.store, settings.max_open_evaluations, settings.max_evaluation_bytes
    )
    app = Application(
        title="Xent",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_lifespan(registry, keys, evaluations, drain if take_signals else None),
        telemetry=_telemetry(settings.opentelemetry),
    )
    # its attributes are asked for with every request: those of `State` are a function's
    app.state = cast(State, SimpleNamespace())
    state, queue = app.state, (settings.max_waiting, settings.queue_seconds)
    state.settings = settings
    state.metrics = Metrics()
    state.store = registry.store
    state.authorizer = Authorizer(settings, keys)
    state.admission = Admission(settings.max_inflight_bytes, *queue)
    state.drawing = Admission(1, *queue)
    state.find = find or registry.find
    state.training = Training(
        settings, registry, state.admission, drain, "service.api.trainer:work_beside"
    )
    _add_routes(app, registry, keys, evaluations, drain)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    app.add_exception_handler(XentError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    _add_layers(app, drain)
    return app


def _lifespan(
    registry: Registry, keys: Keys, evaluations: Evaluations, drain: Drain | None
) -> Callable[[Application], AbstractAsyncContextManager[dict[str, Any]]]:
    """What begins and ends with the server; a drain takes its signals."""

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[dict[str, Any]]:
        state = app.state
        # One large request at a time: NumPy and the parser share the cores of this process.
        state.limiter = CapacityLimiter(1)
        state.beside = Beside(state.settings, "service.app:work_beside")
        if drain is not None:
            drain.take_signals()
        # What was read stays, and each full collection of garbage would look through all of it.
        await run_sync(registry.start, gc.freeze)
        tasks = [asyncio.create_task(sweep(registry.store))]
        tasks.append(asyncio.create_task(state.metrics.share()))
        await run_sync(keys.start)
        evaluations.running.start()
        state.authorizer.announce()
        # for the connections
        yield {"settings": state.settings, "metrics": state.metrics, "at_once": app.at_once}
        for task in tasks:
            task.cancel()
        state.beside.end()
        state.training.end()
        await run_sync(evaluations.running.end)
        await run_sync(keys.end)
        await run_sync(registry.end)

    return lifespan


def _add_layers(app: FastAPI, drain: Drain) -> None:
    """Adds what is around the framework's own way, from the inside to the outside."""
    settings: Settings = app.state.settings
    if not settings.opentelemetry:  # which hooks into the framework's own way
        operations = [route for route in app.routes if isinstance(route, Operation)]
        app.add_middleware(Dispatch, operations=operations, state=app.state, refuse=_refused)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    app.add_middleware(Guard, settings=settings, metrics=app.state.metrics, drain=drain)


def _add_routes(
    app: FastAPI, registry: Registry, keys: Keys, evaluations: Evaluations, drain: Drain
) -> None:
    add_scoring(app.router)
    add_streams(app.router)
    add_losses(app.router)
    add_models(app.router, registry, app.state.find)
    add_export(app.router, app.state.find)
    add_plots(app.router, app.state.find, evaluations)
    add_training(app.router)
    add_aliases(app.router, registry)
    add_deletion(app.router, registry)
    add_gate(app.router, registry)
    add_evaluations(app.router, evaluations, app.state.find)
    add_batches(app.router, evaluations, app.state.settings, app.state.metrics)
    add_keys(app.router, keys, registry.store)
    add_operations(app.router, app.state.settings, drain, keys)
    add_metrics(app.router, app.state.metrics)
    add_docs(app.router, app)


def served_app() -> FastAPI:
    """The application of a server process, which also owns the log."""
    settings = Settings()
    configure_logging(settings.log_level)
    for name in Settings.misspelt():  # no error: an orchestrator sets some after its own names
        logging.getLogger("xent").warning("no such setting", extra={"variable": name})
    return create_app(settings, take_signals=True)


def work_beside() -> None:
    """What the process beside a server does until that one ends."""
    configure_logging("warning")
    carried = Carried()

    def job_of(settings: Settings) -> Job:
        routes = create_app(settings, find=carried.find).routes
        calls = {r.path: r.call for r in routes if isinstance(r, Operation) and r.call is not None}
        return scoring(calls, carried, settings)

    work(job_of)


def _telemetry(on: bool) -> TelemetryConfig:
    """FastAPI's own hook: spans and metrics of requests, exporters from OTEL_ variables.

    Its log records would hold the text of exceptions.
    """
    return {
        "tracing": on,
        "metrics": on,
        "logs": False,
        "operation_spans": False,
        "auto_configure": on,
    }


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, XentError)
    return _refused(request.scope, request.app.state, error)


def _refused(scope: Scope, state: State, error: XentError) -> Response:
    if EXPLANATIONS[error.code].status in REFUSALS:
        state.metrics.rejected(error.code)
    return problem_of(error, request_id(scope), scored_of(scope["state"]))


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """Errors of routing; OPTIONS on a path that exists is answered here as well."""
    assert isinstance(error, HTTPException)
    name = request_id(request.scope)
    if error.status_code == 404:
        return problem(Code.NOT_FOUND, "there is nothing at this path; see /docs", name)
    if error.status_code == 405:
        allowed = ", ".join(_allowed(request))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed})
        text = f"this path takes {allowed}"
        return problem(Code.METHOD_NOT_ALLOWED, text, name, headers={"Allow": allowed})
    return problem(Code.BAD_REQUEST, "the request breaks HTTP", name)


def _allowed(request: Request) -> list[str]:
    """Every method that some route takes at this path, not only those of the first to match."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
