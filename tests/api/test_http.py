"""HTTP itself: methods, media types, request ids, limits, bent requests, and the log of it all."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest

from service.wire import TENSORS, dump_tensors

PATHS = {  # a path that exists and the methods it takes
    "/v1/softmax": "OPTIONS, POST",
    "/v1/losses/cross-entropy": "GET, HEAD, OPTIONS, POST",
    "/v1/evaluate": "OPTIONS, POST",
    "/v1/compare": "OPTIONS, POST",
    "/v1/models": "GET, HEAD, OPTIONS",
    "/v1/models/iris": "DELETE, GET, HEAD, OPTIONS",
    "/v1/models/iris/predict": "OPTIONS, POST",
    "/livez": "GET, HEAD, OPTIONS",
    "/problems/not_found": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/docs": "GET, HEAD, OPTIONS",
}


class TestMethods:
    def test_the_table_is_of_every_shape_of_path(self, document: dict[str, Any]) -> None:
        shapes = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): {name.upper() for name in methods}
            for path, methods in document["paths"].items()
        }
        for known, allowed in PATHS.items():
            fits = [methods for shape, methods in shapes.items() if shape.fullmatch(known)]
            if fits:
                found = {"OPTIONS"}.union(*fits)
                found |= {"HEAD"} if "GET" in found else set()
                assert allowed == ", ".join(sorted(found))

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST", "TRACE"])
    @pytest.mark.parametrize(("path", "allowed"), PATHS.items())
    def test_another_method_is_405_with_every_one_there_is(
        self, caller: Any, path: str, allowed: str, method: str
    ) -> None:
        if method in allowed.split(", "):
            return
        answer = caller.ask(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == allowed
        if method != "HEAD":
            assert answer.json()["code"] == "method_not_allowed"
            assert allowed in answer.json()["detail"]

    @pytest.mark.parametrize(("path", "allowed"), PATHS.items())
    def test_options_tells_the_methods(self, caller: Any, path: str, allowed: str) -> None:
        answer = caller.ask("OPTIONS", path)
        assert answer.status_code == 204
        assert answer.headers["allow"] == allowed

    @pytest.mark.parametrize("path", [path for path, allowed in PATHS.items() if "GET" in allowed])
    def test_head_is_get_without_the_body(self, caller: Any, path: str) -> None:
        got, headed = caller.ask("GET", path), caller.ask("HEAD", path)
        assert headed.status_code == got.status_code == 200
        assert headed.content == b""
        for name in ("content-length", "content-type"):
            assert headed.headers[name] == got.headers[name]

    @pytest.mark.parametrize(
        "path",
        ["/", "/nope", "/v1", "/v1/", "/livez/", "/v1/softmax/", "/..%2f", "//livez"],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
    def test_there_is_nothing_elsewhere(self, caller: Any, path: str, method: str) -> None:
        answer = caller.ask(method, path)
        assert answer.status_code == 404
        assert "location" not in answer.headers
        if method != "HEAD":
            assert answer.json()["code"] == "not_found"

    def test_an_unknown_model_is_404_and_the_known_ones_are_told(self, caller: Any) -> None:
        for name in ("roses", "IRIS", "iris%20", "iris%0a", "%ff", "a" * 300):
            answer = caller.get(f"/v1/models/{name}")
            assert answer.status_code == 404
            assert answer.json()["code"] == "unknown_model"
            assert "GET /v1/models lists" in answer.json()["detail"]
            answer = caller.post(f"/v1/models/{name}/predict", {"inputs": [[1]]})
            assert answer.status_code == 404


class TestMediaTypes:
    @pytest.mark.parametrize(
        "media_type",
        [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            'application/json;charset="UTF-8"',
            "application/json;",
        ],
    )
    def test_json_is_taken(self, caller: Any, media_type: str) -> None:
        answer = caller.post("/v1/softmax", {"logits": [1]}, **{"content-type": media_type})
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        "media_type",
        [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "application/problem+json",
            "application/json; charset=latin-1",
            "application/json; charset=utf-16",
            "application/jsonx",
            "application/json, text/plain",
            "\xff",
        ],
    )
    def test_anything_else_is_415(self, caller: Any, media_type: str) -> None:
        headers = {"content-type": media_type.encode("latin-1")}
        answer = caller.ask("POST", "/v1/softmax", content=b'{"logits": [1]}', headers=headers)
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported_media_type"

    def test_no_media_type_is_415(self, caller: Any) -> None:
        answer = caller.ask("POST", "/v1/softmax", content=b'{"logits": [1]}')
        assert answer.status_code == 415

    @pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip", "x"])
    def test_an_encoded_body_is_415(self, caller: Any, encoding: str) -> None:
        answer = caller.post("/v1/softmax", {"logits": [1]}, **{"content-encoding": encoding})
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported_encoding"

    @pytest.mark.parametrize(
        ("accept", "status"),
        [
            ("application/json", 200),
            ("*/*", 200),
            ("application/*", 200),
            ("text/html, application/xhtml+xml, */*;q=0.8", 200),
            ("text/html, APPLICATION/JSON;q=0.1", 200),
            ("application/json; q=1; x=y", 200),
            ("", 200),
            ("text/html", 406),
            ("application/xml, text/*", 406),
            ("application/json;q=0", 406),
            ("application/json;q=0.000", 406),
            ("*/*; q=0", 406),
            ("application/*;q=0, */*", 406),
            ("application/*;q=0, application/json", 200),
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/softmax", "/livez"])
    def test_accept(self, caller: Any, path: str, accept: str, status: int) -> None:
        if path == "/livez":
            answer = caller.get(path, accept=accept)
        else:
            answer = caller.post(path, {"logits": [1]}, accept=accept)
        assert answer.status_code == status

    @pytest.mark.parametrize("accept", ["application/json;q=0, */*", "*/*, application/json;q=0"])
    def test_whoever_takes_all_but_json_is_sent_tensors(self, caller: Any, accept: str) -> None:
        assert caller.get("/livez", accept=accept).status_code == 406
        answer = caller.post("/v1/softmax", {"logits": [1]}, accept=accept)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/vnd.safetensors"

    def test_accept_may_take_several_lines(self, caller: Any) -> None:
        headers = [("accept", "text/html"), ("accept", "application/json")]
        assert caller.ask("GET", "/livez", headers=headers).status_code == 200


class TestRequestIds:
    @pytest.mark.parametrize("given", ["a", "A-1_b.c:d", "7" * 64])
    def test_a_plain_id_is_kept_in_header_problem_and_log(
        self, caller: Any, server: Any, given: str
    ) -> None:
        answer = caller.get("/nope", **{"x-request-id": given})
        assert answer.headers["x-request-id"] == given
        assert answer.json()["request_id"] == given
        (line,) = server.requests(given)
        assert line["status"] == 404

    @pytest.mark.parametrize("given", ["", "a" * 65, "a b", "a\tb", 'a"b', "\xe4", "a,b", "${x}"])
    def test_any_other_is_replaced(self, caller: Any, server: Any, given: str) -> None:
        headers = {"x-request-id": given.encode("latin-1")}
        answer = caller.ask("GET", "/nope", headers=headers)
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
        assert len(server.requests(answer.headers["x-request-id"])) == 1

    def test_no_two_are_alike(self, caller: Any) -> None:
        names = {caller.get("/livez").headers["x-request-id"] for _ in range(20)}
        assert len(names) == 20


class TestLog:
    @pytest.mark.parametrize(
        ("method", "path", "route", "status"),
        [
            ("GET", "/livez?a=1", "/livez", 200),
            ("HEAD", "/livez", "/livez", 200),
            ("GET", "/v1/models/iris", "/v1/models/{name}", 200),
            ("GET", "/v1/models/roses", "/v1/models/{name}", 404),
            ("GET", "/nope/17", "unmatched", 404),
            ("DELETE", "/v1/softmax", "/v1/softmax", 405),
            ("POST", "/v1/models/iris/predict", "/v1/models/{name}/predict", 415),
            ("GET", "/problems/not_found", "/problems/{code}", 200),
            ("GET", "/docs", "/docs", 200),
            ("GET", "/openapi.json", "/openapi.json", 200),
        ],
    )
    def test_a_request_is_one_line(
        self, caller: Any, server: Any, method: str, path: str, route: str, status: int
    ) -> None:
        name = f"log.{method}.{abs(hash(path))}"
        caller.ask(method, path, headers={"x-request-id": name})
        (line,) = server.requests(name)
        milliseconds = line.pop("milliseconds")
        assert 0 <= milliseconds < 10_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
        assert line == {
            "level": "info",
            "logger": "xent.request",
            "event": "request",
            "request_id": name,
            "method": method,
            "route": route,
            "status": status,
        }


def talk(port: int, data: bytes, until: bytes = b"", seconds: float = 5) -> bytes:
    """What the server says to these bytes, up to the end of the connection or to `until`."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        return receive(connection, until)


