"""What a span tells, and what it never does; recorded as an exporter would get it.

The dependencies have OpenTelemetry's interfaces, and its SDK only by the extra otel.
"""

from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from starlette.testclient import TestClient

from service import app as room
from service.api.access import needs
from service.api.tracing import name_of
from service.registry import SCOPES
from service.settings import Settings


class Span(trace.NonRecordingSpan):
    """Keeps what it is given."""

    def __init__(self, name: str, attributes: Mapping[str, Any] | None) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name = name
        self.attributes = dict(attributes or {})
        self.more: list[Any] = []
        self.ended = False

    def is_recording(self) -> bool:
        return True

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        assert not self.ended
        self.attributes.update(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self.set_attributes({key: value})

    def update_name(self, name: str) -> None:
        self.name = name

    def add_event(self, *arguments: Any, **more: Any) -> None:
        self.more += [arguments, more]

    def record_exception(self, *arguments: Any, **more: Any) -> None:
        self.more += [arguments, more]

    def set_status(self, *arguments: Any, **more: Any) -> None:
        self.more += [arguments, more]

    def end(self, end_time: int | None = None) -> None:
        self.ended = True


class Tracer(trace.NoOpTracer):
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def start_span(self, name: str, *, attributes: Any = None, **more: Any) -> Span:  # type: ignore[override]
        self.spans.append(Span(name, attributes))
        return self.spans[-1]


class Provider(trace.TracerProvider):
    def __init__(self) -> None:
        self.tracer = Tracer()

    def get_tracer(self, *arguments: Any, **more: Any) -> Tracer:
        return self.tracer


@pytest.fixture
def spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TestClient, Any]]:
    """A client of an application, and the spans of its requests."""
    provider = Provider()
    given = {**room._telemetry(True), "tracer_provider": provider, "auto_configure": False}
    monkeypatch.setattr(room, "_telemetry", lambda on: given)
    app = room.create_app(Settings(data_dir=tmp_path, database_url=None, opentelemetry=True))

    async def boom() -> None:
        raise RuntimeError("a hidden fault")

    app.router.add_api_route("/boom", boom, openapi_extra=needs("public"))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client, provider.tracer.spans


@pytest.mark.filterwarnings("ignore:.*fork")  # of a process with threads, by Python 3.12
def test_workers_that_were_forked_make_ids_of_their_own() -> None:
    """As those of a server that has loaded the application before it starts them."""
    with get_context("fork").Pool(2) as workers:
        ids = [worker.get() for worker in [workers.apply_async(name_of, ({},)) for _ in range(9)]]
    assert len({*ids, name_of({})}) == 10


def test_a_request_has_one_span_by_its_route(spans: tuple[TestClient, list[Span]]) -> None:
    client, found = spans
    assert client.post("/v1/softmax?format=json", json={"logits": [1, 2]}).status_code == 200
    (span,) = found
    assert span.ended
    assert span.attributes["http.route"] == "/v1/softmax"
    assert span.attributes["url.path"] == "/v1/softmax"
    assert span.attributes["url.query"] == "format=json"
    assert span.attributes["http.response.status_code"] == 200


def test_no_span_tells_a_key_or_what_a_fault_said(spans: tuple[TestClient, list[Span]]) -> None:
    client, found = spans
    token = client.post("/v1/keys", json={"name": "all", "scopes": SCOPES}).json()["key"]
    client.headers["Authorization"] = f"Bearer {token}"
    for path in (
        "/v1/keys", "/boom", f"/v1/models/{token}", f"/v1/models/{token[:-9]}/aliases/default",
        f"/v1/models?after={token}", f"/v1/models?after=%78{token[1:]}", f"/{token}?{token}",
    ):  # fmt: skip
        client.get(path)
    client.post("/v1/softmax", content=token, headers={"X-Key": token, "X-Request-Id": token})
    assert len(found) == 9
    told = [(span.name, span.attributes, span.more) for span in found if span.ended]
    assert len(told) == 9
    assert token[16:36] not in str(told)
    assert str(told).count(f"xent_{token[5:15]}_REDACTED") == 6
    assert "hidden" not in str(told)
    assert client.get("/v1/keys").status_code == 200
