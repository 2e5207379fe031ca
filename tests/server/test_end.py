"""The end of the process: unready first, then deaf, then gone; and workers that end too soon."""

import contextlib
import os
import signal
import socket
import time
from typing import Any

import pytest

from service.api.metrics import TELL_SECONDS

HEAD = b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"logits": [2, 4, 0.5]}'
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
TOLD_SECONDS = TELL_SECONDS + 0.3


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_drains(serve: Any, receive: Any, workers: int) -> None:
    with serve(XENT_DRAIN_SECONDS="1.5", XENT_WORKERS=str(workers)) as server:
        assert server.get("/readyz").status == 200
        with server.connect() as busy:
            busy.sendall(REQUEST[:-3])
            time.sleep(0.2)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            unready = server.get("/readyz")
            assert unready.status == 503
            assert unready.problem()["code"] == "draining"
            assert unready.headers["retry-after"] == "1"
            assert server.get("/livez").status == 200
            with server.connect() as late:
                late.sendall(REQUEST)  # without Connection: close, which is the server's to say
                (answer,) = receive(late)
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            while True:  # until it is deaf
                try:
                    server.connect().close()
                except ConnectionRefusedError:
                    break
                assert time.monotonic() - began < 10
                time.sleep(0.05)
            assert time.monotonic() - began > 1.3
            assert server.process.poll() is None
            busy.sendall(REQUEST[-3:])
            (answer,) = receive(busy)
            assert answer.status == 200
        assert server.process.wait(5) == 0
        assert "Traceback" not in server.log_text()


def test_sigint_does_not_wait(serve: Any) -> None:
    with serve(XENT_DRAIN_SECONDS="60", XENT_WORKERS="2") as server:
        began = time.monotonic()
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 5


def test_sigint_cuts_the_drain_short(serve: Any) -> None:
    with serve(XENT_DRAIN_SECONDS="60") as server:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.get("/readyz").status == 503
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.get("/livez").status == 200
        assert server.stop(signal.SIGINT) == 0


def test_workers_share_their_figures_and_are_replaced(serve: Any) -> None:
    with serve(XENT_WORKERS="2") as server:
        for _ in range(40):
            server.exchange(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        name = 'xent_requests_total{method="POST",route="/v1/softmax",status="200"}'
        time.sleep(TOLD_SECONDS)
        assert {server.metrics()[name] for _ in range(10)} == {40.0}
        with contextlib.closing(server.connect()) as hanging:
            hanging.sendall(REQUEST[:-3])
            time.sleep(TOLD_SECONDS)
            assert server.metrics()["xent_requests_in_flight"] == 2  # this one and the question
            first = server.started()
            for process in first:
                os.kill(process, signal.SIGKILL)
            wait_for_workers(server, 4)
        assert not set(first) & set(server.started()[2:])
        assert server.metrics()[name] == 40  # a counter never falls
        time.sleep(TOLD_SECONDS)  # the worker that was asked has told of that question
        assert server.metrics()["xent_requests_in_flight"] == 1
        assert server.stop() == 0


def test_a_worker_that_dies_while_it_is_asked_whether_it_lives_is_replaced_at_once(
    serve: Any,
) -> None:
    with serve(XENT_WORKERS="2") as server:
        process = server.started()[0]
        os.kill(process, signal.SIGSTOP)
        time.sleep(1.2)  # the question comes twice a second and waits half a minute
        os.kill(process, signal.SIGKILL)
        wait_for_workers(server, 3, seconds=20)
        assert server.stop() == 0


def wait_for_workers(server: Any, count: int, seconds: float = 30) -> None:
    """Until so many have been started, those that are gone among them."""
    deadline = time.monotonic() + seconds
    while len(server.started()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_port_is_free_at_once(serve: Any) -> None:
    with serve() as server:
        with contextlib.closing(server.connect()) as idle:
            assert server.stop() == 0
            assert idle.recv(1) == b""
        with socket.create_server(("127.0.0.1", server.port)):
            pass
