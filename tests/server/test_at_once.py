"""A request that has come whole is answered without a task, and as one that has not."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from service import classifier
from service.api.admission import Admission
from service.api.application import Application
from service.api.protocol import SLICE
from service.app import create_app
from service.registry import WouldWait
from service.settings import Settings
from service.wire import compress, dump_tensors

from .conftest import Answer, Local, hosted

Receive = Callable[[socket.socket], list[Answer]]

LAST = {"Connection": "close"}
JSON, TENSORS = "application/json", "application/vnd.safetensors"
ROW = {"inputs": [[5.9, 3.0, 4.2, 1.5]]}
LOGITS = {"logits": [[2.0, 4.0, "Infinity"], [0.0, 1.0, 2.0]], "labels": [2, 0]}
IRIS = "/v1/models/iris/predict"

AT_ONCE: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "a prediction": (IRIS, json.dumps(ROW).encode(), {}),
    "of a version": ("/v1/models/iris/versions/1/predict", json.dumps(ROW).encode(), {}),
    "a loss": ("/v1/losses/cross-entropy", json.dumps(LOGITS).encode(), {}),
    "tensors": ("/v1/softmax", dump_tensors({"logits": [1.0, 2.0]}), {"Content-Type": TENSORS}),
    "tensors out": ("/v1/softmax", b'{"logits": [1, 2]}', {"Accept": TENSORS}),
    "compressed out": (
        "/v1/softmax",
        json.dumps({"logits": [[float(i), 0.5] for i in range(500)]}).encode(),
        {"Accept-Encoding": "gzip"},
    ),
    "no JSON": (IRIS, b"{", {}),
    "a bad cell": (IRIS, b'{"inputs": [[1, 2, 3, null]]}', {}),
    "no body": (IRIS, b"", {}),
    "no such model": ("/v1/models/none/predict", json.dumps(ROW).encode(), {}),
    "a media type": (IRIS, b"{}", {"Content-Type": "text/plain"}),
    "not acceptable": (IRIS, b"{}", {"Accept": "text/html"}),
    "a key of nobody": (IRIS, json.dumps(ROW).encode(), {"Authorization": "Bearer xent_a_b"}),
    "another host": (IRIS, json.dumps(ROW).encode(), {"Host": "evil.example"}),
}
AWAITED: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "a compressed body": (IRIS, compress(json.dumps(ROW).encode(), "gzip"),
                          {"Content-Encoding": "gzip"}),
    "no such path": ("/v1/nothing", b"{}", {}),
    "%00": ("/v1/models/a%00/predict", b"{}", {}),
    "headers": (IRIS, b"{}", {"X": "x" * 20_000}),
    "what is kept": (
        "/v1/evaluations", json.dumps({**LOGITS, "name": "a"}).encode(), {},
    ),
}  # fmt: skip


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request that came whole was answered at once."""
    seen: list[bool] = []
    plain = Application.at_once

    def recorded(self: Application, *request: Any) -> Any:
        answer = plain(self, *request)
        seen.append(answer is not None)
        return answer

    monkeypatch.setattr(Application, "at_once", recorded)
    return seen


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return create_app(Settings(allowed_hosts=("x",), data_dir=tmp_path))


@pytest.fixture
def local(app: FastAPI, taken: list[bool]) -> Iterator[Local]:
    with hosted(app) as server:
        yield server


