"""Idempotency-Key over HTTP: what it has to look like, and what a second request is told."""

import asyncio
import threading
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api import once
from service.api.attempts import key_of
from service.api.once import Once
from service.registry import Store, idempotency
from service.registry.attempt import Attempt

FRESH = count()
BODY = {"coefficients": [[1.5, -0.5]], "intercepts": [0.25], "classes": ["rose", "tulip"]}


@pytest.fixture
def path() -> str:
    return f"/v1/models/once-{next(FRESH)}/versions"


@pytest.fixture
def key() -> str:
    return f'"key {next(FRESH)}"'


def create(caller: Any, path: str, key: str, body: Any = None) -> httpx.Response:
    answer: httpx.Response = caller.post(path, body or BODY, **{"idempotency-key": key})
    return answer


def versions(caller: Any, path: str) -> int:
    answer = caller.get(path)
    return len(answer.json()["versions"]) if answer.status_code == 200 else 0


def test_sent_again_it_gets_the_same_answer_and_has_no_effect(
    caller: Any, path: str, key: str
) -> None:
    first, again = create(caller, path, key), create(caller, path, key)
    assert first.status_code == again.status_code == 201
    assert first.headers["location"] == again.headers["location"] == f"{path}/1"
    assert first.headers["content-type"] == again.headers["content-type"]
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert versions(caller, path) == 1
    assert caller.post(path, BODY).json()["version"] == 2


@pytest.mark.parametrize("other", ["body", "path", "query"])
def test_with_another_request_it_is_refused(caller: Any, path: str, key: str, other: str) -> None:
    create(caller, path, key)
    body = {**BODY, "intercepts": [0.5]} if other == "body" else BODY
    place = {"path": path.replace("once", "twice"), "query": f"{path}?format=json"}
    answer = create(caller, place.get(other, path), key, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert versions(caller, path) == 1


def test_a_request_without_effect_leaves_its_key_free(caller: Any, path: str, key: str) -> None:
    assert create(caller, path, key, {**BODY, "classes": ["rose"]}).status_code == 422
    data = {"inputs": [[0], [1], [2], [3]], "labels": ["a", "b", "a", "b"]}
    for _ in range(2):
        answer = create(caller, path, key, {**data, "dry_run": True})
        assert answer.status_code == 200
        assert "idempotency-replayed" not in answer.headers
    assert create(caller, path, key).status_code == 201


def test_a_request_that_fails_while_its_key_is_claimed_leaves_it_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is written in a thread, which goes on when the request has ended."""
    begun, failed = threading.Event(), threading.Event()
    store = Store(f"sqlite:///{tmp_path}/xent.db")
    writing = store.writing

    def slow() -> Any:
        if not begun.is_set():
            begun.set()
            failed.wait(10)
        return writing()

    monkeypatch.setattr(once, "CLAIM_SECONDS", 0.0)
    monkeypatch.setattr(store, "writing", slow)

    async def request() -> None:
        async with Once(store, Attempt("anonymous", "key", "digest")).claimed() as kept:
            assert kept is None
            await asyncio.to_thread(begun.wait, 10)
            asyncio.get_running_loop().call_later(0.2, failed.set)
            raise ValueError("no effect")

    async def run() -> None:
        with pytest.raises(ValueError, match="no effect"):
            await request()
        await asyncio.sleep(0.5)  # for a thread that nobody has waited for

    asyncio.run(run())
    with store.reading() as connection:
        assert idempotency.look(connection, Attempt("anonymous", "key", "digest")) is None
    store.end()


@pytest.mark.parametrize(
    "bad",
    ["", '""', "bare", "8e03978e-40d5-43dd-bc93-6894a57f9324", "'k'", '"k', '"a"b"', '"a\\x"',
     '"k";a=1', '"k", "k"', '"\u00e9"'.encode(), b'"\xff"', f'"{"k" * 256}"', ":aGk=:", "17"],
)  # fmt: skip
def test_what_is_no_string_is_refused(caller: Any, path: str, bad: str | bytes) -> None:
    answer = create(caller, path, bad)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert versions(caller, path) == 0


def test_two_headers_are_refused(caller: Any, path: str) -> None:
    headers = [("content-type", "application/json")] + [("idempotency-key", '"k"')] * 2
    answer = caller.ask("POST", path, json=BODY, headers=headers)
    assert answer.json()["code"] == "invalid_idempotency_key"


@pytest.mark.parametrize(
    ("good", "value"),
    [("k", "k"), ("a b", "a b"), ("1", "1"), ("a\\\\b", "a\\b"), ('a\\"b', 'a"b'),
     ("~!#$%", "~!#$%"), ('\\"' * 255, '"' * 255)],
)  # fmt: skip
def test_what_is_a_string_is_taken(caller: Any, path: str, good: str, value: str) -> None:
    assert create(caller, path, f'"{good}"').status_code == 201
    assert key_of({"headers": [(b"idempotency-key", f' "{good}" '.encode())]}) == value
