"""The deadlines of one connection: the next request, headers, body, an answer that is not read."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from service.errors import Code
from service.settings import Settings

# Bytes a second, over each period of XENT_BODY_TIMEOUT: a client on a slow line keeps this up, and
# the largest body then takes minutes, not days.
SLOWEST = 16 * 1024


class ReadAhead(FlowControl):
    """Reads no further while requests that came early wait for their turn.

    Attributes:
        held: whether reading has been stopped; whoever looks sets it back.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Any) -> None:
        super().__init__(transport)
        self._waiting = waiting
        self.held = False

    def pause_reading(self) -> None:
        """Reads no further: there is more than the application takes."""
        self.held = True
        super().pause_reading()

    def resume_reading(self) -> None:
        """Goes on reading, unless requests wait."""
        if not self._waiting:
            super().resume_reading()


class Deadlines:
    """Three timers: for what the client sends, for what it reads, and for its next request.

    A request that comes whole in one packet starts no timer. A period in which the server has held
    the client back, as it does with every stream that comes faster than it is scored, does not
    count.

    Args:
        loop: of the connection.
        settings: with `header_timeout` and `body_timeout`, in seconds.
        transport: of the connection.
        flow: tells whether the server holds the client back.
        refuse: is told the code and the text where the client has not sent in time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: Settings,
        transport: asyncio.Transport,
        flow: ReadAhead,
        refuse: Callable[[Code, str], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._transport = transport
        self._flow = flow
        self._refuse = refuse
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._patience: tuple[float, float] | None = None
        self._waits_for: tuple[str, int] | None = None
        self.received = 0

    def expect_headers(self, message: int) -> None:
        """The headers of the request of that number have to come."""
        if self._waits_for != ("headers", message):
            self.stop_reading()
            self._waits_for = ("headers", message)
            timeout = self._settings.header_timeout
            self._reading = self._loop.call_later(timeout, self._headers_late)

    def expect_body(self, message: int) -> None:
        """The body of the request of that number has to come, fast enough."""
        if self._waits_for != ("body", message):
            self.stop_reading()
            self._waits_for = ("body", message)
            self._start_body()

    def stop_reading(self) -> None:
        """Nothing has to come."""
        self._waits_for = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def expect_reader(self) -> None:
        """What has been written has to be read, fast enough."""
        if self._writing is None and self._transport.get_write_buffer_size():
            self._start_writing()

    def stop_writing(self) -> None:
        """Everything has been read, or nearly."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def expect_request(self, seconds: float) -> None:
        """The next request has to come within so many seconds.

        The timer of the answer before stands: to set one takes longer than to look at the clock.
        """
        self._patience = self._loop.time(), seconds
        if self._waiting is None:
            self._waiting = self._loop.call_later(seconds, self._check_patience)

    def stop_waiting(self) -> None:
        """It has come, or none will be taken."""
        self._patience = None

    def cancel(self) -> None:
        """The connection is gone."""
        self.stop_reading()
        self.stop_writing()
        if self._waiting is not None:
            self._waiting.cancel()

    def _headers_late(self) -> None:
        self._reading = None
        if self._flow.read_paused:
            self._reading = self._loop.call_later(self._settings.header_timeout, self._headers_late)
        else:
            limit = self._settings.header_timeout
            text = f"the headers did not come within XENT_HEADER_TIMEOUT of {limit:g} s"
            self._refuse(Code.REQUEST_TIMEOUT, text)

    def _start_body(self) -> None:
        self.received = 0
        self._flow.held = False
        self._reading = self._loop.call_later(self._settings.body_timeout, self._body_late)

    def _body_late(self) -> None:
        self._reading = None
        enough = SLOWEST * self._settings.body_timeout
        if self._flow.read_paused or self._flow.held or self.received >= enough:
            self._start_body()
        else:
            text = (
                f"no more of the body came within XENT_BODY_TIMEOUT of "
                f"{self._settings.body_timeout:g} s, or it came too slowly"
            )
            self._refuse(Code.REQUEST_TIMEOUT, text)

    def _check_patience(self) -> None:
        self._waiting = None
        if self._patience is None:
            return
        since, seconds = self._patience
        left = since + seconds - self._loop.time()
        if left > 0:
            self._waiting = self._loop.call_later(left, self._check_patience)
        elif not self._transport.is_closing():
            self._transport.close()
            self.expect_reader()

    def _start_writing(self) -> None:
        self._unread = self._transport.get_write_buffer_size()
        self._writing = self._loop.call_later(self._settings.body_timeout, self._check_reader)

    def _check_reader(self) -> None:
        self._writing = None
        left = self._transport.get_write_buffer_size()
        if self._unread - left >= SLOWEST * self._settings.body_timeout:
            self._start_writing()
        elif left:
            # A plain close would leave the rest to the kernel, which keeps offering it for minutes.
            line: socket.socket = self._transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
