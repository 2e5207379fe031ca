"""The figures: what is counted, under which labels, and that clients cannot make series."""

import asyncio
import random
import string
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram
from starlette.testclient import TestClient

from service.api.metrics import MAX_NAMES, Metrics, rows_of
from service.api.schemas.losses import request_model
from service.api.schemas.models import PredictRequest
from service.api.tally import SECONDS, Observed, SummedHistogram
from service.app import create_app
from service.errors import Code
from service.losses import CATALOGUE
from service.settings import Settings

MODELS = {loss.name: request_model(loss) for loss in CATALOGUE}
CrossEntropyRequest = MODELS["cross-entropy"]
BinaryCrossEntropyRequest = MODELS["binary-cross-entropy"]


@pytest.fixture
def app() -> Any:
    return create_app(Settings(max_json_bytes=10_000, allowed_hosts=("*",)))


@pytest.fixture
def client(app: Any) -> Any:
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def series(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_what_a_request_leaves_behind(client: TestClient) -> None:
    body = {"logits": [[0, 1], [2, 3], [4, 5]], "labels": [0, 1, 1]}
    sent = client.post("/v1/losses/cross-entropy", json=body)
    client.post("/v1/losses/cross-entropy", json={**body, "labels": [0, 1, 9]})
    client.post("/v1/softmax", json={"logits": [1] * 10_000})
    client.post("/v1/models/iris/predict", json={"inputs": [[5.1, 3.5, 1.4, 0.2]] * 4})
    client.post("/v1/models/none/predict", json={"inputs": [[1]]})
    client.head("/livez")
    client.get("/" + "a" * 9000)
    found = series(client)
    route = "/v1/losses/cross-entropy"
    assert found[f'xent_requests_total{{method="POST",route="{route}",status="200"}}'] == 1
    assert found[f'xent_requests_total{{method="POST",route="{route}",status="422"}}'] == 1
    assert found['xent_requests_total{method="HEAD",route="/livez",status="200"}'] == 1
    assert found['xent_requests_total{method="GET",route="unmatched",status="414"}'] == 1
    assert found[f'xent_request_duration_seconds_count{{route="{route}"}}'] == 2
    assert 0 < found[f'xent_request_duration_seconds_sum{{route="{route}"}}'] < 10
    size = len(sent.request.content)
    assert found[f'xent_request_bytes_sum{{route="{route}"}}'] == 2 * size
    assert found['xent_response_bytes_sum{route="/livez"}'] == len('{"status":"alive"}')
    assert found['xent_rejected_requests_total{reason="body_too_large"}'] == 1
    assert found['xent_rejected_requests_total{reason="url_too_long"}'] == 1
    assert found['xent_loss_rows_total{loss="cross-entropy"}'] == 3
    assert found['xent_model_rows_total{model="iris"}'] == 4
    assert found["xent_requests_in_flight"] == 1
    assert not [name for name in found if "none" in name or "_created" in name]


def test_ten_thousand_made_up_requests_make_no_series(app: Any, client: TestClient) -> None:
    for path in ("/nowhere", "/v1/models/nobody", "/problems/nothing"):
        for method in ("GET", "POST", "BREW"):
            client.request(method, path)
    series(client)  # asking is counted too
    before = series(client)
    generator = random.Random(20)

    def word() -> str:
        return "".join(generator.choices(string.ascii_letters + '%-._~é{}"\n\\', k=8))

    async def attack() -> None:
        for number in range(10_000):
            prefix = ("/", "/v1/models/", "/problems/")[number % 3]
            path = prefix + word()
            await call(app, word().upper() if number % 2 else "GET", path)

    asyncio.run(attack())
    assert series(client).keys() == before.keys()


async def call(app: Any, method: str, path: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }
    await app(scope, receive, send)


def test_names_have_an_end() -> None:
    metrics = Metrics()
    for number in range(MAX_NAMES + 50):
        metrics.scored("/v1/models/{name}/predict", f"m{number}", 2)
    text = metrics.render().decode()
    assert text.count("xent_model_rows_total{") == MAX_NAMES + 1
    assert 'xent_model_rows_total{model="other"} 100.0' in text


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (CrossEntropyRequest(logits=np.zeros((5, 3))), 5),
        (CrossEntropyRequest(logits=np.zeros(3)), 1),
        (CrossEntropyRequest(probabilities=np.zeros((2, 4, 3))), 8),
        (CrossEntropyRequest(logits=np.zeros((2, 3, 4)), axis=1), 8),
        (CrossEntropyRequest(logits=np.zeros((0, 3))), 0),
        (BinaryCrossEntropyRequest(logits=np.zeros((5, 3))), 15),
        (BinaryCrossEntropyRequest(log_probabilities=np.zeros(())), 1),
        (PredictRequest(inputs=np.zeros((7, 2))), 7),
    ],
)
def test_rows(asked: Any, rows: int) -> None:
    assert rows_of(asked) == rows


def test_every_name_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
    metrics = Metrics()
    metrics.answered("GET", "/livez", 200)
    metrics.rejected(Code.OVERLOADED)
    text = metrics.render().decode()
    names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    assert len(names) == 9
    assert {name for name in names if f"| `{name}` |" not in page} == set()


def test_counted_apart_is_what_the_library_counts() -> None:
    """Amounts at the bounds and between, told now and then, against the library's own way."""
    rng, registry = random.Random(3), CollectorRegistry()
    plain = Histogram("plain", "", ("route",), buckets=SECONDS, registry=registry)
    ours = SummedHistogram("ours", "", ("route",), buckets=SECONDS, registry=registry)
    amounts = [*SECONDS, 0.0, 1e9, *(rng.expovariate(1.0) for _ in range(500))]
    rng.shuffle(amounts)
    for start in range(0, len(amounts), 100):
        observed = Observed(SECONDS)
        for amount in amounts[start : start + 100]:
            plain.labels("/a").observe(amount)
            observed.observe(amount)
        ours.labels("/a").add(observed)
    expected, found = (
        [(s.name.partition("_")[2], s.labels, pytest.approx(s.value)) for s in metric.samples]
        for metric in registry.collect()
    )
    assert len(expected) == len(SECONDS) + 3
    assert found == expected


def test_nothing_is_lost_where_somebody_reads_meanwhile() -> None:
    metrics, done = Metrics(), threading.Event()

    def read() -> None:
        while not done.is_set():
            metrics.render()

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20_000):
        metrics.answered("GET", "/livez", 200, 0.5, 1, 2)
    done.set()
    reader.join()
    text = metrics.render().decode()
    assert 'xent_requests_total{method="GET",route="/livez",status="200"} 20000.0' in text
    assert 'xent_request_duration_seconds_bucket{le="0.5",route="/livez"} 20000.0' in text
    assert 'xent_response_bytes_sum{route="/livez"} 40000.0' in text
