"""One key and many requests at one time, to a server of two workers, killed in between.

The tests are short; `make hostile` runs the same with the counts of docs/registry.md.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

IMPORTED = {"intercepts": [0.25], "classes": ["rose", "tulip"]}


def database(url: str) -> dict[str, str]:
    """The settings of a server that uses it."""
    if url.startswith("sqlite:///"):
        return {"XENT_DATA_DIR": str(Path(url.removeprefix("sqlite:///")).parent)}
    return {"XENT_DATABASE_URL": url}


class Client:
    """Imports a model, with a key."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/models/mine/versions"

    def create(self, key: str, value: float = 0) -> httpx.Response:
        body = {**IMPORTED, "coefficients": [[value]]}
        headers = {"idempotency-key": f'"{key}"', "connection": "close"}
        return httpx.post(self._url, json=body, headers=headers, timeout=60)

    def values(self) -> list[float]:
        """Of every version that there is."""
        after, found = "", []
        while True:
            page = httpx.get(f"{self._url}?limit=1000{after}", timeout=60).json()
            numbers = [version["version"] for version in page["versions"]]
            for number in numbers:
                found.append(self._value(f"{self._url}/{number}/parameters"))
            if "next" not in page:
                return found
            after = "&after=" + page["next"].rpartition("after=")[2]

    def _value(self, url: str) -> float:
        deadline = time.monotonic() + 10  # the other worker may have heard of it a second later
        while (answer := httpx.get(url, timeout=60)).status_code == 404:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        value: float = answer.json()["coefficients"][0][0]
        return value


Serve = Callable[..., AbstractContextManager[Any]]


def storm(client: Client, key: str, value: float) -> Counter[int]:
    """50 requests with one key come at once; one of them has an effect."""
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: client.create(key, value), range(50)))
    created = [answer for answer in answers if answer.status_code == 201]
    (first,) = [answer for answer in created if "idempotency-replayed" not in answer.headers]
    for answer in created:
        assert answer.headers["location"] == first.headers["location"]
        assert answer.content == first.content
    return Counter(answer.status_code for answer in answers)


def interrupt(client: Client, kill: Callable[[], None], turn: int, value: float) -> list[bytes]:
    """Two requests for each of four keys, when the processes are killed; what was acknowledged."""
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(client.create, f"{turn} {n % 4}", value) for n in range(8)]
        time.sleep(0.02 * (turn % 10))
        kill()
    answers = [future.result() for future in sent if future.exception() is None]
    return [answer.content for answer in answers if answer.status_code == 201]


def resume(client: Client, acknowledged: list[bytes], turn: int, value: float) -> None:
    """The client sends the same until it has an answer: what was acknowledged comes again."""
    answers = []
    for number in range(4):
        deadline = time.monotonic() + 15
        while (answer := client.create(f"{turn} {number}", value)).status_code == 409:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert answer.status_code == 201
        answers.append(answer)
    replayed = {a.content for a in answers if "idempotency-replayed" in a.headers}
    assert set(acknowledged) <= replayed


def kill_in_between(serve: Serve, url: str, storms: int, kills: int) -> Counter[int]:
    """Whatever happens, there is one version for every key; counts the statuses of the storms."""
    statuses: Counter[int] = Counter()
    expected: list[float] = []
    acknowledged: list[bytes] = []
    for turn in range(kills + 1):
        with serve(XENT_WORKERS="2", **database(url)) as server:
            client = Client(server.port)
            if turn > 0:
                resume(client, acknowledged, turn - 1, turn - 1)
            for round_ in range(storms if turn == 0 else 0):
                statuses += storm(client, f"storm {round_}", -1)
            if turn == kills:
                assert sorted(client.values()) == sorted(expected + [-1.0] * storms)
                break
            kill = partial(os.killpg, server.process.pid, signal.SIGKILL)
            acknowledged = interrupt(client, kill, turn, turn)
            expected += [float(turn)] * 4
            server.process.wait()
    assert statuses.keys() <= {201, 409}
    return statuses


def test_one_effect_for_every_key(serve: Serve, url: str) -> None:
    assert kill_in_between(serve, url, storms=2, kills=1)[201] >= 2


@pytest.mark.hostile
def test_two_hundred_storms_and_twenty_kills(serve: Serve, url: str) -> None:
    statuses = kill_in_between(serve, url, storms=200, kills=20)
    sys.stdout.write(f"200 x 50 requests, one effect each: {dict(statuses)}\n")
