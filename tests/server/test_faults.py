"""Faults inside the application: answered, logged once, and the connection lives on."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from service.api.access import needs
from service.app import create_app
from service.settings import Settings

from .conftest import Local, hosted


@pytest.fixture
def local() -> Iterator[Local]:
    app = create_app(Settings(allowed_hosts=("x",)))

    async def boom() -> None:
        raise RuntimeError("a fault")

    async def slow() -> None:
        await asyncio.sleep(60)

    app.router.add_api_route("/boom", boom, openapi_extra=needs("public"))
    app.router.add_api_route("/slow", slow, openapi_extra=needs("public"))
    with hosted(app) as server:
        yield server


def request(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: x", *headers, b"", b""])


def test_the_connection_survives_a_fault(
    local: Local, receive: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", local.port()), timeout=10) as connection:
        for path in (b"/boom", b"/boom", b"/livez"):
            connection.sendall(request(path, b"X-Request-Id: f"))
            time.sleep(0.1)
        connection.sendall(request(b"/livez", b"Connection: close"))
        answers = receive(connection)
    assert [a.status for a in answers] == [500, 500, 200, 200]
    assert answers[0].problem()["code"] == "internal_error"
    assert b"a fault" not in answers[0].body
    faults = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert [r.getMessage() for r in faults] == ["unhandled", "unhandled"]


def test_what_does_not_end_within_the_grace_is_told_so(local: Local, receive: Any) -> None:
    with socket.create_connection(("127.0.0.1", local.port()), timeout=10) as connection:
        connection.sendall(request(b"/slow"))
        time.sleep(0.2)
        local.should_exit = True
        (answer,) = receive(connection)
    assert answer.status == 503
    assert answer.problem()["code"] == "draining"
    assert answer.headers["retry-after"] == "1"
