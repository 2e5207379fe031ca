"""A server whose disk fails or is full: scoring goes on, and no write is claimed."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.registry import SCOPES
from service.settings import Settings
from tests.registry.disk import Disk, failing_disk

from .conftest import hosted

MODEL = {"coefficients": [[1.0]], "intercepts": [0.0], "classes": ["a", "b"]}
ROWS = {"logits": [[0.0, 1.0]], "labels": [1]}
SCORING = (
    ("/v1/losses/cross-entropy", ROWS),
    ("/v1/softmax", {"logits": [1.0, 2.0]}),
    ("/v1/models/mine/predict", {"inputs": [[1.0]]}),
    ("/v1/models/mine/versions/champion/predict", {"inputs": [[1.0]]}),
    ("/v1/models/digits/predict", {"inputs": [[0.0] * 64]}),
)
RUNNING = "/v1/evaluations/{running}"
WRITES: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
    ("POST", "/v1/models/mine/versions", MODEL, {"Idempotency-Key": '"version"'}),
    ("PUT", "/v1/models/mine/aliases/champion", {"version": 3}, {"If-Match": "*"}),
    ("DELETE", "/v1/models/mine/versions/2", None, {}),
    ("POST", "/v1/models/mine/versions/2/restore", None, {}),
    ("POST", "/v1/evaluations", ROWS, {"Idempotency-Key": '"evaluation"'}),
    ("POST", "/v1/evaluations/open", {"class_count": 2}, {"Idempotency-Key": '"open"'}),
    ("POST", RUNNING + "/batches", ROWS, {"Idempotency-Key": '"batch"'}),
    ("POST", RUNNING + "/close", None, {}),
    ("POST", "/v1/keys", {"name": "another", "scopes": ["score"]}, {}),
    ("DELETE", "/v1/keys/{key}", None, {}),
)


@pytest.fixture
def disk() -> Iterator[Disk]:
    with failing_disk() as found:
        yield found


@contextmanager
def served(folder: Path) -> Iterator[httpx.Client]:
    """In this process, whose SQLite has the disk that fails."""
    app = create_app(Settings(data_dir=folder, allowed_hosts=("127.0.0.1",)))
    with hosted(app) as server, httpx.Client(timeout=60) as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{server.port()}")
        yield client


def kept(client: httpx.Client) -> list[Any]:
    """What there is, as everybody can read it, but for when keys were used last."""
    paths = ("models", "models/mine/versions", "models/mine/aliases/champion", "evaluations")
    keys = client.get("/v1/keys").json()["keys"]
    of_keys = [{name: key[name] for name in key if name != "used"} for key in keys]
    changes = client.get("/v1/audit").json()
    return [*(client.get(f"/v1/{path}").json() for path in paths), of_keys, changes]


@pytest.mark.parametrize(
    ("kind", "full", "status", "code", "again"),
    [
        ("write", False, 503, "store_unavailable", "1"),
        pytest.param("sync", False, 503, "store_unavailable", "1", marks=pytest.mark.slow),
        pytest.param("open", False, 503, "store_unavailable", "1", marks=pytest.mark.slow),
        ("write", True, 507, "store_full", None),  # waiting a second makes no room
    ],
)
def test_scoring_goes_on_and_writes_are_refused(
    kind: str, full: bool, status: int, code: str, again: str | None, disk: Disk, tmp_path: Path
) -> None:
    with served(tmp_path) as client:
        made = client.post("/v1/keys", json={"name": "all", "scopes": SCOPES}).json()
        client.headers["Authorization"] = f"Bearer {made['key']}"
        ids = {"key": client.post("/v1/keys", json={"name": "b", "scopes": SCOPES}).json()["id"]}
        for _ in range(3):
            assert client.post("/v1/models/mine/versions", json=MODEL).status_code == 201
        place = "/v1/models/mine/aliases/champion"
        made = client.put(place, json={"version": 1}, headers={"If-None-Match": "*"})
        assert made.status_code == 200
        opened = client.post("/v1/evaluations/open", json={"class_count": 2})
        ids["running"] = opened.json()["id"]
        before = kept(client)

        with disk.fails(kind, nth=1, times=math.inf, full=full):
            for method, path, body, headers in WRITES:
                answer = client.request(method, path.format(**ids), json=body, headers=headers)
                problem = answer.json()
                assert (answer.status_code, problem["code"]) == (status, code), path
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers.get("retry-after") == again
                assert str(tmp_path) not in answer.text
                for scored, content in SCORING:
                    assert client.post(scored, json=content).status_code == 200, scored
            assert client.get("/readyz").status_code == 200

        assert kept(client) == before
        for method, path, body, headers in WRITES:
            answer = client.request(method, path.format(**ids), json=body, headers=headers)
            assert answer.is_success, answer.text
            assert "idempotency-replayed" not in answer.headers
        after = kept(client)
    with served(tmp_path) as again_started:
        again_started.headers = client.headers
        assert kept(again_started) == after
