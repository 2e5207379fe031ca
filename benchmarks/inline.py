"""From which size on a request is better computed in a thread than on the loop.

    python benchmarks/inline.py

For bodies of growing size: the median time of parsing, computing and writing inline; the same
through a thread, as the service does it; and, for each way, how long another task of the loop had
to wait at worst (the median over the rounds). A thread costs the difference of the first two; the
loop is held for the third.
"""

import asyncio
import statistics
import time
from functools import partial

import numpy as np
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from service import losses
from service.wire import dump_json, parse_object

ROWS = (1, 8, 32, 64, 128, 256, 512, 1024, 4096)
ROUNDS = 40
TICK = 0.0002


def bodies() -> dict[int, bytes]:
    """JSON bodies of a cross-entropy with gradient over 10 classes, by rows."""
    generator = np.random.default_rng(4)
    return {
        n: dump_json(
            {
                "logits": generator.normal(size=(n, 10)),
                "labels": generator.integers(0, 10, size=n),
                "gradient": True,
            }
        )
        for n in ROWS
    }


def answer(body: bytes) -> bytes:
    members = parse_object(body)
    result = losses.cross_entropy(
        logits=np.array(members["logits"]), labels=np.array(members["labels"]), gradient=True
    )
    return dump_json(result)


async def worst_wait(stop: asyncio.Event) -> float:
    """The longest delay of a task that wants to run every TICK seconds."""
    worst = 0.0
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(TICK)
        worst = max(worst, time.perf_counter() - began - TICK)
    return worst


async def measure(body: bytes, limiter: CapacityLimiter | None) -> tuple[float, float]:
    """The median seconds of an answer, and of the worst wait beside it."""
    seconds, waits = [], []
    for _ in range(ROUNDS):
        stop = asyncio.Event()
        watch = asyncio.create_task(worst_wait(stop))
        await asyncio.sleep(2 * TICK)
        began = time.perf_counter()
        if limiter is None:
            answer(body)
        else:
            await run_sync(partial(answer, body), limiter=limiter)
        seconds.append(time.perf_counter() - began)
        stop.set()
        waits.append(await watch)
    return statistics.median(seconds), statistics.median(waits)


async def main() -> None:
    limiter = CapacityLimiter(1)
    print("    bytes   inline ms   thread ms   inline waits   thread waits")
    for body in bodies().values():
        inline, held = await measure(body, None)
        thread, beside = await measure(body, limiter)
        figures = (1e3 * inline, 1e3 * thread, 1e3 * held, 1e3 * beside)
        print(f"{len(body):9d}" + "".join(f"{figure:12.3f}" for figure in figures))


if __name__ == "__main__":
    asyncio.run(main())
