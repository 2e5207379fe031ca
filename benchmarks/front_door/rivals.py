"""Xent and its rivals: the commands that start them, and what they are called."""

from bodies import tensor_form
from servers import ROOT, Server


def _words(line: str) -> list[str]:
    return line.split()


def _uvicorn(app: str, *options: str) -> list[str]:
    quiet = ["--no-access-log", "--log-level", "warning", "--lifespan", "off"]
    return ["{python}", "-m", "uvicorn", app, "--port", "{port}", *quiet, *options]


def _xent(name: str, **environment: str) -> Server:
    return Server(
        name,
        ["{python}", "-m", "service"],
        predict="/v1/models/digits/predict",
        loss="/v1/losses/cross-entropy",
        environment={"PYTHONPATH": str(ROOT), "XENT_PORT": "{port}", **environment},
    )


XENT = "Xent"
LOGGING = "Xent, a log line for each request (the default)"
PLAIN = "FastAPI, pydantic lists, NumPy, returns a dict"
DECLARED = "FastAPI, pydantic lists, NumPy, returns a declared model"
STARLETTE = "Starlette, orjson, NumPy, no checks"
BARE = "bare ASGI, orjson, NumPy, no checks"


def own_servers() -> list[Server]:
    """Those that Xent's own environment can run."""
    return [
        _xent(XENT, XENT_LOG_LEVEL="warning"),
        _xent(LOGGING),
        Server(PLAIN, _uvicorn("plain:app"), loss="/loss"),
        Server(
            DECLARED,
            _uvicorn("plain:app"),
            predict="/declared/predict",
            loss="/declared/loss",
        ),
        Server(STARLETTE, _uvicorn("unchecked:routed"), loss="/loss"),
        Server(BARE, _uvicorn("unchecked:bare", "--interface", "asgi3"), loss="/loss"),
    ]


def peer(kind: str, python: str, scratch: str) -> Server:
    """A server that is installed in an environment of its own, with a folder for its model."""
    peers = {
        "mlserver": Server(
            "MLServer",
            _words("{bin}/mlserver start {apps}/mlserver_model"),
            predict="/v2/models/digits/infer",
            form=tensor_form,
            environment={
                "MLSERVER_HTTP_PORT": "{port}",
                "MLSERVER_GRPC_PORT": "{second}",
                "MLSERVER_METRICS_PORT": "{third}",
                "MLSERVER_PARALLEL_WORKERS": "0",
                "MLSERVER_DEBUG": "false",
            },
        ),
        "mlflow": Server(
            "MLflow",
            _words("{bin}/mlflow models serve --env-manager local --workers 1")
            + _words("--model-uri {scratch} --port {port}"),
            predict="/invocations",
            prepare=_words("{python} {apps}/mlflow_digits.py {scratch}"),
        ),
        "bentoml": Server(
            "BentoML",
            _words("{bin}/bentoml serve bentoml_digits:Digits --port {port} --working-dir {apps}"),
        ),
        "litserve": Server("LitServe", _words("{python} {apps}/litserve_digits.py")),
        "ray": Server("Ray Serve", _words("{python} {apps}/ray_digits.py"), predict="/"),
    }
    server = peers[kind]
    server.python, server.scratch = python, scratch
    return server


PEERS = ("mlserver", "mlflow", "bentoml", "litserve", "ray")
