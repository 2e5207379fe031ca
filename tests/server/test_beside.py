"""The process beside a server: what it does, and what becomes of it."""

import gzip
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.api.beside import Beside, Fault
from service.api.media import form_of
from service.api.request import JOINED_BYTES
from service.api.sizes import BESIDE_BYTES
from service.classifier import shipped_models
from service.errors import InvalidInput, TooLarge, Unavailable
from service.settings import Settings
from service.wire import TENSORS, parse_tensors
from service.wire.tensorfile import write_file

FORM, _ = form_of({b"content-type": b"application/json"})
ENTRY = "service.app:work_beside"


@pytest.fixture(scope="module")
def beside() -> Any:
    made = Beside(Settings(max_elements=1000), ENTRY)
    yield made
    made.end()


def pid(beside: Beside) -> int:
    assert beside._process is not None
    return beside._process.pid


class TestBeside:
    def test_it_answers_and_stays(self, beside: Beside) -> None:
        first = beside.perform("/v1/softmax", {}, b'{"logits": [1, 1]}', FORM)
        started = pid(beside)
        assert bytes(first.content) == b'{"probabilities":[0.5,0.5]}'
        assert (first.rows, first.encoding) == (1, None)
        beside.perform("/v1/models/{name}/predict", {"name": "iris"}, IRIS, FORM, SHIPPED)
        assert pid(beside) == started

    def test_an_error_arrives_whole_and_under_the_settings_of_the_server(
        self, beside: Beside
    ) -> None:
        with pytest.raises(InvalidInput) as found:
            beside.perform("/v1/softmax", {}, b'{"logits": [1, "x"], "what": 1}', FORM)
        assert [fault.pointer for fault in found.value.faults] == ["/what", "/logits/1"]
        assert found.value.count == 2
        assert found.value.detail == str(found.value)
        with pytest.raises(TooLarge, match="1001 elements; the limit XENT_MAX_ELEMENTS is 1000"):
            beside.perform("/v1/softmax", {}, b'{"logits": [1' + b",1" * 1000 + b"]}", FORM)

    def test_what_nobody_foresaw_comes_with_its_traceback(self, beside: Beside) -> None:
        with pytest.raises(Fault, match=r"Traceback(.|\n)*TypeError"):
            beside.perform("/v1/softmax", {"no": "such"}, b'{"logits": [1]}', FORM)
        assert beside.perform("/v1/softmax", {}, b'{"logits": [1]}', FORM).rows == 1

    def test_one_that_dies_is_replaced(self, beside: Beside) -> None:
        beside.perform("/v1/softmax", {}, b'{"logits": [1]}', FORM)
        os.kill(pid(beside), signal.SIGKILL)
        await_death(pid(beside))
        assert beside.perform("/v1/softmax", {}, b'{"logits": [1]}', FORM).rows == 1

    def test_half_an_exchange_is_not_gone_on_from(
        self, beside: Beside, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def exhausted(*arguments: Any) -> None:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr("service.api.beside._read", exhausted)
            with pytest.raises(MemoryError):
                beside.perform("/v1/softmax", {}, b'{"logits": [1, 1]}', FORM)
        answer = beside.perform("/v1/softmax", {}, b'{"logits": [1]}', FORM)
        assert bytes(answer.content) == b'{"probabilities":[1.0]}'

    def test_one_that_dies_of_a_request_is_503(self, tmp_path: Path) -> None:
        dying = Beside(Settings(), "os:abort")
        with pytest.raises(Unavailable, match="has ended; try again"):
            dying.perform("/v1/softmax", {}, b'{"logits": [1]}', FORM)
        dying.end()

    def test_it_ends_with_its_server_however_that_ends(self) -> None:
        program = (
            "import os, signal, time\n"
            "from tests.server.test_beside import *\n"
            "beside = Beside(Settings(), ENTRY)\n"
            "beside.perform('/v1/softmax', {}, b'{\"logits\": [1]}', FORM)\n"
            "print(pid(beside), flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
        )
        number = int(done.stdout)
        for _ in range(200):
            if not Path(f"/proc/{number}").exists():
                return
            time.sleep(0.02)
        raise AssertionError("it outlives its server")


SHIPPED = shipped_models()["iris"]
IRIS = b'{"inputs": [[5, 3, 1, 1]]}'


def children(process: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = file.read_text()
        except OSError:  # gone meanwhile
            continue
        if int(text.rpartition(")")[2].split()[1]) == process:
            found.append(int(file.parent.name))
    return found


def await_death(process: int) -> None:
    """Returns once all its threads have died, whether or not anybody has looked at its end."""
    for _ in range(500):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z" and len(list(Path(f"/proc/{process}/task").iterdir())) == 1:
            return
        time.sleep(0.02)
    raise AssertionError("it lives on")


LARGE = b'{"logits": [[1, 2]' + b", [1, 2]" * (BESIDE_BYTES // 8) + b"]}"


class TestServer:
    def test_large_and_compressed_bodies_go_there(self, serve: Any) -> None:
        with serve() as server:
            small = self.post(server, b'{"logits": [[1, 2]]}', "identity")
            assert small.startswith(b"HTTP/1.1 200")
            row = small.rpartition(b"[[")[2].removesuffix(b"]]}")
            assert children(server.process.pid) == []  # none until it is needed
            self.goes_there(server, gzip.compress(LARGE), "gzip", row)
            (first,) = children(server.process.pid)
            os.kill(first, signal.SIGKILL)
            await_death(first)
            self.goes_there(server, LARGE, "identity", row)
            (number,) = children(server.process.pid)
            assert number != first
            assert server.stop() == 0
            assert not Path(f"/proc/{number}").exists()
            assert "traceback" not in server.log_text()

    def goes_there(self, server: Any, body: bytes, encoding: str, row: bytes) -> None:
        answer = self.post(server, body, encoding)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"[" + row + b"]") == 1 + BESIDE_BYTES // 8

    @staticmethod
    def post(server: Any, body: bytes, encoding: str) -> bytes:
        lines = [
            "POST /v1/softmax HTTP/1.1",
            "Host: x",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Encoding: {encoding}",
            f"Content-Length: {len(body)}",
        ]
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            answer = b""
            while chunk := connection.recv(2**20):
                answer += chunk
        return answer


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_comes_in_pieces_is_put_together(server: Any, chunked: bool) -> None:
    logits = np.random.default_rng(3).normal(size=(3000, 100))
    body = write_file({"request": "{}"}, {"logits": logits})
    assert len(body) > 2 * JOINED_BYTES
    head = (
        f"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {TENSORS}\r\n"
    ).encode()
    if chunked:
        pieces = [body[place : place + 70_001] for place in range(0, len(body), 70_001)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        head += b"Transfer-Encoding: chunked\r\n\r\n"
        sent += b"0\r\n\r\n"
    else:
        head += b"Content-Length: %d\r\n\r\n" % len(body)
        sent = body
    (answer,) = server.exchange(head + sent)
    assert answer.status == 200
    found = parse_tensors(
        answer.body, frozenset({"probabilities"}), frozenset(), max_elements=10**6, max_header=9999
    )
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-13)
