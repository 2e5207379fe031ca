"""Two servers on one PostgreSQL: they agree soon, and neither it nor its faults slow scoring."""

import http.client
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import make_url

from service.registry import Registry, queries
from tests.registry.conftest import fresh_url, model, postgresql
from tests.registry.proxy import Proxy

__all__ = ["fresh_url", "postgresql"]

AGREEMENT_SECONDS = 2.0
RECOVERY_SECONDS = 3.0
SPARE_SECONDS = 0.5
VERSION = {"coefficients": [[1.0]], "intercepts": [0.0], "classes": ["a", "b"]}


class Client:
    """A connection to a server that stays open."""

    def __init__(self, server: Any) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self.close = self._connection.close

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Status, headers, and what the body says."""
        content = None if body is None else orjson.dumps(body)
        given = {"Content-Type": "application/json", **headers}
        self._connection.request(method, path, content, given)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, orjson.loads(answer.read())

    def register(self) -> Any:
        return self("POST", "/v1/models/mine/versions", VERSION)

    def promote(self, version: int) -> None:
        path = "/v1/models/mine/aliases/champion"
        status, headers, _ = self("GET", path)
        seen = {"If-None-Match": "*"} if status == 404 else {"If-Match": headers["ETag"]}
        assert self("PUT", path, {"version": version}, **seen)[0] == 200


class Load:
    """Predictions one after the other, with the seconds that each took."""

    def __init__(self, server: Any) -> None:
        self.seconds: list[float] = []
        self.refused: list[Any] = []
        self._ask = Client(server)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            begun = time.perf_counter()
            status, _, answer = self._ask(
                "POST", "/v1/models/mine/versions/champion/predict", {"inputs": [[1.0]]}
            )
            self.seconds.append(time.perf_counter() - begun)
            if status != 200:
                self.refused.append(answer)
            time.sleep(0.002)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._ask.close()

    def check(self) -> None:
        """None was refused, and none had to wait."""
        assert self.refused == []
        assert max(self.seconds) < 1

    def p99(self) -> float:
        return sorted(self.seconds)[int(0.99 * len(self.seconds))]


def soon(condition: Callable[[], bool], limit: float) -> float:
    """How long it takes until something is so."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.mark.parametrize("versions", [2, pytest.param(100, marks=pytest.mark.hostile)])
def test_replicas_agree_and_scoring_does_not_notice(
    versions: int, serve: Any, fresh_url: Callable[[str], str]
) -> None:
    url = fresh_url("postgresql")
    with (
        serve(XENT_DATABASE_URL=url) as one,
        serve(XENT_DATABASE_URL=url) as two,
        closing(Client(one)) as ask,
        closing(Client(two)) as other,
    ):
        assert ask.register()[0] == 201
        ask.promote(1)
        soon(lambda: other("GET", "/v1/models/mine/versions/champion")[0] == 200, AGREEMENT_SECONDS)
        with Load(two) as before:
            time.sleep(min(0.1 * versions, 4))  # the other connections stay open for five
        slowest = 0.0
        with Load(two) as load:
            for number in range(2, versions + 2):
                assert ask.register()[0] == 201
                ask.promote(number)
                path = "/v1/models/mine/versions/champion"
                waited = soon(
                    lambda: other("GET", path)[2]["version"] == number,  # noqa: B023
                    AGREEMENT_SECONDS,
                )
                slowest = max(slowest, waited)
        load.check()
        sys.stdout.write(
            f"{versions} versions: served by the other after {slowest:.2f} s at most; "
            f"predict p99 {1e3 * before.p99():.1f} ms before, {1e3 * load.p99():.1f} ms meanwhile, "
            f"slowest of {len(load.seconds)} {1e3 * max(load.seconds):.0f} ms\n"
        )


@pytest.fixture
def proxy(postgresql: Any) -> Iterator[Proxy]:
    running = Proxy(f"{make_url(postgresql.get_uri()).query['host']}/.s.PGSQL.5432")
    running.start()
    yield running
    running.end()


