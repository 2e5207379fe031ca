"""HTTP as bytes: what is served, what is refused, and that nothing is understood twice."""

from typing import Any

import pytest

HOST = b"Host: x\r\n"
BODY = b'{"logits": [2, 4, 0.5]}'
SIZE = b"Content-Length: %d\r\n" % len(BODY)
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /v1/softmax HTTP/1.1\r\n" + HOST + JSON
LIVE = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def get(target: bytes = b"/livez", headers: bytes = HOST, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\n" + headers + b"\r\n"


def header(line: bytes) -> bytes:
    return get(headers=HOST + line + b"\r\n")


def post(headers: bytes, body: bytes) -> bytes:
    return POST + headers + b"\r\n" + body


# Answered, after which the connection is good for another request.
SERVED = {
    "get": (get(), 200),
    "absolute target": (get(b"http://x/livez"), 200),
    "absolute target of another host": (get(b"http://evil.example/livez"), 200),
    "query": (get(b"/livez?a=b&c"), 200),
    "empty query": (get(b"/livez?"), 200),
    "fragment": (get(b"/livez#a"), 200),
    "percent-encoded path": (get(b"/live%7a"), 200),
    "slashes doubled": (get(b"//livez"), 404),
    "slash at the end": (get(b"/livez/"), 404),
    "dots": (get(b"/a/../livez"), 404),
    "encoded dots": (get(b"/..%2f..%2fetc/passwd"), 404),
    "encoded NUL": (get(b"/livez%00"), 400),
    "encoded line feeds": (get(b"/%0d%0aSet-Cookie:a"), 404),
    "half a percent": (get(b"/%"), 404),
    "bytes beyond UTF-8, encoded": (get(b"/%ff%fe"), 404),
    "empty header": (header(b"A:"), 200),
    "header of spaces": (header(b"A:   "), 200),
    "header with tab": (header(b"A:\tb"), 200),
    "header beyond ASCII": (header(b"A: \xff\xfe"), 200),
    "hundred headers": (header(b"\r\n".join(b"A%d: b" % i for i in range(100))), 200),
    "host with port": (get(headers=b"Host: x:8000\r\n"), 200),
    "host of IPv6": (get(headers=b"Host: [::1]:8000\r\n"), 200),
    "host empty": (get(headers=b"Host:\r\n"), 200),
    "host in capitals": (get(headers=b"HOST: x\r\n"), 200),
    "empty lines before": (b"\r\n\r\n" + get(), 200),
    "head": (b"HEAD /livez HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "options": (b"OPTIONS /livez HTTP/1.1\r\n" + HOST + b"\r\n", 204),
    "put": (b"PUT /livez HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "trace": (b"TRACE /livez HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "propfind": (b"PROPFIND /livez HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "purge": (b"PURGE /nowhere HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "body": (post(SIZE, BODY), 200),
    "body in chunks": (post(CHUNKED, CHUNKS), 200),
    "body in chunks of one byte": (
        post(CHUNKED, b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n"),
        200,
    ),
    "chunk extension": (post(CHUNKED, CHUNKS.replace(b"\r\n", b";a=b\r\n", 1)), 200),
    "chunk size with zeros": (post(CHUNKED, b"000" + CHUNKS), 200),
    "chunk size in capitals": (
        post(CHUNKED, b"1E\r\n" + BODY + b" " * 7 + b"\r\n0\r\n\r\n"),
        200,
    ),
    "trailer": (post(CHUNKED, CHUNKS[:-2] + b"A: b\r\n\r\n"), 200),
    "trailer that says media type": (
        b"POST /v1/softmax HTTP/1.1\r\n"
        + HOST
        + CHUNKED
        + b"\r\n"
        + CHUNKS[:-2]
        + b"Content-Type: application/json\r\n\r\n",
        415,
    ),
    "coding in capitals": (post(b"Transfer-Encoding: Chunked\r\n", CHUNKS), 200),
    "body of nothing": (post(b"Content-Length: 0\r\n", b""), 400),
    "chunks of nothing": (post(CHUNKED, b"0\r\n\r\n"), 400),
    "no body": (post(b"", b""), 400),
    "body of get": (get(headers=HOST + b"Content-Length: 3\r\n") + b"abc", 200),
    "body to nowhere": (post(SIZE, BODY).replace(b"/v1/softmax", b"/nowhere"), 404),
    "body with the wrong method": (post(SIZE, BODY).replace(b"/v1/softmax", b"/livez"), 405),
    "body of another type": (post(SIZE, BODY).replace(b"/json", b"/xml"), 415),
    "body that is a request": (
        post(b"Content-Length: %d\r\n" % len(LIVE), LIVE),
        400,
    ),
    "length with zeros": (post(b"Content-Length: 0%d\r\n" % len(BODY), BODY), 200),
    "expect, body at once": (post(SIZE + b"Expect: 100-continue\r\n", BODY), 200),
    "accept empty, twice": (post(SIZE + b"Accept:\r\n" * 2, BODY), 200),
    "accept empty, twice, of what is there": (header(b"Accept:\r\nAccept:"), 200),
    "encoding empty, then none": (
        post(SIZE + b"Content-Encoding:\r\nContent-Encoding: identity\r\n", BODY),
        200,
    ),
    "expect something else": (post(SIZE + b"Expect: 200-ok\r\n", BODY), 200),
    "upgrade to websocket": (
        header(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"),
        200,
    ),
    "upgrade to http2": (
        header(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA"),
        200,
    ),
    "upgrade with a body": (
        post(SIZE + b"Connection: Upgrade\r\nUpgrade: h2c\r\n", BODY),
        200,
    ),
    "hop-by-hop named": (header(b"Connection: keep-alive, X-Request-Id"), 200),
    "forwarded": (header(b"X-Forwarded-For: 1.2.3.4, evil\r\nX-Forwarded-Host: evil"), 200),
    "range": (header(b"Range: bytes=0-0,1-1"), 200),
    "request id of spaces": (header(b"X-Request-Id: a b"), 200),
    "two request ids": (header(b"X-Request-Id: a\r\nX-Request-Id: b"), 200),
    "url at the limit": (get(b"/" + b"a" * 8191), 404),
    "url over the limit": (get(b"/" + b"a" * 8192), 414),
    "query over the limit": (get(b"/livez?" + b"a" * 8192), 414),
    "header over the limit": (header(b"A: " + b"b" * 17000), 431),
    "headers over the limit": (header(b"\r\n".join([b"A: b"] * 4000)), 431),
}

# Answered once, and the connection is closed.
CLOSED = {
    "HTTP/1.0": (get(version=b"HTTP/1.0"), 200),
    "HTTP/1.0 without host": (get(headers=b"", version=b"HTTP/1.0"), 200),
    "HTTP/1.0 that would stay": (
        get(headers=b"Connection: keep-alive\r\n", version=b"HTTP/1.0"),
        200,
    ),
    "HTTP/1.0 with a body": (post(SIZE, BODY).replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
    "close": (header(b"Connection: close"), 200),
    "close in capitals": (header(b"Connection: CLOSE"), 200),
    "close among others": (header(b"Connection: foo, close"), 200),
    "expect, refused before the body": (
        post(b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n", b""),
        413,
    ),
}

# Not HTTP as RFC 9112 has it, or with two meanings.
BROKEN = {
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "HTTP/0.9 by name": get(version=b"HTTP/0.9"),
    "HTTP/1.2": get(version=b"HTTP/1.2"),
    "HTTP/2.0": get(version=b"HTTP/2.0"),
    "HTTP/3": get(version=b"HTTP/3"),
    "http in small letters": get(version=b"http/1.1"),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"a" * 200,
    "noise": bytes(range(1, 256)),
    "NUL": b"\x00" * 64,
    "JSON": b'{"logits": [1]}\r\n\r\n',
    "SSH": b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
    "no host": get(headers=b""),
    "two hosts": get(headers=HOST + b"Host: y\r\n"),
    "the host twice": get(headers=HOST + HOST),
    "host with a space": get(headers=b"Host: a b\r\n"),
    "host with a slash": get(headers=b"Host: a/b\r\n"),
    "host with a user": get(headers=b"Host: a@b\r\n"),
    "host with a quote": get(headers=b'Host: "a"\r\n'),
    "host beyond ASCII": get(headers=b"Host: \xe4\r\n"),
    "method in small letters": LIVE.replace(b"GET", b"get"),
    "method unknown": LIVE.replace(b"GET", b"BREW"),
    "method of signs": LIVE.replace(b"GET", b"G@T"),
    "method without end": b"A" * 40000,
    "connect": b"CONNECT x:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect to a path": b"CONNECT /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "target without slash": get(b"livez"),
    "target of a space": get(b"/a b"),
    "target beyond ASCII": get(b"/\xc3\xa4"),
    "target with escape": get(b"/\x1b[31m"),
    "target with NUL": get(b"/\x00"),
    "space before header": header(b" A: b"),
    "space before colon": header(b"A : b"),
    "tab before colon": header(b"A\t: b"),
    "header without colon": header(b"AAAA"),
    "header without name": header(b": b"),
    "header name with a space": header(b"A b: c"),
    "header name with a quote": header(b'A": c'),
    "header name beyond ASCII": header(b"\xc3\xa4: c"),
    "header with NUL": header(b"A: b\x00c"),
    "header with escape": header(b"X-Forwarded-For: \x1b[31m"),
    "header with a bare return": header(b"A: b\rc"),
    "folded header": header(b"A: b\r\n c"),
    "bare line feeds": LIVE.replace(b"\r\n", b"\n"),
    "bare returns": LIVE.replace(b"\r\n", b"\r"),
    "length and coding": post(SIZE + CHUNKED, CHUNKS),
    "coding and length": post(CHUNKED + SIZE, CHUNKS),
    "two lengths": post(SIZE + b"Content-Length: 5\r\n", BODY),
    "the length twice": post(SIZE + SIZE, BODY),
    "lengths in one": post(b"Content-Length: 23, 23\r\n", BODY),
    "length +": post(b"Content-Length: +23\r\n", BODY),
    "length -": post(b"Content-Length: -23\r\n", BODY),
    "length in hex": post(b"Content-Length: 0x17\r\n", BODY),
    "length with a point": post(b"Content-Length: 23.0\r\n", BODY),
    "length of a word": post(b"Content-Length: all\r\n", BODY),
    "length of nothing": post(b"Content-Length:\r\n", BODY),
    "length beyond 64 bits": post(b"Content-Length: 99999999999999999999\r\n", BODY),
    "length with a space inside": post(b"Content-Length: 2 3\r\n", BODY),
    "coding xchunked": post(b"Transfer-Encoding: xchunked\r\n", CHUNKS),
    "coding identity": post(b"Transfer-Encoding: identity\r\n", CHUNKS),
    "coding gzip": post(b"Transfer-Encoding: gzip\r\n", CHUNKS),
    "coding gzip, chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
    "coding chunked, identity": post(b"Transfer-Encoding: chunked, identity\r\n", CHUNKS),
    "coding chunked twice": post(CHUNKED + CHUNKED, CHUNKS),
    "coding with a tab before": post(b"Transfer-Encoding:\x0bchunked\r\n", CHUNKS),
    "coding in HTTP/1.0": post(CHUNKED, CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "chunk size of a word": post(CHUNKED, b"all\r\n"),
    "chunk size -": post(CHUNKED, b"-1\r\n"),
    "chunk size 0x": post(CHUNKED, b"0x17\r\n"),
    "chunk size beyond 64 bits": post(CHUNKED, b"f" * 17 + b"\r\n"),
    "chunk longer than told": post(CHUNKED, b"2\r\nabc\r\n0\r\n\r\n"),
    "chunk with bare line feeds": post(CHUNKED, CHUNKS.replace(b"\r\n", b"\n")),
    "chunk size with a space": post(CHUNKED, CHUNKS.replace(b"\r\n", b" \r\n", 1)),
}


def test_there_are_enough_of_them() -> None:
    assert len(SERVED) + len(CLOSED) + len(BROKEN) >= 140


@pytest.mark.parametrize("name", SERVED)
def test_served_and_the_connection_stays(server: Any, name: str) -> None:
    data, status = SERVED[name]
    if name == "head":  # its answer tells a length and has none
        data, status = b"", 200
        with server.connect() as connection:
            connection.sendall(SERVED[name][0])
            assert connection.recv(2**16).endswith(b"\r\n\r\n")
        return
    first, last = server.exchange(data + LAST)
    assert first.status == status
    assert last.status == 200
    assert last.headers["connection"] == "close"
    if status >= 400:
        first.problem()


@pytest.mark.parametrize("name", CLOSED)
def test_answered_once(server: Any, name: str) -> None:
    data, status = CLOSED[name]
    (answer,) = server.exchange(data + LAST)
    assert answer.status == status
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("name", BROKEN)
def test_refused(server: Any, name: str) -> None:
    (answer,) = server.exchange(BROKEN[name] + b"\r\n" + LAST)
    assert answer.status == 400
    assert answer.problem()["code"] == "bad_request"
    assert answer.headers["connection"] == "close"


def test_a_client_that_says_twice_that_it_waits_is_told_to_go_on(server: Any) -> None:
    with server.connect() as connection:
        connection.sendall(post(SIZE + b"Expect: 100-continue\r\n" * 2, b""))
        assert connection.recv(2**16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 OK\r\n")


def test_nothing_but_an_answer_goes_to_a_client_of_1_0_that_expects(server: Any) -> None:
    data = post(SIZE + b"Expect: 100-continue\r\n", BODY).replace(b"HTTP/1.1", b"HTTP/1.0")
    with server.connect() as connection:
        connection.sendall(data)
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("line", [b"A", b"A: b\r\n c", b"A: " + b"b" * 50_000])
def test_a_refused_head_gets_no_body(server: Any, line: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(b"HEAD /livez HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n")
        data = b""
        while chunk := connection.recv(2**16):
            data += chunk
    assert data.startswith((b"HTTP/1.1 400 Bad Request\r\n", b"HTTP/1.1 431 "))
    assert data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET /" + b"a" * 2**20, 414, "url_too_long"),
        (LIVE[:-2] + b"A: " + b"a" * 20_000_000, 431, "headers_too_large"),
        (LIVE[:-2] + b"a: b\r\n" * 1_000_000, 431, "headers_too_large"),
        (LIVE[:-2] + b"a" * 2**20, 431, "headers_too_large"),
        (post(CHUNKED, b"1;" + b"a" * 2**20), 431, "headers_too_large"),
        (post(CHUNKED, CHUNKS[:-2] + b"A: " + b"a" * 2**20), 431, "headers_too_large"),
        (post(CHUNKED, CHUNKS[:-2] + b"a: b\r\n" * 200_000), 431, "headers_too_large"),
    ],
    ids=["url", "value", "many", "name", "chunk extension", "trailer", "many trailers"],
)
def test_what_does_not_end_is_refused_before_it_is_whole(
    server: Any, receive: Any, data: bytes, status: int, code: str
) -> None:
    with server.connect() as connection:
        try:
            connection.sendall(data)
        except ConnectionError:  # it was closed in the middle, as it should be
            return
        (answer,) = receive(connection)
    assert answer.status == status
    assert answer.problem()["code"] == code


class TestPipeline:
    def test_answers_come_in_their_order(self, server: Any) -> None:
        bodies = [b'{"logits": [0, %d]}' % i for i in range(50)]
        data = b"".join(post(b"Content-Length: %d\r\n" % len(body), body) for body in bodies)
        answers = server.exchange(data + LAST)
        assert [a.status for a in answers] == [200] * 51
        assert len({a.body for a in answers[:-1]}) > 30
        assert answers[0].body == b'{"probabilities":[0.5,0.5]}'

    def test_a_flood_is_answered_whole_and_others_meanwhile(self, server: Any) -> None:
        with server.connect() as connection:
            connection.sendall(LIVE * 3000)
            assert server.get("/livez").status == 200
            connection.sendall(LAST)
            data = b""
            while chunk := connection.recv(2**16):
                data += chunk
        assert data.count(b"HTTP/1.1 200 OK") == 3001

    def test_a_refusal_waits_for_the_answers_before_it(self, server: Any) -> None:
        answers = server.exchange(LIVE + post(SIZE, BODY) + BROKEN["no host"] + LIVE)
        assert [a.status for a in answers] == [200, 200, 400]
        assert answers[-1].problem()

    def test_a_broken_body_waits_too(self, server: Any) -> None:
        answers = server.exchange(post(SIZE, BODY) + BROKEN["chunk size of a word"])
        assert [a.status for a in answers] == [200, 400]

    def test_close_ends_it(self, server: Any) -> None:
        assert [a.status for a in server.exchange(LIVE + LAST + LIVE)] == [200, 200]

    def test_a_request_cut_anywhere_is_the_same(self, server: Any) -> None:
        data = post(CHUNKED, CHUNKS) + LAST
        for cut in range(1, len(data), 7):
            with server.connect() as connection:
                connection.sendall(data[:cut])
                connection.sendall(data[cut:])
                stream = b""
                while chunk := connection.recv(2**16):
                    stream += chunk
            assert stream.count(b"HTTP/1.1 200 OK") == 2, cut


class TestNames:
    def test_a_refusal_has_the_callers_id_and_a_log_line(self, server: Any) -> None:
        (answer,) = server.exchange(get(headers=b"X-Request-Id: mine-1\r\nHost: a\r\nHost: b\r\n"))
        assert answer.problem()["request_id"] == "mine-1"
        line = server.line("mine-1")
        assert (line["status"], line["route"], line["method"]) == (400, "unmatched", "GET")

    def test_a_valid_trace_is_logged(self, server: Any) -> None:
        trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        for name, value, logged in [
            ("t1", f"00-{trace}-{span}-01", True),
            ("t2", f"00-{'0' * 32}-{span}-01", False),
            ("t3", f"00-{trace}-{'0' * 16}-01", False),
            ("t4", f"00-{trace.upper()}-{span}-01", False),
            ("t5", f"00-{trace}-{span}", False),
            ("t6", "evil", False),
        ]:
            lines = f"X-Request-Id: {name}\r\ntraceparent: {value}".encode()
            server.exchange(header(lines) + LAST)
            line = server.line(name)
            assert (line.get("trace_id"), line.get("span_id")) == (
                (trace, span) if logged else (None, None)
            )

    def test_the_steps_of_a_computation_are_timed(self, server: Any) -> None:
        answer, _ = server.exchange(post(SIZE, BODY) + LAST)
        steps = dict(step.split(";dur=") for step in answer.headers["server-timing"].split(", "))
        assert list(steps) == ["parse", "compute", "serialize"]
        assert all(0 <= float(duration) < 1000 for duration in steps.values())
