"""Admission by bytes: who is let in, who waits, who is refused, and that the count comes out."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service.api.admission import SMALL, Admission
from service.errors import Code, Unavailable

LARGE = 8 * SMALL  # of a room of 8: 7 for large ones


def run(scenario: Any) -> None:
    asyncio.run(scenario(Admission(8 * LARGE, places=2, seconds=0.1)))


async def filled(admission: Admission, stack: AsyncExitStack) -> None:
    for _ in range(7):
        await stack.enter_async_context(admission.enter(LARGE))


def test_small_ones_pass_the_queue_of_large_ones() -> None:
    async def scenario(admission: Admission) -> None:
        async with AsyncExitStack() as stack:
            await filled(admission, stack)
            waiting = asyncio.create_task(enter(admission, LARGE))
            await asyncio.sleep(0)
            for _ in range(8):
                await stack.enter_async_context(admission.enter(SMALL))
            with pytest.raises(Unavailable):
                await enter(admission, 1)
            with pytest.raises(Unavailable):
                await waiting
        await enter(admission, LARGE)

    run(scenario)


async def enter(admission: Admission, cost: int, order: list[int] | None = None) -> None:
    async with admission.enter(cost):
        if order is not None:
            order.append(cost)
        await asyncio.sleep(0)


def test_the_queue_is_served_in_its_order() -> None:
    async def scenario(admission: Admission) -> None:
        order: list[int] = []
        async with AsyncExitStack() as stack:
            await filled(admission, stack)
            tasks = [asyncio.create_task(enter(admission, n, order)) for n in (LARGE, LARGE - 1)]
            await asyncio.sleep(0)
            assert order == []
        await asyncio.gather(*tasks)
        assert order == [LARGE, LARGE - 1]

    run(scenario)


def test_a_full_queue_refuses_at_once() -> None:
    async def scenario(admission: Admission) -> None:
        async with AsyncExitStack() as stack:
            await filled(admission, stack)
            tasks = [asyncio.create_task(enter(admission, LARGE)) for _ in range(2)]
            await asyncio.sleep(0)
            began = time.perf_counter()
            with pytest.raises(Unavailable) as refused:
                await enter(admission, LARGE)
            assert time.perf_counter() - began < 0.01
            assert refused.value.code is Code.OVERLOADED
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(r) for r in results] == [Unavailable, Unavailable]

    run(scenario)


def test_one_larger_than_the_room_runs_alone() -> None:
    async def scenario(admission: Admission) -> None:
        async with admission.enter(10**12):
            with pytest.raises(Unavailable):
                await enter(admission, LARGE)
        async with admission.enter(LARGE):
            with pytest.raises(Unavailable):
                await enter(admission, 10**12)

    run(scenario)


@pytest.mark.parametrize("granted", [False, True])
def test_whoever_is_cancelled_takes_nothing_along(granted: bool) -> None:
    async def scenario(admission: Admission) -> None:
        async with AsyncExitStack() as stack:
            await filled(admission, stack)
            task = asyncio.create_task(enter(admission, LARGE))
            await asyncio.sleep(0)
            if granted:  # let in and cancelled in the same turn of the loop
                await stack.aclose()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with AsyncExitStack() as stack:
            await filled(admission, stack)

    run(scenario)


def test_a_failure_inside_gives_the_room_back() -> None:
    async def scenario(admission: Admission) -> None:
        for _ in range(100):
            with pytest.raises(KeyError):
                async with admission.enter(LARGE):
                    raise KeyError
        async with AsyncExitStack() as stack:
            await filled(admission, stack)

    run(scenario)


HEAD = b"POST /v1/softmax HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SIZE = 2_000_000


@pytest.fixture(scope="module")
def narrow(serve: Any) -> Iterator[Any]:
    """A server with room for two large bodies, and one more that waits."""
    with serve(
        XENT_MAX_INFLIGHT_BYTES=str(5_000_000), XENT_MAX_WAITING="1", XENT_QUEUE_SECONDS="0.5"
    ) as server:
        yield server
        assert server.stop() == 0
        assert "traceback" not in server.log_text()


def test_overload_is_refused_and_health_is_not(narrow: Any, receive: Any) -> None:
    held = [narrow.connect() for _ in range(3)]
    for connection in held:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % SIZE)
    time.sleep(0.1)
    began = time.monotonic()
    with narrow.connect() as late:
        late.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % SIZE)
        (answer,) = receive(late)
    assert time.monotonic() - began < 0.3
    assert answer.status == 503
    assert answer.problem()["code"] == "overloaded"
    assert answer.headers["retry-after"] == "1"
    for path in ("/livez", "/readyz", "/metrics"):
        began = time.monotonic()
        assert narrow.get(path).status == 200
        assert time.monotonic() - began < 0.3
    small = HEAD + b"Content-Length: 15\r\nConnection: close\r\n\r\n" + b'{"logits": [1]}'
    assert narrow.exchange(small)[0].status == 200
    data = held[2].recv(2**16)  # it waited, in vain
    assert data.startswith(b"HTTP/1.1 503 ")
    body = b'{"logits": [1]' + b" " * (SIZE - 15) + b"}"
    for connection in held[:2]:
        connection.sendall(body)
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")
    for connection in held:
        connection.close()
    rejected = narrow.metrics()['xent_rejected_requests_total{reason="overloaded"}']
    assert rejected == 2


def test_health_is_prompt_while_large_bodies_come_back_to_back(narrow: Any) -> None:
    rows = b",".join([b"[" + b",".join([b"0.123456789"] * 10) + b"]"] * 16_000)
    body = b'{"logits": [%s]}' % rows
    request = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    statuses: list[int] = []
    stop = threading.Event()

    def press() -> None:
        while not stop.is_set():
            statuses.append(narrow.exchange(request)[0].status)

    threads = [threading.Thread(target=press) for _ in range(3)]
    for thread in threads:
        thread.start()
    waits = []
    for _ in range(20):
        began = time.monotonic()
        assert narrow.get("/livez").status == 200
        waits.append(time.monotonic() - began)
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert 200 in statuses
    assert set(statuses) <= {200, 503}
    assert sorted(waits)[len(waits) // 2] < 0.25
