"""A real server in a process of its own, and a client that holds every answer to its schema."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from service.app import create_app
from service.settings import Settings
from tests.process import started

START_SECONDS = 60
# Sent in every kind of bad place: whatever repeats it would repeat a user's data.
SECRET = "s3cr3t-d1e5b7-do-not-repeat"


class Server:
    """A running `python -m service` and what it wrote to standard error."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: Path, host: str, port: int | None
    ) -> None:
        self.process = process
        self._log = log
        self.port = self._await(self._logged_port if port is None else lambda: port)
        self.url = f"http://{host}:{self.port}"
        self._await(self._is_ready)

    def _await(self, condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start: {self.log_text()}")

    def _logged_port(self) -> int | None:
        found = re.search(r"Uvicorn running on http://[^:]+:(\d+)", self.log_text())
        return int(found[1]) if found else None

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.ConnectError:  # nobody listens yet
            return False

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        """Every line of the log; one that is not JSON raises."""
        return [orjson.loads(line) for line in self.log_text().splitlines()]

    def requests(self, request_id: str) -> list[dict[str, Any]]:
        """The log lines of a request, which may be written a moment after its answer."""
        for _ in range(100):
            found = [line for line in self.lines() if line.get("request_id") == request_id]
            if found:
                return found
            time.sleep(0.02)
        return []

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def _running(log: Path, settings: dict[str, str]) -> Iterator[Server]:
    hosts = {"XENT_ALLOWED_HOSTS": "x"}  # as requests of these tests have it
    with started(log, **{**hosts, **settings}) as process:
        port = int(settings["XENT_PORT"]) if "XENT_PORT" in settings else None
        yield Server(process, log, settings.get("XENT_HOST", "127.0.0.1"), port)


Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts a server on a free port: `with serve(XENT_WORKERS="2") as server`."""

    def start(**settings: str) -> AbstractContextManager[Server]:
        return _running(tmp_path_factory.mktemp("server") / "log", settings)

    return start


@pytest.fixture(scope="session")
def secret() -> str:
    return SECRET


@pytest.fixture(scope="session")
def server(serve: Serve) -> Iterator[Server]:
    """The server that most tests share; whatever they sent, none of it is in the log."""
    with serve() as running:
        yield running
        assert running.process.poll() is None, running.log_text()[-2000:]
        text = running.log_text()
        assert SECRET not in text
        assert "traceback" not in text
        assert "py.warnings" not in text
        assert {line["level"] for line in running.lines()} <= {"info", "warning"}
        assert running.stop() == 0


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(Settings()).openapi()


class Contract:
    """Tells whether an answer is one that the OpenAPI document declares."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._validators: dict[str, Draft202012Validator] = {}
        self._paths = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): methods
            for path, methods in document["paths"].items()
        }

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation, where the document has it."""
        name = "get" if method == "HEAD" else method.lower()
        for pattern, methods in self._paths.items():
            if pattern.fullmatch(path) and name in methods:
                return dict(methods[name])
        return None

    def conforms(self, schema: dict[str, Any], value: Any) -> None:
        """Raises where the value breaks the schema."""
        key = orjson.dumps(schema).decode()
        if key not in self._validators:
            whole = {**schema, "components": self._components}
            Draft202012Validator.check_schema(whole)
            self._validators[key] = Draft202012Validator(whole)
        self._validators[key].validate(value)

    def check(self, answer: httpx.Response) -> None:
        """Raises where the answer is not a declared one."""
        request = answer.request
        operation = self.operation(request.method, request.url.path)
        media_type = answer.headers.get("content-type", "")
        assert answer.headers["x-request-id"]
        if request.method == "HEAD" or answer.status_code in (204, 304):
            assert answer.content == b""
            return
        if answer.status_code >= 400:
            self._check_problem(answer)
        if operation is None:
            return
        if answer.status_code != 405:
            content = operation["responses"][str(answer.status_code)]["content"]
            if media_type in (
                "application/vnd.safetensors",
                "application/octet-stream",
            ):  # no JSON to hold to a schema
                assert media_type in content
                return
            self.conforms(content[media_type]["schema"], answer.json())

    def _check_problem(self, answer: httpx.Response) -> None:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.content) < 16_000
        assert answer.status_code < 500 or problem["code"] == "not_installed"
        self.conforms({"$ref": "#/components/schemas/Problem"}, problem)
        assert problem["status"] == answer.status_code
        assert problem["type"] == f"/problems/{problem['code']}"
        assert problem["error"] == problem["detail"]
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert len(problem["errors"]) <= min(problem["error_count"], 20)
        if problem["error_count"]:
            assert problem["errors"][0]["code"] == problem["code"]
        assert SECRET not in answer.text
        assert SECRET not in str(answer.headers)


@pytest.fixture(scope="session")
def contract(document: dict[str, Any]) -> Contract:
    return Contract(document)


class Caller:
    """An HTTP client; every answer is held to the contract before it is given out."""

    def __init__(self, http: httpx.Client, contract: Contract) -> None:
        self.http = http
        self._contract = contract

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Sends a request, as httpx does."""
        answer = self.http.request(method, path, **options)
        self._contract.check(answer)
        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Posts bytes or text as they are, anything else as JSON, always declared as JSON."""
        content = body if isinstance(body, bytes | str) else orjson.dumps(body)
        headers = {"content-type": "application/json", **headers}
        return self.ask("POST", path, content=content, headers=headers)


@pytest.fixture(scope="session")
def caller(server: Server, contract: Contract) -> Iterator[Caller]:
    with httpx.Client(base_url=server.url, timeout=30) as http:
        yield Caller(http, contract)
