"""Clients that hold a connection without using it, and those that are merely slow."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

HEADERS, BODY = 0.5, 0.8
LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def hasty(serve: Any) -> Iterator[Any]:
    with serve(XENT_HEADER_TIMEOUT=str(HEADERS), XENT_BODY_TIMEOUT=str(BODY)) as server:
        yield server
        assert server.stop() == 0
        assert "traceback" not in server.log_text()


def trickle(connection: socket.socket, start: bytes, piece: bytes, receive: Any) -> list[Any]:
    """Sends the start and then a piece every 50 ms, until the server answers."""
    connection.sendall(start)
    connection.settimeout(0.05)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if connection.recv(1, socket.MSG_PEEK):
                break
        except TimeoutError:
            connection.sendall(piece)
    connection.settimeout(10)
    found: list[Any] = receive(connection)
    return found


@pytest.mark.parametrize(
    ("start", "piece", "limit"),
    [
        (b"", b"", HEADERS),
        (b"GET /li", b"", HEADERS),
        (b"GET /", b"a", HEADERS),
        (b"", b"\r\n", HEADERS),
        (LIVE[:-2], b"a: b\r\n", HEADERS),
        (LIVE[:-2] + b"A: ", b"b", HEADERS),
        (POST + b"Content-Length: 1000\r\n\r\n", b"", BODY),
        (POST + b"Content-Length: 1000\r\n\r\n", b" ", BODY),
        (POST + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", b" ", BODY),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", BODY),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1", b"0", BODY),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n", b"a: b\r\n", BODY),
    ],
    ids=[
        "silence",
        "half a request line",
        "trickling line",
        "trickling empty lines",
        "trickling headers",
        "trickling header",
        "no body",
        "trickling body",
        "trickling body after 100",
        "trickling chunks",
        "trickling chunk size",
        "trickling trailers",
    ],
)
def test_the_late_get_408(
    hasty: Any, receive: Any, start: bytes, piece: bytes, limit: float
) -> None:
    began = time.monotonic()
    with hasty.connect() as connection:
        (answer,) = trickle(connection, start, piece, receive)
    assert limit - 0.1 < time.monotonic() - began < limit + 2
    assert answer.status == 408
    assert answer.problem()["code"] == "request_timeout"
    assert answer.headers["connection"] == "close"
    name = "XENT_HEADER_TIMEOUT" if limit == HEADERS else "XENT_BODY_TIMEOUT"
    assert name in answer.problem()["detail"]
    line = hasty.line(answer.headers["x-request-id"])
    assert line["status"] == 408


def test_a_second_request_is_held_to_the_same(hasty: Any, receive: Any) -> None:
    with hasty.connect() as connection:
        first, second = trickle(connection, LIVE + LIVE[:-2], b"a: b\r\n", receive)
    assert (first.status, second.status) == (200, 408)


def test_a_body_that_was_refused_is_not_read_for_ever(hasty: Any) -> None:
    with hasty.connect() as connection:
        connection.sendall(POST.replace(b"softmax", b"nowhere") + b"Content-Length: 1000\r\n\r\n")
        began = time.monotonic()
        data = b""
        while chunk := connection.recv(2**16):
            data += chunk
    assert data.startswith(b"HTTP/1.1 404 ")
    assert data.count(b"HTTP/1.1") == 1
    assert time.monotonic() - began < BODY + 2


def test_whoever_does_not_read_is_cut_off(hasty: Any) -> None:
    body = b'{"logits": [%s]}' % b",".join([b"[0.1, 0.2, 0.3, 0.4]"] * 40_000)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty.port))
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        began = time.monotonic()
        connection.settimeout(0.05)
        wait_for(lambda: reset(connection))
    assert BODY - 0.3 < time.monotonic() - began < 4 * BODY + 2


def reset(connection: socket.socket) -> bool:
    """Whether the other side has let go; found out without reading anything."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_slow_who_keep_on_are_served(hasty: Any, receive: Any) -> None:
    body = b'{"logits": [1, 2]' + b" " * 60_000 + b"}"
    with hasty.connect() as connection:
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        began = time.monotonic()
        for start in range(0, len(body), 3000):  # nearly twice the slowest rate
            connection.sendall(body[start : start + 3000])
            time.sleep(0.1)
        assert time.monotonic() - began > 2 * BODY
        connection.sendall(LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert [a.status for a in receive(connection)] == [200, 200]


def test_hundred_of_them_keep_nobody_waiting(hasty: Any) -> None:
    held = [hasty.connect() for _ in range(100)]
    for connection in held:
        connection.sendall(POST + b"Content-Length: 30000000\r\n\r\n")
    began = time.monotonic()
    assert hasty.get("/livez").status == 200
    assert time.monotonic() - began < 0.5
    for connection in held:
        connection.close()
