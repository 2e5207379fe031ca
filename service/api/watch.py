"""An eye on work in another process: it ends with its time, its client or the server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.types import Receive

from service.api.beside import Beside
from service.api.call import Done
from service.api.drain import Drain
from service.api.request import Incomplete
from service.errors import Code, TooLarge, Unavailable, XentError

# How soon it is noticed that work is to end.
WATCH_SECONDS = 0.05

Perform = Callable[[], Done]


@asynccontextmanager
async def watch(
    process: Beside, drain: Drain, receive: Receive, seconds: float
) -> AsyncIterator[Callable[[Perform], Awaitable[Done]]]:
    """Gives what performs work, and kills the process should it have to end before.

    Args:
        process: that does the work.
        drain: tells when the server is about to end.
        receive: of the request, whose body has been read: what comes next is that the client went.
        seconds: for all the work that is given within the block.
    """
    deadline = monotonic() + seconds
    gone = asyncio.create_task(_gone(receive))

    def end() -> XentError | None:
        if gone.done():
            return Incomplete(Code.BAD_REQUEST, "the client has gone")
        if drain.draining:
            text = "the process was told to end; nothing was registered"
            return Unavailable(Code.DRAINING, text)
        if monotonic() > deadline:
            text = f"the training is over the limit XENT_MAX_TRAINING_SECONDS of {seconds} s"
            return TooLarge(Code.TRAINING_TOO_LONG, text)
        return None

    try:
        yield lambda perform: _watched(perform, process, end)
    finally:
        gone.cancel()


async def _watched(perform: Perform, process: Beside, end: Callable[[], XentError | None]) -> Done:
    """What the process makes, unless it has to be ended before."""
    own = CapacityLimiter(1)  # a fit holds none of the threads that others wait for
    work = asyncio.create_task(run_sync(perform, limiter=own))
    reason: XentError | None = None
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=WATCH_SECONDS)
            reason = reason or end()
            if reason is not None:
                process.kill()
    except asyncio.CancelledError:  # the server ends
        while not work.done():  # a thread cannot be left behind: it would keep the server
            process.kill()
            await asyncio.wait({work}, timeout=WATCH_SECONDS)
        work.exception()
        raise
    if reason is not None:
        work.exception()
        raise reason
    return work.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