def receive(connection: socket.socket, until: bytes) -> bytes:
    said = b""
    while not until or until not in said:
        chunk = connection.recv(65536)
        if not chunk:
            break
        said += chunk
    return said


class TestBentRequests:
    @pytest.mark.parametrize(
        "data",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"BREW /livez HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
            b"GET /li\x1bvez HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            b"GET /livez HTTP/1.1\nHost: x\n\n",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
            b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Length: +7\r\n\r\n",
            b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Length: -7\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
            b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ],
    )
    def test_what_is_not_http_is_400_and_the_end(self, server: Any, data: bytes) -> None:
        said = talk(server.port, data)
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close\r\n" in said.lower()

    def test_a_client_that_leaves_is_no_fault(self, server: Any, caller: Any) -> None:
        name = "leaves-early"
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(
                b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"X-Request-Id: " + name.encode() + b"\r\nContent-Length: 100\r\n\r\n{"
            )
        (line,) = server.requests(name)
        assert line["status"] == 400
        assert line["level"] == "info"
        assert caller.get("/livez").status_code == 200

    def test_continue_is_said_before_a_body_is_sent(self, server: Any) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(
                b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 15\r\nExpect: 100-continue\r\n\r\n"
            )
            assert receive(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
            connection.sendall(b'{"logits": [1]}')
            assert b'{"probabilities":[1.0]}' in receive(connection, b"}")

    def test_a_body_that_will_not_be_taken_is_refused_before_it_is_sent(self, server: Any) -> None:
        said = talk(
            server.port,
            b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 5000000000\r\nExpect: 100-continue\r\n\r\n",
            until=b"}",
        )
        assert said.startswith(b"HTTP/1.1 413 ")

    def test_requests_in_one_packet_are_answered_in_order(self, server: Any) -> None:
        one = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: %d\r\n\r\n"
        last = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: 4\r\nConnection: close\r\n\r\n"
        said = talk(server.port, b"".join(one % i for i in range(4)) + last)
        assert re.findall(rb"x-request-id: (\d)", said) == [b"0", b"1", b"2", b"3", b"4"]


class TestLineLimits:
    @pytest.mark.parametrize("path", ["/%00", "/v1/evaluations/a%00b", "/v1/keys?after=%00"])
    @pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
    def test_a_nul_in_the_url(self, caller: Any, method: str, path: str) -> None:
        answer = caller.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert "%00" in answer.json()["detail"]

    @pytest.mark.parametrize(("size", "status"), [(8192, 404), (8193, 414), (60_000, 414)])
    def test_the_url(self, caller: Any, size: int, status: int) -> None:
        for path in ("/" + "a" * (size - 1), "/a?" + "b" * (size - 2)):
            answer = caller.get(path)
            # the question mark is not counted
            assert answer.status_code == status
        if status == 414:
            assert "XENT_MAX_URL_BYTES is 8192" in answer.json()["detail"]
            assert answer.json()["code"] == "url_too_long"

    @pytest.mark.parametrize("count", [1, 10, 1000])
    def test_the_headers(self, caller: Any, count: int) -> None:
        size = 20_000 // count
        headers = [(f"x-{number}", "a" * size) for number in range(count)]
        answer = caller.ask("GET", "/livez", headers=headers)
        assert answer.status_code == 431
        assert answer.json()["code"] == "headers_too_large"
        assert "XENT_MAX_HEADER_BYTES is 16384" in answer.json()["detail"]

    def test_headers_below_the_limit_pass(self, caller: Any) -> None:
        assert caller.get("/livez", x="a" * 16_000).status_code == 200


@contextmanager
def watching(url: str) -> Iterator[Callable[[], float]]:
    """Asks `/livez` all the while; tells the longest time that it took, in seconds."""
    times: list[float] = []
    done = threading.Event()

    def watch() -> None:
        with httpx.Client(base_url=url, timeout=30) as http:
            while not done.is_set():
                began = time.perf_counter()
                assert http.get("/livez").status_code == 200
                times.append(time.perf_counter() - began)
                time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: max(times)
    finally:
        done.set()
        thread.join()
        assert times


def longest_wait(url: str, act: Callable[[], Any]) -> float:
    """The longest that `/livez` took meanwhile; the best of three, since others use the machine."""
    waits = []
    while len(waits) < 3 and (not waits or min(waits) >= 1):
        with watching(url) as longest:
            act()
        waits.append(longest())
    return min(waits)


def peak_memory(pid: int) -> int:
    """The largest resident size of a process so far, in bytes."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class TestBodyLimits:
    SIZE = 100_000_000

    def chunks(self) -> Iterator[bytes]:
        yield b'{"logits": ['
        for _ in range(self.SIZE // 1_000_000):
            yield b"1," * 500_000
        yield b"1]}"

    def test_a_body_of_100_mb_is_refused_and_not_kept(self, server: Any, contract: Any) -> None:
        before = peak_memory(server.process.pid)
        with httpx.Client(base_url=server.url, timeout=30) as http:
            headers = {"content-type": "application/json", "content-length": str(self.SIZE + 15)}
            announced = http.post("/v1/softmax", content=self.chunks(), headers=headers)
            del headers["content-length"]
            chunked = http.post("/v1/softmax", content=self.chunks(), headers=headers)
            for answer in (announced, chunked):
                contract.check(answer)
                assert answer.status_code == 413
                assert answer.json()["code"] == "body_too_large"
                assert "XENT_MAX_JSON_BYTES of 33554432" in answer.json()["detail"]
            assert http.get("/livez").status_code == 200
        assert peak_memory(server.process.pid) - before < 100_000_000

    def test_900_000_unknown_members_are_a_short_answer_and_hold_nobody_up(
        self, server: Any, caller: Any
    ) -> None:
        body = "{" + ",".join(f'"n{number}":1' for number in range(900_000)) + "}"
        answer = caller.post("/v1/softmax", body)
        assert answer.status_code == 422
        assert answer.json()["error_count"] == 900_001  # with the logits that are missing
        assert longest_wait(server.url, lambda: caller.post("/v1/softmax", body)) < 1

    @pytest.mark.parametrize(
        ("item", "end"), [("[1,2,3],", "[1,true,3]]}"), ('"Infinity",', '"x"]}')]
    )
    def test_a_large_body_with_its_last_cell_wrong_holds_nobody_up(
        self, server: Any, caller: Any, item: str, end: str
    ) -> None:
        body = '{"logits": [' + item * (8_000_000 // len(item)) + end
        assert caller.post("/v1/softmax", body).status_code == 422
        assert longest_wait(server.url, lambda: caller.post("/v1/softmax", body)) < 1

    def test_elements_and_classes_have_limits(self, serve: Any) -> None:
        with serve(XENT_MAX_ELEMENTS="6", XENT_MAX_CLASSES="3") as server:
            with httpx.Client(base_url=server.url) as http:
                right = http.post("/v1/softmax", json={"logits": [[1, 2, 3], [4, 5, 6]]})
                assert right.status_code == 200
                wide = http.post("/v1/softmax", json={"logits": [1, 2, 3, 4]})
                other = {"logits": [[1], [2], [3], [4]], "axis": 0}
                columns = http.post("/v1/softmax", json=other)
                empty = dump_tensors({"logits": np.empty((0, 4)), "labels": np.empty(0, int)})
                kind = {"Content-Type": TENSORS}
                none = http.post("/v1/losses/cross-entropy", content=empty, headers=kind)
                many = {"logits": [[1, 2]] * 3, "labels": [0, 1, 0]}
                both = http.post("/v1/losses/cross-entropy", json=many)
                found = http.get("/limits").json()["limits"]
            for answer, code, name, value in [
                (wide, "too_many_classes", "XENT_MAX_CLASSES", 3),
                (columns, "too_many_classes", "XENT_MAX_CLASSES", 3),
                (none, "too_many_classes", "XENT_MAX_CLASSES", 3),
                (both, "too_many_elements", "XENT_MAX_ELEMENTS", 6),
            ]:
                assert answer.status_code == 413
                assert answer.json()["code"] == code
                assert f"{name} is {value}" in answer.json()["detail"]
            assert found["elements"]["value"] == 6
            assert found["classes"]["value"] == 3
