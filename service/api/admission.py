"""Admission bounded by cost: the bytes of the requests that are in the house at one time."""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager

from service.errors import Code, Unavailable

# Requests up to here never wait behind large ones, and an eighth of the room is theirs alone, so
# that a few large uploads cannot keep single predictions out.
SMALL = 64 * 1024
RESERVE = 8


class Admission:
    """Lets requests in while their bytes fit; the others wait a bounded time in a bounded queue.

    Args:
        capacity: bytes of all requests that are read or computed at one time.
        places: requests that may wait.
        seconds: how long each may wait.
    """

    def __init__(self, capacity: int, places: int, seconds: float) -> None:
        self._free = capacity
        self._reserve = capacity // RESERVE
        self._most = capacity - self._reserve
        self._places = places
        self._seconds = seconds
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def enter(self, cost: int) -> AbstractAsyncContextManager[None]:
        """Holds a place of that many bytes while the block runs.

        A request larger than the whole capacity counts as the whole and runs alone.

        Raises:
            Unavailable: the queue is full, or the wait was too long.
        """
        return _Place(self, min(cost, self._most))

    def take(self, cost: int) -> bool:
        """Takes the bytes if there is room for them now; `enter` waits otherwise."""
        fits = self.has_room(cost)
        if fits:
            self._free -= cost
        return fits

    def has_room(self, cost: int) -> bool:
        """Whether `enter` would not wait: all that is asked of work that is done before others."""
        return self._fits(cost) and (cost <= SMALL or not self._queue)

    def give_back(self, cost: int) -> None:
        """Gives the bytes to those who wait; the end of `enter` does this."""
        self._free += cost
        self._admit()

    def _fits(self, cost: int) -> bool:
        return cost <= (self._free if cost <= SMALL else self._free - self._reserve)

    async def wait(self, cost: int) -> None:
        """Waits for the bytes and takes them; `enter` does this."""
        if len(self._queue) >= self._places:
            raise Unavailable(Code.OVERLOADED, "too many requests at one time; try again soon")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (cost, place)
        self._queue.append(entry)
        try:
            async with asyncio.timeout(self._seconds):
                await place
        except (TimeoutError, asyncio.CancelledError) as error:
            if entry in self._queue:
                self._queue.remove(entry)
            elif not place.cancelled():  # let in at the moment it gave up
                self._free += cost
            self._admit()
            if isinstance(error, TimeoutError):
                text = f"no room within {self._seconds:g} s; try again soon"
                raise Unavailable(Code.OVERLOADED, text) from None
            raise

    def _admit(self) -> None:
        while self._queue and self._fits(self._queue[0][0]):
            cost, place = self._queue.popleft()
            if not place.done():
                self._free -= cost
                place.set_result(None)


class _Place(AbstractAsyncContextManager[None]):
    """A place for one request; half the price of a generator in a decorator."""

    __slots__ = ("_admission", "_cost")

    def __init__(self, admission: Admission, cost: int) -> None:
        self._admission = admission
        self._cost = cost

    async def __aenter__(self) -> None:
        if not self._admission.take(self._cost):
            await self._admission.wait(self._cost)

    async def __aexit__(self, *error: object) -> None:
        self._admission.give_back(self._cost)
