"""The process: starting, settings, workers, and stopping without losing what is under way."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import service

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "https://app.example"


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command that is to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )


class TestStart:
    def test_nothing_but_json_is_logged(self, server: Any) -> None:
        events = [line["event"] for line in server.lines()]
        assert any(event.startswith("Started server process") for event in events)
        assert "Application startup complete." in events

    @pytest.mark.parametrize("settings", [{"XENT_PORT": "eighty"}, {"XENT_MAX_URL_BYTES": "1"}])
    def test_a_wrong_setting_is_named(self, settings: dict[str, str]) -> None:
        ended = run(**settings)
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"Error: {next(iter(settings))}: Input should be ")
        assert len(ended.stderr.splitlines()) == 1

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_a_port_in_use_is_said_in_a_line(self, workers: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ended = run(XENT_PORT=str(taken.getsockname()[1]), XENT_WORKERS=workers)
        assert ended.returncode == 3
        lines = ended.stderr.splitlines()
        assert all(line.startswith("{") for line in lines), ended.stderr
        assert any("in use" in line for line in lines)
        assert "Traceback" not in ended.stderr

    def test_the_version_and_the_document_are_printed(self) -> None:
        assert run("--version").stdout == f"xent, version {service.__version__}\n"
        printed = run("openapi").stdout
        assert printed == (ROOT / "openapi" / "openapi.json").read_text()


@pytest.fixture(scope="module")
def configured(serve: Any) -> Iterator[Any]:
    """A server with every setting moved."""
    with socket.socket() as probe:  # a port of one's own: at this log level none is told
        probe.bind(("127.0.0.2", 0))
        port = probe.getsockname()[1]
    with serve(
        XENT_HOST="127.0.0.2",
        XENT_PORT=str(port),
        XENT_LOG_LEVEL="warning",
        XENT_CORS_ORIGINS=f"{ORIGIN}, http://localhost:3000",
        XENT_MAX_JSON_BYTES="100",
        XENT_MAX_ELEMENTS="10",
        XENT_MAX_CLASSES="4",
        XENT_MAX_HEADER_BYTES="1024",
        XENT_MAX_URL_BYTES="256",
    ) as server:
        yield server


@pytest.fixture(scope="module")
def other(configured: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=configured.url) as http:
        yield http


class TestSettings:
    def test_host(self, configured: Any, other: httpx.Client) -> None:
        assert other.get("/livez").status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{configured.port}/livez")

    @pytest.mark.parametrize(
        ("path", "options", "status", "text"),
        [
            ("/v1/softmax", {"json": {"logits": [1] * 60}}, 413, "XENT_MAX_JSON_BYTES of 100"),
            ("/v1/softmax", {"json": {"logits": [[1]] * 11}}, 413, "XENT_MAX_ELEMENTS is 10"),
            ("/v1/softmax", {"json": {"logits": [1] * 5}}, 413, "XENT_MAX_CLASSES is 4"),
            ("/" + "a" * 256, {}, 414, "XENT_MAX_URL_BYTES is 256"),
            ("/livez", {"headers": {"a": "b" * 1024}}, 431, "XENT_MAX_HEADER_BYTES is 1024"),
        ],
    )
    def test_limits(
        self, other: httpx.Client, path: str, options: dict[str, Any], status: int, text: str
    ) -> None:
        answer = other.request("POST" if "json" in options else "GET", path, **options)
        assert answer.status_code == status
        assert text in answer.json()["detail"]

    def test_limits_are_told(self, other: httpx.Client) -> None:
        found = other.get("/limits").json()["limits"]
        assert {name: entry["value"] for name, entry in found.items()} == {
            "json_bytes": 100,
            "tensor_bytes": 2**28,
            "line_bytes": 2**20,
            "part_bytes": 2**23,
            "elements": 10,
            "classes": 4,
            "header_bytes": 1024,
            "url_bytes": 256,
            "registry_bytes": 2**28,
            "open_evaluations": 1000,
            "evaluation_bytes": 2**25,
            "training_elements": 10**7,
            "training_seconds": 60,
            "training_bytes": 2**31,
            "inflight_bytes": 2**28,
            "waiting": 64,
            "nesting": 16,
        }
        assert found["url_bytes"]["setting"] == "XENT_MAX_URL_BYTES"

    def test_log_level(self, configured: Any, other: httpx.Client) -> None:
        other.get("/livez", headers={"x-request-id": "quiet"})
        assert configured.lines() == []

    def test_another_origin_may_call_where_it_is_named(self, other: httpx.Client) -> None:
        for path in ("/livez", "/nope"):
            answer = other.get(path, headers={"origin": ORIGIN})
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        answer = other.get("/livez", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers

    @pytest.mark.parametrize(
        ("origin", "method", "header", "allowed"),
        [
            (ORIGIN, "POST", "content-type", True),
            ("http://localhost:3000", "POST", "content-type", True),
            ("https://evil.example", "POST", "content-type", False),
            (ORIGIN, "PATCH", "content-type", False),
            (ORIGIN, "POST", "x-other", False),
        ],
    )
    def test_preflight(
        self, other: httpx.Client, origin: str, method: str, header: str, allowed: bool
    ) -> None:
        asked = {
            "origin": origin,
            "access-control-request-method": method,
            "access-control-request-headers": header,
        }
        answer = other.options("/v1/softmax", headers=asked)
        assert answer.status_code == 204
        assert answer.content == b""
        permitted = (
            answer.headers.get("access-control-allow-origin") == origin
            and method in answer.headers["access-control-allow-methods"].split(", ")
            and header in answer.headers["access-control-allow-headers"].lower().split(", ")
        )
        assert permitted is allowed

    def test_no_other_origin_may_call_by_default(self, caller: Any) -> None:
        answer = caller.get("/livez", origin=ORIGIN)
        assert not [name for name in answer.headers if name.startswith("access-control")]


JSON = {"content-type": "application/json"}
REQUEST = b'{"logits": [2, 4, 0.5]}'
HEAD = (
    b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(REQUEST)
)


class TestStop:
    # of SIGTERM, as of who comes later, tests/server/test_end.py tells in a drain
    @pytest.mark.parametrize(
        "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGINT]
    )
    def test_a_request_under_way_is_finished(self, serve: Any, number: int) -> None:
        with serve() as server:
            idle = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            busy = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            with idle, busy:
                busy.sendall(HEAD + REQUEST[:10])
                time.sleep(0.2)  # until the request has reached the application
                server.process.send_signal(number)
                time.sleep(0.2)
                assert server.process.poll() is None
                busy.sendall(REQUEST[10:])
                answer = b""
                while chunk := busy.recv(65536):
                    answer += chunk
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b'{"probabilities":[0.1' in answer
            assert server.process.wait(5) == 0
            assert "Traceback" not in server.log_text()
            server.lines()

    @pytest.mark.slow
    def test_nobody_is_let_in_after_the_signal(self, serve: Any) -> None:
        with serve() as server:
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 5
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port), timeout=5)


class TestWorkers:
    def test_two_workers_serve_and_stop(self, serve: Any) -> None:
        with serve(XENT_WORKERS="2") as server:
            deadline = time.monotonic() + 30
            started: set[str] = set()
            while len(started) < 2 and time.monotonic() < deadline:
                started = set(re.findall(r"Started server process \[(\d+)\]", server.log_text()))
                time.sleep(0.05)
            assert len(started) == 2
            assert str(server.process.pid) not in started
            answers = {
                httpx.post(f"{server.url}/v1/softmax", content=REQUEST, headers=JSON).content
                for _ in range(20)
            }
            assert len(answers) == 1
            assert server.stop() == 0
            assert "Traceback" not in server.log_text()
            assert {line["level"] for line in server.lines()} == {"info"}