def request(path: str, body: bytes, headers: dict[str, str]) -> list[bytes]:
    """The head and the body."""
    own = {"Host": "x", "Content-Type": JSON, "X-Request-Id": "same"}
    fields = {**own, **headers, "Content-Length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ["\r\n".join([*lines, "", ""]).encode(), body]


def sent(server: Local, receive: Receive, *pieces: bytes) -> Answer:
    """The answer to pieces that each are a packet."""
    with socket.create_connection(("127.0.0.1", server.port()), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.05)
        (answer,) = receive(connection)
    return answer


def comparable(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    moving = ("date", "server-timing")
    shown = {name: value for name, value in answer.headers.items() if name not in moving}
    shown["names"] = " ".join(sorted(answer.headers))
    return answer.status, shown, answer.body


@pytest.mark.parametrize("case", [*AT_ONCE, *AWAITED])
def test_it_is_the_answer_of_a_task(
    case: str, local: Local, receive: Receive, taken: list[bool]
) -> None:
    path, body, headers = {**AT_ONCE, **AWAITED}[case]
    head, body = request(path, body, headers | LAST)
    whole = sent(local, receive, head + body)
    assert taken == [case in AT_ONCE]
    begun = sent(local, receive, head[:-2], head[-2:] + body[:1], body[1:])
    if len(body) > 1:
        assert taken == [case in AT_ONCE]
    if case == "what is kept":  # under another number
        assert (whole.status, begun.status) == (201, 201)
    else:
        assert comparable(whole) == comparable(begun)


def test_requests_of_one_packet_are_answered_in_order(local: Local, receive: Receive) -> None:
    with socket.create_connection(("127.0.0.1", local.port()), timeout=10) as connection:
        paths = [IRIS, "/v1/models/none/predict", IRIS, "/v1/nothing", IRIS]
        packet = [b"".join(request(path, json.dumps(ROW).encode(), {})) for path in paths]
        connection.sendall(b"".join(packet) + b"no HTTP\r\n\r\n")
        answers = receive(connection)
    assert [answer.status for answer in answers] == [200, 404, 200, 404, 200, 400]


def as_long_as_a_slice(headers: dict[str, str]) -> bytes:
    """A prediction after which nothing else is parsed in one go."""
    head, _ = request(IRIS, b" " * 10_000, headers)  # a length of as many digits
    return b"".join(request(IRIS, json.dumps(ROW).encode().ljust(SLICE - len(head)), headers))


def test_a_body_that_begins_behind_others_is_read_on(local: Local, receive: Receive) -> None:
    """It is the last to wait, and half of it is not parsed yet when its turn comes."""
    small = b"".join(request(IRIS, json.dumps(ROW).encode(), {}))
    with socket.create_connection(("127.0.0.1", local.port()), timeout=10) as connection:
        connection.sendall(small * 2 + as_long_as_a_slice(LAST))
        answers = receive(connection)
    assert [answer.status for answer in answers] == [200] * 3


def test_a_connection_that_is_idle_is_not_told_so(tmp_path: Path, receive: Receive) -> None:
    """Requests that came in one packet but not in one slice leave no deadline behind."""
    app = create_app(Settings(allowed_hosts=("x",), data_dir=tmp_path, header_timeout=0.2))
    small = b"".join(request(IRIS, json.dumps(ROW).encode(), {}))
    with (
        hosted(app, timeout_keep_alive=1) as server,
        socket.create_connection(("127.0.0.1", server.port()), timeout=10) as connection,
    ):
        connection.sendall(as_long_as_a_slice({}) + small)
        answers = receive(connection)
    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.parametrize("rest", ["a request", "no HTTP"])
@pytest.mark.parametrize("filled", [False, True])
def test_nothing_is_served_after_the_last_answer(
    filled: bool, rest: str, app: FastAPI, local: Local, receive: Receive, taken: list[bool]
) -> None:
    """Who speaks HTTP/1.0 is answered once, whatever else came with the request."""
    wish = {"Connection": "keep-alive"}
    small = b"".join(request(IRIS, json.dumps(ROW).encode(), wish))
    first = (as_long_as_a_slice(wish) if filled else small).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = sent(local, receive, first + (small if rest == "a request" else b"no HTTP\r\n\r\n"))
    assert (answer.status, answer.headers["connection"], taken) == (200, "close", [True])
    assert b'status="400"' not in app.state.metrics.render()


def test_a_fault_is_answered_and_the_connection_lives_on(
    tmp_path: Path, receive: Receive, taken: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    def boom(*_: Any) -> Any:
        raise RuntimeError("a fault")

    app = create_app(Settings(allowed_hosts=("x",), data_dir=tmp_path), find=boom)
    with (
        hosted(app) as server,
        socket.create_connection(("127.0.0.1", server.port()), timeout=10) as connection,
    ):
        for end in ({}, LAST):
            connection.sendall(b"".join(request(IRIS, json.dumps(ROW).encode(), end)))
            time.sleep(0.1)
        answers = receive(connection)
    assert taken == [True, True]
    assert [answer.problem()["code"] for answer in answers] == ["internal_error"] * 2
    assert b"a fault" not in answers[0].body
    faults = [r.getMessage() for r in caplog.records if r.name == "xent.request"]
    assert faults == ["unhandled", "unhandled"]


def test_what_has_to_wait_is_let_in_once(
    tmp_path: Path, receive: Receive, taken: list[bool]
) -> None:
    """The rate of a key counts one request, and a thread finds the model."""
    iris = classifier.shipped_models()["iris"]

    def find(*_: Any) -> classifier.Model:
        with suppress(RuntimeError):  # there is no loop in this thread
            asyncio.get_running_loop()
            raise WouldWait
        return iris

    app = create_app(Settings(allowed_hosts=("x",), data_dir=tmp_path), find=find)
    with hosted(app) as server:
        made = json.dumps({"name": "a", "scopes": ["score"], "requests_per_minute": 60}).encode()
        packet = b"".join(request("/v1/keys", made, LAST))
        token = json.loads(sent(server, receive, packet).body)["key"]
        key = LAST | {"Authorization": f"Bearer {token}"}
        packet = b"".join(request(IRIS, json.dumps(ROW).encode(), key))
        taken.clear()
        answer = sent(server, receive, packet)
    assert (taken, answer.status) == ([False], 200)
    assert answer.headers["ratelimit"].startswith('"requests";r=59;')


def test_a_connection_is_kept_for_a_while_after_each_answer(app: FastAPI, receive: Receive) -> None:
    packet = b"".join(request(IRIS, json.dumps(ROW).encode(), {}))
    with (
        hosted(app, timeout_keep_alive=1) as server,
        socket.create_connection(("127.0.0.1", server.port()), timeout=10) as connection,
    ):
        for _ in range(4):
            connection.sendall(packet)
            time.sleep(0.7)
        last = time.monotonic()
        answers = receive(connection)
    assert [answer.status for answer in answers] == [200] * 4
    assert 0.1 < time.monotonic() - last < 5


def test_what_has_no_room_waits_for_it(
    app: FastAPI, local: Local, receive: Receive, taken: list[bool], monkeypatch: Any
) -> None:
    admission: Admission = app.state.admission
    monkeypatch.setattr(admission, "_free", 0)
    threading.Timer(0.3, admission.give_back, (2**20,)).start()
    answer = sent(local, receive, b"".join(request(IRIS, json.dumps(ROW).encode(), LAST)))
    assert (taken, answer.status) == ([False], 200)
