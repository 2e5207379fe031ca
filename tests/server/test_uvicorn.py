"""What our connections take from uvicorn: another minor version has to be read before use."""

import asyncio
import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors import Multiprocess

from service.api.connection import Connection
from service.api.exchange import Exchange
from service.api.protocol import Protocol
from service.api.server import Supervisor

OVERRIDDEN = {
    "connection_made", "connection_lost", "data_received", "on_message_begin", "on_header",
    "on_headers_complete", "on_body", "on_message_complete", "on_response_complete",
    "pause_writing", "resume_writing", "_start_asgi_task",
}  # fmt: skip


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("uvicorn").split(".")[:2] == ["0", "54"], (
        "read service/api/connection.py and protocol.py again"
    )


def test_what_is_overridden_is_there_and_nothing_else_is_by_accident() -> None:
    inherited = {name for name in vars(HttpToolsProtocol) if not name.startswith("__")}
    both = {**vars(Connection), **vars(Protocol)}
    ours = {name for name in both if not name.startswith("__")}
    assert ours & inherited == OVERRIDDEN
    theirs = {name for name in vars(RequestResponseCycle) if not name.startswith("__")}
    assert not set(vars(Exchange)) & theirs
    own = {name for name in vars(Supervisor) if not name.startswith("__")}
    assert own & set(vars(Multiprocess)) == {
        "init_processes",
        "keep_subprocess_alive",
        "terminate_all",
    }


def test_the_signatures_are_the_same() -> None:
    for name in OVERRIDDEN:
        theirs = inspect.signature(getattr(HttpToolsProtocol, name))
        assert list(inspect.signature(getattr(Protocol, name)).parameters) == list(
            theirs.parameters
        ), name


def test_the_fields_that_are_read_are_set() -> None:
    source = inspect.getsource(HttpToolsProtocol) + inspect.getsource(RequestResponseCycle)
    for field in (
        "pipeline", "cycle", "timeout_keep_alive", "flow", "loop", "scope", "headers", "url",
        "parser", "app_state", "server_state", "expect_100_continue", "disconnected",
        "keep_alive", "message_event",
        "response_started", "response_complete", "asgi_version", "server", "client", "scheme",
        "transport", "logger", "access_logger", "body", "more_body", "default_headers",
        "waiting_for_100_continue", "chunked_encoding", "expected_content_length",
    ):  # fmt: skip
        assert f"self.{field} = " in source or f"self.{field}: " in source, field
    assert "self.read_paused = " in inspect.getsource(FlowControl)


HEADERS = [(b"content-length", b"2"), (b"content-type", b"application/json")]


@pytest.mark.parametrize("keep_alive", [True, False])
def test_an_answer_is_written_as_uvicorn_does(keep_alive: bool) -> None:
    assert written(True, keep_alive) == written(False, keep_alive)


def written(ours: bool, keep_alive: bool) -> tuple[bytes, list[str]]:
    """What is written of an answer, and what else is done."""
    sent, done = bytearray(), list[str]()
    line = SimpleNamespace(write=sent.extend, close=lambda: done.append("closed"))
    connection: Any = SimpleNamespace(
        url=b"/", asgi_version="3.0", server=None, client=None, scheme="http", headers=[],
        app_state={}, transport=line, flow=SimpleNamespace(write_paused=False), logger=None,
        access_logger=None, server_state=SimpleNamespace(default_headers=[(b"date", b"now")]),
        expect_100_continue=False, on_response_complete=lambda: done.append("told"),
    )  # fmt: skip
    cycle = Exchange(connection, "POST", "1.1", keep_alive, {})

    async def send() -> None:
        await cycle.send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await cycle.send({"type": "http.response.body", "body": b"{}"})

    if ours:
        cycle.answer(200, HEADERS, b"{}")
    else:
        asyncio.run(send())
    assert (cycle.response_started, cycle.response_complete) == (True, True)
    return bytes(sent), done
