"""Servers in processes of their own, spoken to through plain sockets."""

import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from fastapi import FastAPI

from service.api.protocol import Protocol
from tests.process import started


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The problem document, held to what every one of them has."""
        assert self.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = orjson.loads(self.body)
        assert found["status"] == self.status
        assert found["type"] == f"/problems/{found['code']}"
        assert found["request_id"] == self.headers["x-request-id"]
        return found


def parse(stream: bytes) -> list[Answer]:
    """The answers in a stream, all of them whole."""
    answers = []
    while stream:
        head, found, stream = stream.partition(b"\r\n\r\n")
        assert found, head
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), "a header twice"
        code = int(status.split(" ")[1])
        if code == 100:
            continue
        size = int(headers.get("content-length", "0"))
        body, stream = stream[:size], stream[size:]
        assert len(body) == size
        answers.append(Answer(code, headers, body))
    return answers


class Server:
    """A running `python -m service`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self.port = 0

    def await_workers(self, count: int) -> None:
        """Returns once that many processes serve."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log_text()
            found = re.search(r"Uvicorn running on http://[^:]+:(\d+)", text)
            if found and len(self.started()) >= count:
                self.port = int(found[1])
                return
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start: {self.log_text()[-3000:]}")

    def started(self) -> list[int]:
        """The ids of the processes that have come to serve, in their order."""
        text = self.log_text()
        ids = re.findall(r"Started server process \[(\d+)\]", text)
        return [int(n) for n in ids][: text.count("Application startup complete")]

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def lines(self, **fields: Any) -> list[dict[str, Any]]:
        """The log's lines with these fields."""
        found = [orjson.loads(line) for line in self.log_text().splitlines()]
        return [line for line in found if fields.items() <= line.items()]

    def line(self, request_id: str) -> dict[str, Any]:
        """The log line of a request, which is written a moment after its answer."""
        for _ in range(200):
            if found := self.lines(request_id=request_id):
                (line,) = found
                return line
            time.sleep(0.02)
        raise AssertionError(f"no line of {request_id}")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def exchange(self, data: bytes) -> list[Answer]:
        """Sends the bytes at once and reads until the server closes."""
        with self.connect() as connection:
            connection.sendall(data)
            return parse(read_all(connection))

    def get(self, path: str) -> Answer:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        return self.exchange(request.encode())[0]

    def metrics(self) -> dict[str, float]:
        """The series of `/metrics`, each with its labels as they are written."""
        text = self.get("/metrics").body.decode()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)


class Local(uvicorn.Server):
    """A server in a thread of the tests."""

    def port(self) -> int:
        found: int = self.servers[0].sockets[0].getsockname()[1]
        return found


@contextmanager
def hosted(app: FastAPI, **options: Any) -> Iterator[Local]:
    """Serves an application that a test has got its hands on; with options of uvicorn."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=Protocol,
        ws="none",
        log_config=None,
        timeout_graceful_shutdown=0,
        **options,
    )
    server = Local(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server
    server.should_exit = True
    thread.join()


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    data = b""
    while chunk := connection.recv(2**16):
        data += chunk
    return data


@contextmanager
def _running(log: Path, settings: dict[str, str]) -> Iterator[Server]:
    hosts = {"XENT_ALLOWED_HOSTS": "x"}  # as requests of these tests have it
    with started(log, **{"XENT_DRAIN_SECONDS": "0", **hosts, **settings}) as process:
        server = Server(process, log)
        server.await_workers(int(settings.get("XENT_WORKERS", "1")))
        yield server


Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts a server: `with serve(XENT_WORKERS="2") as server`."""

    def start(**settings: str) -> AbstractContextManager[Server]:
        return _running(tmp_path_factory.mktemp("server") / "log", settings)

    return start


@pytest.fixture(scope="session")
def server(serve: Serve) -> Iterator[Server]:
    """A server that is never in a hurry; it ends well and without a traceback."""
    with serve() as running:
        yield running
        assert running.stop() == 0
        assert "traceback" not in running.log_text()
        assert running.lines(level="error") == []


@pytest.fixture(scope="session")
def receive() -> Callable[[socket.socket], list[Answer]]:
    """Reads the answers until the server closes."""
    return lambda connection: parse(read_all(connection))