@pytest.fixture
def server(serve: Any, fresh_url: Callable[[str], str], proxy: Proxy) -> Iterator[Any]:
    """With two versions, the first of which is the champion, in a database behind the proxy."""
    name = make_url(fresh_url("postgresql")).database
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}"
    with serve(XENT_DATABASE_URL=url) as running, closing(Client(running)) as ask:
        for _ in range(2):
            assert ask.register()[0] == 201
        ask.promote(1)
        yield running


def lost(server: Any, ask: Client) -> None:
    """It is said that the database is out of reach, and no more than that is wrong."""
    status, _, problem = ask.register()
    assert (status, problem["code"]) == (503, "store_unavailable")
    assert ask("GET", "/readyz")[0] == 200
    soon(lambda: bool(server.lines(event="the store cannot be read")), 10)


def recovered(fault: str, ask: Client) -> None:
    """Versions are registered again, soon enough after a fault has ended."""
    seconds = soon(lambda: bool(ask.register()[0] == 201), RECOVERY_SECONDS)
    sys.stdout.write(f"{fault}: registered again over HTTP after {seconds:.2f} s\n")


def test_a_database_that_is_cut_off_stops_no_scoring(server: Any, proxy: Proxy) -> None:
    with closing(Client(server)) as ask:
        with Load(server) as load:
            proxy.cut()
            lost(server, ask)
            proxy.listen()
            recovered("cut off", ask)
        load.check()


def test_a_database_that_keeps_silent_holds_up_nobody_for_ever(server: Any, proxy: Proxy) -> None:
    def wait(turn: int) -> tuple[int, float]:
        path = "/v1/models/mine/" + ("aliases/champion", "versions")[turn % 2]
        begun = time.monotonic()
        with closing(Client(server)) as client:
            return client("GET", path)[0], time.monotonic() - begun

    inputs = [[float(row)] for row in range(120_000)]
    with closing(Client(server)) as ask, ThreadPoolExecutor(50) as pool:
        path = "/v1/models/mine/predict"
        assert ask("POST", path, {"inputs": inputs})[0] == 200  # the process beside is there
        with Load(server) as load:
            with proxy.silent():
                lost(server, ask)
                waiting = [pool.submit(wait, turn) for turn in range(50)]  # more than its threads
                time.sleep(0.3)
                for size in (20_000, 120_000):  # in a thread, and in the process beside
                    assert ask("POST", path, {"inputs": inputs[:size]})[0] == 200
                assert not all(one.done() for one in waiting)
                answers = [one.result() for one in waiting]
            with closing(Client(server)) as again:  # the other has been idle for too long
                recovered("silent", again)
        load.check()
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 15


def processor_seconds(process: int) -> float:
    """What a process has used up to now."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.hostile
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_with_ten_thousand_versions_it_is_ready_again_soon(
    kind: str, serve: Any, fresh_url: Callable[[str], str]
) -> None:
    url = fresh_url(kind)
    where = {"XENT_DATABASE_URL": url}
    if kind == "sqlite":
        where = {"XENT_DATA_DIR": url.removeprefix("sqlite:///").removesuffix("/xent.db")}
    registry = Registry({}, 10**6, url)
    with registry.store.writing() as connection:
        for turn in range(10_000):
            queries.add_version(connection, model(f"mine-{turn % 100}", float(turn)))
    registry.end()
    with serve() as server:
        empty = processor_seconds(server.process.pid)
    for turn in range(3):
        begun = time.monotonic()
        with serve(**where) as server, closing(Client(server)) as ask:
            ready, spent = time.monotonic() - begun, processor_seconds(server.process.pid)
            assert ask("GET", "/readyz")[0] == 200
            status, _, answer = ask("GET", "/v1/models/mine-7/versions/100")
            assert (status, answer["version"]) == (200, 100)
            assert ask.register()[2]["version"] == turn + 1
            sys.stdout.write(f"{kind}: ready after {ready:.2f} s, {spent:.2f} of processor\n")
        assert spent < empty + SPARE_SECONDS
