"""Streams through a real server: constant memory, idle and vanished clients, others meanwhile."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

HEAD = (
    b"POST /v1/evaluate/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\nContent-Type: application/%s\r\n\r\n"
)
LINES, PARTS = b"x-ndjson", b"vnd.safetensors-seq"
LINE = b'{"logits": [1.0, 2.0], "labels": 1}\n'


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def resident(server: Any) -> int:
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(text.partition("VmRSS:")[2].split()[0])


@pytest.fixture(scope="module")
def hasty(serve: Any) -> Iterator[Any]:
    with serve(
        XENT_BODY_TIMEOUT="0.8", XENT_MAX_INFLIGHT_BYTES="20000000", XENT_QUEUE_SECONDS="0.2"
    ) as server:
        yield server
        assert server.stop() == 0
        assert "traceback" not in server.log_text()


def test_a_stream_ten_times_as_long_as_the_memory_it_takes(server: Any) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 500)).astype(np.float32)
    weights = (rng.random(4000) < 0.02).astype(np.float32)  # most are passed over, to be quick
    file = save({"logits": logits, "labels": logits.argmax(axis=1), "sample_weights": weights})
    piece, count = chunk(len(file).to_bytes(8, "little") + file), 25
    waits, before, peak = [], 0, 0
    with server.connect() as connection:
        connection.sendall(HEAD % PARTS)
        for number in range(count):
            connection.sendall(piece)
            began = time.monotonic()
            assert server.get("/livez").status == 200
            waits.append(time.monotonic() - began)
            peak = max(peak, resident(server))
            before = peak if number == 4 else before  # some parts are waiting by then
        connection.sendall(b"0\r\n\r\n")
        connection.settimeout(60)
        answer = b"".join(iter(lambda: connection.recv(2**16), b""))
    assert len(piece) * count > 2e8
    assert peak - before < 2e7
    assert peak < 3e8  # which is what is promised of any stream
    assert answer.startswith(b"HTTP/1.1 200")
    report = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert report["count"] + report["ignored"] == 4000 * count
    assert sorted(waits)[count // 2] < 0.5


def test_an_idle_stream_is_told_what_has_been_scored(hasty: Any, receive: Any) -> None:
    with hasty.connect() as connection:
        lines = LINE * 70_000
        connection.sendall(HEAD % LINES + chunk(lines))
        (answer,) = receive(connection)
    problem = answer.problem()
    assert (answer.status, problem["code"]) == (408, "request_timeout")
    assert 0 < problem["scored"]["rows"] <= 70_000
    assert problem["scored"]["lines"] == problem["scored"]["rows"]
    assert problem["scored"]["log_loss"] == pytest.approx(0.31326168751822286)


def test_clients_that_vanish_leave_their_places(hasty: Any) -> None:
    for _ in range(20):  # each takes a ninth of the room
        with hasty.connect() as connection:
            connection.sendall(HEAD % LINES + chunk(LINE))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    request = HEAD % LINES + chunk(LINE) + b"0\r\n\r\n"
    assert hasty.exchange(request)[0].status == 200


def test_streams_beyond_the_room_are_refused_and_those_inside_go_on(hasty: Any) -> None:
    first = hasty.connect()
    with first:
        first.sendall(HEAD % PARTS)  # takes 16 MiB of 17.5
        time.sleep(0.1)
        answer = hasty.exchange(HEAD % PARTS + b"0\r\n\r\n")[0]
        assert (answer.status, answer.problem()["code"]) == (503, "overloaded")
