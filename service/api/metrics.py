"""Figures for Prometheus: counted where a request ends, summed over the workers when asked for."""

import asyncio
import os
from threading import Lock

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel

from service.api.request import ROW_MEMBERS
from service.api.tally import BYTES, SECONDS, SummedHistogram, Tally
from service.errors import Code

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Names beyond these are counted together: whoever makes models must not make series without end.
MAX_NAMES = 200
OTHER = "other"
LOSSES = "/v1/losses/"
# How long the figures of one worker are its own.
TELL_SECONDS = 1.0


class Metrics:
    """The counters of one server process.

    Labels are templates of routes, methods of a fixed list, statuses, codes and names of what was
    computed with, never what a client made up. Where `PROMETHEUS_MULTIPROC_DIR` is set, every
    worker keeps its numbers in files of that folder, and each tells the sums of all.

    The counters of the library take a lock each, ten of them for a request, which is a tenth of a
    small prediction: here requests are counted in plain numbers, and told to the library before
    somebody reads it.

    Attributes:
        in_flight: requests begun and not answered; only the loop of the server counts them.
    """

    def __init__(self) -> None:
        # When a counter was made would be a second series for each.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._shared = FOLDER in os.environ
        route = ("route",)
        self._requests = Counter(
            "xent_requests",
            "Requests answered",
            ("method", *route, "status"),
            registry=self._registry,
        )
        self._seconds = SummedHistogram(
            "xent_request_duration_seconds",
            "Time from the headers of a request to the end of its answer",
            route,
            buckets=SECONDS,
            registry=self._registry,
        )
        self._request_bytes = SummedHistogram(
            "xent_request_bytes",
            "Bytes of request bodies",
            route,
            buckets=BYTES,
            registry=self._registry,
        )
        self._response_bytes = SummedHistogram(
            "xent_response_bytes", "Bytes of answers", route, buckets=BYTES, registry=self._registry
        )
        self.in_flight = 0
        self._in_flight = Gauge(
            "xent_requests_in_flight",
            "Requests begun and not answered",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._rejected = Counter(
            "xent_rejected_requests",
            "Requests refused unserved, by code",
            ("reason",),
            registry=self._registry,
        )
        self._loss_rows = Counter(
            "xent_loss_rows", "Rows scored, by loss", ("loss",), registry=self._registry
        )
        self._model_rows = Counter(
            "xent_model_rows",
            "Rows predicted or evaluated, by model",
            ("model",),
            registry=self._registry,
        )
        self._batches = Counter(
            "xent_evaluation_batches",
            "Batches of running evaluations, counted, or repeated and not counted again",
            ("outcome",),
            registry=self._registry,
        )
        self._tallies: dict[tuple[str, str, int], Tally] = {}
        self._lock = Lock()
        self._rows: dict[str, int] = {}
        self._models: set[str] = set()

    def answered(
        self,
        method: str,
        route: str,
        status: int,
        seconds: float = 0.0,
        received: int = 0,
        sent: int = 0,
    ) -> None:
        """Counts an answer.

        Args:
            method: of the request.
            route: the template of its path, or `unmatched`.
            status: of the answer.
            seconds: it took.
            received: bytes of the body.
            sent: bytes of the answer.
        """
        key = (method if method in METHODS else OTHER, route, status)
        with self._lock:
            tally = self._tallies.get(key)
            if tally is None:
                tally = self._tallies[key] = Tally()
            tally.seconds.observe(seconds)
            tally.received.observe(received)
            tally.sent.observe(sent)

    def tell(self) -> None:
        """Hands over to the library what was counted since the last time."""
        with self._lock:
            tallies, self._tallies = self._tallies, {}
            rows, self._rows = self._rows, {}
        for (method, route, status), tally in tallies.items():
            self._requests.labels(method, route, str(status)).inc(sum(tally.seconds.counts))
            self._seconds.labels(route).add(tally.seconds)
            self._request_bytes.labels(route).add(tally.received)
            self._response_bytes.labels(route).add(tally.sent)
        for name, count in rows.items():
            if name.startswith(LOSSES):
                self._loss_rows.labels(name.removeprefix(LOSSES)).inc(count)
            else:
                if len(self._models) < MAX_NAMES:
                    self._models.add(name)
                shown = name if name in self._models else OTHER
                self._model_rows.labels(shown).inc(count)
        self._in_flight.set(self.in_flight)

    async def share(self) -> None:
        """Lets the other workers know, once a second until it is cancelled, and then once more."""
        try:
            while self._shared:
                await asyncio.sleep(TELL_SECONDS)
                self.tell()
        finally:
            self.tell()

    def rejected(self, reason: Code) -> None:
        """Counts a request that was refused before anything was computed."""
        self._rejected.labels(reason.value).inc()

    def scored(self, route: str, model: str | None, rows: int) -> None:
        """Counts the rows of an answered request, for its loss or its model.

        Args:
            route: the template of the path.
            model: that was asked, which exists.
            rows: of the request.
        """
        if model is not None or route.startswith(LOSSES):
            name = model or route
            with self._lock:
                self._rows[name] = self._rows.get(name, 0) + rows

    def pushed(self, *, repeated: bool) -> None:
        """Counts an answered batch of a running evaluation."""
        self._batches.labels("repeated" if repeated else "counted").inc()

    def render(self) -> bytes:
        """Everything, in the text format of Prometheus; of other workers, as of a second ago."""
        self.tell()
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def rows_of(asked: BaseModel) -> int:
    """How many rows a request holds: samples of a loss, feature rows of a model."""
    members = asked.__dict__  # attributes that a model does not have are slow to look up
    inputs = members.get("inputs")
    if inputs is not None:
        return len(inputs)
    given = (members.get(name) for name in ROW_MEMBERS)
    array = next((a for a in given if a is not None), None)
    if array is None or not array.size:  # of an empty batch no axis is looked at
        return 0
    axis = members.get("axis")  # binary losses have none: each element is a sample
    return int(array.size if axis is None else array.size // max(1, array.shape[axis]))
