"""The end of a server process: first unready, then deaf, then gone."""

import asyncio
import signal
from types import FrameType


class Drain:
    """Puts time between the signal to stop and the stop.

    A load balancer sends requests until it has heard that the process is ending. From SIGTERM on
    `draining` is true, which `/readyz` tells, while requests are served for `seconds` more. SIGINT,
    which a person sends, does not wait.

    Args:
        seconds: between SIGTERM and the moment the server stops listening.
    """

    def __init__(self, seconds: float) -> None:
        self.draining = False
        self._seconds = seconds

    def take_signals(self) -> None:
        """Stands before the handlers of the server, which runs in this thread."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._stand_before(number, loop)

    def _stand_before(self, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
        stop = signal.getsignal(number)
        assert callable(stop)

        def begin(number: int, frame: FrameType | None) -> None:
            first, self.draining = not self.draining, True
            if number == signal.SIGINT or not self._seconds:
                stop(number, frame)
            elif first:
                loop.call_soon_threadsafe(loop.call_later, self._seconds, stop, number, None)

        signal.signal(number, begin)
