"""Evaluations over HTTP: kept with the bytes of their reports; pushed to by many at once."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from service.wire import TENSORS, dump_tensors

PATH = "/v1/evaluations"
ROWS: dict[str, Any] = {
    "probabilities": [[0.7, 0.3], [0.2, 0.8], [0.9, 0.1]],
    "labels": ["cat", "dog", "dog"],
    "classes": ["cat", "dog"],
    "slices": {"where": ["x", "y", "x"]},
}
BATCH = {name: ROWS[name] for name in ("probabilities", "labels", "slices")}
FRESH = count()


def key(word: object) -> dict[str, str]:
    return {"idempotency-key": f'"{word}"'}


@pytest.fixture
def running(caller: Any) -> str:
    """The path of an evaluation that takes batches."""
    return str(caller.post(f"{PATH}/open", {"classes": ["cat", "dog"]}).headers["location"])


class TestStored:
    def test_the_report_has_the_bytes_of_evaluate(self, caller: Any) -> None:
        report = caller.post("/v1/evaluate", ROWS).content
        facts = {"name": "n\u2028", "model": "pets", "version": 3, "tags": {"a": "\u00e4"}}
        made = caller.post(PATH, {**ROWS, **facts})
        assert made.status_code == 201
        shown = caller.get(made.headers["location"])
        assert made.content == shown.content
        assert b'"report":' + report in shown.content
        assert facts.items() <= shown.json().items()
        assert shown.json()["id"] == made.headers["location"].rpartition("/")[2]

    def test_everything_that_a_report_may_have(self, caller: Any) -> None:
        include = {"include": ["equal_mass", "isotonic", "temperature", "bootstrap"]}
        report = caller.post("/v1/evaluate", {**ROWS, **include}).content
        made = caller.post(PATH, {**ROWS, **include})
        assert report in caller.get(made.headers["location"]).content

    def test_a_version_of_a_model(self, caller: Any) -> None:
        rows = {"inputs": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], "labels": ["setosa"] * 2}
        report = caller.post("/v1/models/iris/evaluate", rows).content
        made = caller.post("/v1/models/iris/versions/default/evaluations", {**rows, "name": "x"})
        assert report in made.content
        assert {"model": "iris", "version": 1, "name": "x"}.items() <= made.json().items()

    def test_lists_are_paged_and_chosen(self, caller: Any) -> None:
        model = f"listed-{next(FRESH)}"
        made = [caller.post(PATH, {**ROWS, "model": model, "version": 1 + i % 2}) for i in range(5)]
        ids = [answer.json()["id"] for answer in reversed(made)]
        at = {answer.json()["id"]: answer.json()["created"] for answer in made}
        for query, wanted in (
            ("", ids),
            ("&version=1", ids[::2]),
            (f"&since={at[ids[2]]}", ids[:3]),
            (f"&until={at[ids[2]].replace('Z', '%2B00:00')}&version=1", ids[4:]),
        ):
            found, path = [], f"{PATH}?model={model}&limit=2{query}"
            while path:
                page = caller.get(path).json()
                found += [entry["id"] for entry in page["evaluations"]]
                path = page.get("next")
            assert found == wanted, query
        assert page["evaluations"][0]["summary"]["count"] == 3

    def test_delete(self, caller: Any) -> None:
        path = caller.post(PATH, ROWS).headers["location"]
        assert caller.ask("DELETE", path).status_code == 204
        assert caller.get(path).json()["code"] == "unknown_evaluation"
        assert caller.ask("DELETE", path).status_code == 404

    @pytest.mark.parametrize(
        ("members", "pointer"),
        [
            ({"name": ""}, "/name"),
            ({"name": "x" * 201}, "/name"),
            ({"model": "a\u0000b"}, "/model"),
            ({"version": 0}, "/version"),
            ({"version": True}, "/version"),
            ({"tags": {"a": 1}}, "/tags"),
            ({"tags": {str(i): "x" for i in range(21)}}, "/tags"),
            ({"labels": ["cat", "cow", "dog"]}, "/labels/1"),
            ({"running": True}, "/running"),
        ],
    )
    def test_bad_input(self, caller: Any, members: dict[str, Any], pointer: str) -> None:
        answer = caller.post(PATH, {**ROWS, **members})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)

    @pytest.mark.parametrize(
        "query", ["after=7", "after=" + "G" * 32, "limit=0", "since=2026-01-01", "model=", "x=1"]
    )
    def test_bad_queries(self, caller: Any, query: str) -> None:
        assert caller.get(f"{PATH}?{query}").status_code == 422

    def test_answers_are_json(self, caller: Any) -> None:
        assert caller.post(PATH, ROWS, accept=TENSORS).status_code == 406


class TestOnce:
    """Creating calls sent again under one key make one thing."""

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (PATH, ROWS),
            (f"{PATH}/open", {"class_count": 2}),
            (
                "/v1/models/iris/versions/1/evaluations",
                {"inputs": [[5.1, 3.5, 1.4, 0.2]], "labels": ["setosa"]},
            ),
        ],
    )
    def test_one_effect(self, caller: Any, path: str, body: dict[str, Any]) -> None:
        word = f"once {next(FRESH)} {path}"
        first, again = (caller.post(path, body, **key(word)) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.content == again.content
        assert first.headers["location"] == again.headers["location"]
        assert again.headers["idempotency-replayed"] == "true"
        other = caller.post(path, {**body, "name": "other"}, **key(word))
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert caller.post(path, body).headers["location"] != first.headers["location"]


class TestRunning:
    def test_pushed_read_and_closed(self, caller: Any, running: str) -> None:
        path = f"{running}/batches"
        assert "report" not in caller.get(running).json()
        first = caller.post(path, BATCH, **key("day/1"))
        assert first.json() == {
            "evaluation": running.rpartition("/")[2], "batch": "day/1", "count": 3, "ignored": 0,
        }  # fmt: skip
        again = caller.post(path, BATCH, **key("day/1"))
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        body = {
            "probabilities": np.array(BATCH["probabilities"]),
            "labels": BATCH["labels"],
            "slices": BATCH["slices"],
        }
        content = dump_tensors(body).replace(b'"response"', b'"request" ')
        tensors = caller.ask(
            "POST", path, content=content, headers={"content-type": TENSORS, **key("day/2")}
        )
        assert tensors.json()["count"] == 3
        shown = caller.get(running)
        assert (shown.json()["batches"], shown.json()["report"]["count"]) == (2, 6)
        assert shown.json()["report"]["worst"][0]["row"] == "day/1/2"
        closed = caller.ask("POST", f"{running}/close")
        assert caller.ask("POST", f"{running}/close").content == closed.content
        assert caller.get(running).content == closed.content
        assert closed.json()["report"] == shown.json()["report"]
        refused = caller.post(path, BATCH, **key("day/3"))
        assert (refused.status_code, refused.json()["code"]) == (409, "evaluation_closed")
        assert caller.post(path, BATCH, **key("day/1")).content == first.content

    @pytest.mark.parametrize(
        ("members", "pointer"),
        [
            ({"labels": ["cat", "cow", "dog"]}, "/labels/1"),
            ({"probabilities": [[0.5, 0.25, 0.25]] * 3}, "/probabilities"),
            ({"probabilities": [[0.5, 0.6]] * 3}, "/probabilities/0"),
            ({"row_ids": ["a", "b", "a"]}, "/row_ids/2"),
            ({"slices": {"where": [1, 2, 3]}}, "/slices/where"),
            ({"bins": 3}, "/bins"),
        ],
    )
    def test_what_does_not_fit_is_refused_whole(
        self, caller: Any, running: str, members: dict[str, Any], pointer: str
    ) -> None:
        caller.post(f"{running}/batches", BATCH, **key(1))
        before = caller.get(running).content
        answer = caller.post(f"{running}/batches", {**BATCH, **members}, **key(2))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert caller.get(running).content == before
        assert caller.post(f"{running}/batches", BATCH, **key(2)).status_code == 200

    @pytest.mark.parametrize(
        "bad", ["", "a", '"', '""', '"a', '"\u00e4"', '"a" "b"', f'"{"x" * 256}"']
    )
    def test_bad_keys(self, caller: Any, running: str, bad: str) -> None:
        answer = caller.post(
            f"{running}/batches", BATCH, **{"idempotency-key": bad.encode("latin-1")}
        )
        assert answer.status_code == 400
        assert answer.json()["code"] in ("idempotency_key_missing", "invalid_idempotency_key")

    def test_more_classes_than_the_limit(self, caller: Any) -> None:
        answer = caller.post(f"{PATH}/open", {"class_count": 131_073})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_classes")


def test_large_bodies_are_scored_beside(serve: Any, contract: Any) -> None:
    rows = 40_000
    body = {"logits": [[i % 7, 1.5] for i in range(rows)], "labels": [0, 1] * (rows // 2)}
    content = orjson.dumps({**body, "bins": 5})
    assert len(content) > 2**18
    with (
        serve(XENT_MAX_CLASSES="2") as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        headers = {"content-type": "application/json", "content-encoding": "identity"}
        made = http.post(PATH, content=content + b" " * 2**20, headers=headers)
        assert made.status_code == 201, made.text
        report = http.post("/v1/evaluate", content=content, headers=headers).content
        assert report in made.content
        running = http.post(f"{PATH}/open", json={"class_count": 2, "bins": 5}).headers["location"]
        batch = {**body, "row_ids": list(range(rows))}
        pushed = http.post(
            f"{running}/batches", content=orjson.dumps(batch) + b" " * 2**20,
            headers={**headers, **key("x")},
        )  # fmt: skip
        assert pushed.json()["count"] == rows
        assert report in http.get(running).content


def test_eight_clients_and_two_workers_count_every_batch_once(serve: Any) -> None:
    rng = np.random.default_rng(5)
    logits, labels = rng.normal(size=(480, 3)), rng.integers(0, 3, 480)
    turns = [*range(48), *range(48)]
    rng.shuffle(turns)
    with serve(XENT_WORKERS="2") as server:
        path = httpx.post(f"{server.url}{PATH}/open", json={"class_count": 3}).headers["location"]

        def push(turn: int) -> bytes:
            rows = slice(10 * turn, 10 * turn + 10)
            body = {"logits": logits[rows].tolist(), "labels": labels[rows].tolist(),
                    "row_ids": list(range(480))[rows]}  # fmt: skip
            answer = httpx.post(
                f"{server.url}{path}/batches", json=body, headers=key(turn), timeout=60
            )
            assert answer.status_code == 200, answer.text
            return answer.content

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(push, turns))
        assert len(set(answers)) == 48
        body = {"logits": logits.tolist(), "labels": labels.tolist(), "row_ids": list(range(480))}
        report = httpx.post(f"{server.url}/v1/evaluate", json=body).content
        shown = httpx.get(f"{server.url}{path}")
        assert (shown.json()["batches"], shown.json()["report"]["count"]) == (48, 480)
        assert report in shown.content
        closed = httpx.post(f"{server.url}{path}/close", timeout=60)
        assert report in closed.content
        assert httpx.get(f"{server.url}{path}").content == closed.content
