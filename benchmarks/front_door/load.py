"""Load on a server from the other core, and its own time without a server."""

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bodies import Body
from servers import CLIENT_CORE, ROOT, SERVER_CORE, Server

HERE = Path(__file__).parent
T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """What wrk counted, and the server's processor time for each request; in milliseconds."""

    rate: float
    p50: float
    p99: float
    work: float


def require_tools() -> None:
    """Ends the program unless what it stands on is there."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing, the load generator of this benchmark: install it (apt, brew)")
    if shutil.which("taskset") is None:
        sys.exit("taskset is missing, which gives server and client a core each: needs Linux")


def _wrk(url: str, body: Body, connections: int, seconds: float) -> list[str]:
    whole = max(1, round(seconds))
    load = ["-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "60s"]
    script = ["-s", str(HERE / "post.lua"), url, "--", str(body.path), body.media]
    return ["taskset", "-c", CLIENT_CORE, "wrk", *load, *script]


def press(server: Server, path: str, body: Body, connections: int, seconds: float) -> Load:
    """Sends a body again and again on each connection; raises unless all answers were 2xx."""
    command = _wrk(server.url(path), body, connections, seconds)
    before = server.worked()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    worked = server.worked() - before
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    counted = json.loads(line.removeprefix("RESULT "))
    if counted["errors"] or not counted["requests"]:
        raise RuntimeError(f"{server.name}: {counted}")
    return Load(
        rate=counted["requests"] / counted["seconds"],
        p50=counted["p50"],
        p99=counted["p99"],
        work=1e3 * worked / counted["requests"],
    )


@contextmanager
def crowded(server: Server, path: str, body: Body, seconds: float) -> Iterator[None]:
    """Another client sends this body back to back meanwhile."""
    command = _wrk(server.url(path), body, 1, seconds)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield
        if process.poll() is not None:
            raise RuntimeError("the client of the large bodies ended too soon")
    finally:
        process.terminate()
        process.wait()


def paced(server: Server, path: str, body: Body, seconds: float, interval: float) -> list[float]:
    """Milliseconds of requests that are due every `interval` seconds, each from when it was due.

    So a server that holds all of them for a while cannot hide it by being asked less.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    content, taken = body.content, []
    start = time.perf_counter()
    for number in range(int(seconds / interval)):
        due = start + number * interval
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("POST", path, content, {"Content-Type": body.media})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{server.name}: {answer.status}")
        taken.append(1e3 * (time.perf_counter() - due))
    connection.close()
    return taken


def sequence(server: Server, path: str, body: Body, seconds: float = 0, at_least: int = 2) -> Load:
    """Sends a body and reads the answer, one request after the other, each to its end.

    wrk cuts the last request off, which a server may go on with in the next round; that matters
    where a round has few of them.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    content, taken = body.content, list[float]()
    start, before = time.perf_counter(), server.worked()
    while len(taken) < at_least or time.perf_counter() - start < seconds:
        began = time.perf_counter()
        connection.request("POST", path, content, {"Content-Type": body.media})
        answer = connection.getresponse()
        while answer.read(2**20):
            pass
        if answer.status != 200:
            raise RuntimeError(f"{server.name}: {answer.status}")
        taken.append(1e3 * (time.perf_counter() - began))
    connection.close()
    p99 = statistics.quantiles(taken, n=100, method="inclusive")[98]
    return Load(
        rate=1e3 / statistics.mean(taken),
        p50=statistics.median(taken),
        p99=p99,
        work=1e3 * (server.worked() - before) / len(taken),
    )


def engine(rows: int, classes: int) -> Load:
    """Xent's own loss and gradient of such a batch, on the server's core, without a server."""
    command = ["taskset", "-c", SERVER_CORE, sys.executable, str(HERE / "engine.py")]
    done = subprocess.run(
        [*command, str(rows), str(classes)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    taken, worked = map(float, done.stdout.split())
    return Load(rate=1e3 / taken, p50=taken, p99=taken, work=worked)


def alternate(calls: dict[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Calls them A B C, A B C, ...: a busy machine slows all of them."""
    taken: dict[str, list[T]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(call())
    return taken


def spread(values: list[float], form: str = ",.0f") -> str:
    """Median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}}..{high:{form}})"


def ratio(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]
