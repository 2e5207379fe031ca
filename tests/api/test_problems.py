"""Problem documents: every code explained, and a fault of the service itself answered as one."""

import http.client
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.testclient import TestClient

from service import losses
from service.api.explanations import EXPLANATIONS, Explanation
from service.api.problems import MAX_FAULTS, problem, problem_of
from service.app import create_app
from service.errors import Code, Fault, InvalidInput, MalformedBody, XentError
from service.settings import Settings

CONTRACT = "400 401 403 404 405 406 408 409 412 413 414 415 421 422 428 429 431 500 501 503 507"
STATUSES = {int(status) for status in re.findall(r"\d+", CONTRACT)}


def read(response: Any) -> dict[str, Any]:
    return dict(orjson.loads(response.body))


class TestTable:
    def test_every_code_is_explained(self) -> None:
        assert EXPLANATIONS.keys() == set(Code)

    @pytest.mark.parametrize("entry", EXPLANATIONS.values(), ids=str)
    def test_an_explanation_says_something(self, entry: Explanation) -> None:
        assert entry.status in STATUSES
        assert entry.title[0].isupper()
        assert not entry.title.endswith(".")
        assert len(entry.text) > 20
        assert entry.text.endswith(".")

    def test_titles_tell_codes_apart(self) -> None:
        titles = [entry.title for entry in EXPLANATIONS.values()]
        assert len(titles) == len(set(titles))

    @pytest.mark.parametrize("code", Code)
    def test_every_code_has_a_page(self, caller: Any, code: Code) -> None:
        page = caller.get(f"/problems/{code}").json()
        entry = EXPLANATIONS[code]
        assert page == {
            "code": code.value,
            "status": entry.status,
            "title": entry.title,
            "text": entry.text,
        }

    def test_the_list_has_every_page(self, caller: Any) -> None:
        listed = caller.get("/problems").json()["problems"]
        assert listed == [caller.get(f"/problems/{code}").json() for code in Code]


class TestDocument:
    def test_at_most_twenty_faults_are_shown_and_all_are_counted(self) -> None:
        faults = [Fault(f"/m{i}", Code.UNKNOWN_MEMBER, f"m{i}") for i in range(MAX_FAULTS + 5)]
        shown = read(problem_of(InvalidInput(faults), "id"))
        assert [fault["pointer"] for fault in shown["errors"]] == [f"/m{i}" for i in range(20)]
        assert shown["error_count"] == 25
        assert read(problem_of(InvalidInput(faults, uncounted=7), "id"))["error_count"] == 32

    @pytest.mark.parametrize("letter", ["a", "\x01", "é", "😀"])
    @pytest.mark.parametrize("length", [20, 64, 1000])
    def test_the_longest_is_below_16_kb(self, letter: str, length: int) -> None:
        text = letter * length
        faults = [Fault("/" + text, Code.UNKNOWN_MEMBER, text * 4) for _ in range(100)]
        response = problem_of(InvalidInput(faults), "i" * 64)
        assert len(response.body) < 16_000
        assert read(response)["errors"]
        assert read(response)["error_count"] == 100

    def test_a_client_cannot_ask_for_a_long_one(self, caller: Any) -> None:
        for letter in ("\x01", "😀", "~", "/"):
            body = {f"{number}{letter * 70}": 1 for number in range(50)}
            answer = caller.post("/v1/softmax", body)
            assert answer.json()["error_count"] == 51
            assert len(answer.content) < 16_000

    def test_an_error_without_faults_has_none(self) -> None:
        shown = read(problem_of(MalformedBody(Code.INVALID_JSON, "no"), "id"))
        assert shown == {
            "type": "/problems/invalid_json",
            "title": "Not JSON",
            "status": 400,
            "code": "invalid_json",
            "detail": "no",
            "errors": [],
            "error_count": 0,
            "request_id": "id",
            "error": "no",
        }

    @pytest.mark.parametrize("code", Code)
    def test_the_status_is_that_of_the_code(self, code: Code) -> None:
        response = problem_of(XentError(code, "text"), "id")
        assert response.status_code == EXPLANATIONS[code].status
        assert response.media_type == "application/problem+json"

    def test_headers_may_be_added(self) -> None:
        response = problem(Code.METHOD_NOT_ALLOWED, "no", "id", headers={"Allow": "GET"})
        assert response.headers["allow"] == "GET"


@contextmanager
def in_thread(app: Any) -> Iterator[int]:
    """Serves an application of this process, so that a test can break it; gives the port."""
    config = uvicorn.Config(app, port=0, http="httptools", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Softmax has a bug."""

    def fail(**arguments: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(losses, "softmax", fail)


@pytest.mark.usefixtures("broken")
class TestFault:
    @pytest.mark.parametrize("cells", [1, 20_000])  # done at once, and in a thread
    def test_it_is_a_problem_and_logged_once_without_the_body(
        self, caplog: pytest.LogCaptureFixture, contract: Any, cells: int
    ) -> None:
        caplog.set_level(logging.INFO)
        body = {"logits": [271828.1828] * cells}
        with TestClient(create_app(Settings()), base_url="http://localhost") as client:
            answer = client.post("/v1/softmax", json=body, headers={"x-request-id": "bug"})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == "bug"
        contract.conforms({"$ref": "#/components/schemas/Problem"}, answer.json())
        assert answer.json()["code"] == "internal_error"
        assert answer.json()["request_id"] == "bug"
        assert "a bug" not in answer.text
        traced = [record for record in caplog.records if record.exc_info]
        assert len(traced) == 1
        assert vars(traced[0])["request_id"] == "bug"
        assert "271828" not in caplog.text
        (line,) = [r for r in caplog.records if r.getMessage() == "request"]
        assert (vars(line)["status"], vars(line)["route"]) == (500, "/v1/softmax")

    def test_the_connection_lives_on(self) -> None:
        headers = {"Host": "x", "Content-Type": "application/json"}
        with in_thread(create_app(Settings(allowed_hosts=("x",)))) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.connect()
            first = connection.sock
            for _ in range(3):
                connection.request("POST", "/v1/softmax", b'{"logits": [1, 2]}', headers)
                answer = connection.getresponse()
                assert (answer.status, b"internal_error" in answer.read()) == (500, True)
            connection.request("GET", "/livez", headers=headers)
            assert connection.getresponse().status == 200
            assert connection.sock is first
            connection.close()
