"""One connection: its deadlines, the order of its answers, and refusals as problem documents.

uvicorn waits for ever for a request that it was promised, keeps any amount of header, takes
requests without a Host and answers broken ones in plain text. This class and `Protocol`, which
parses, build on the internals of one minor version of uvicorn, which the dependency is pinned to
and a test holds.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.api.deadlines import Deadlines, ReadAhead
from service.api.fields import joined
from service.api.metrics import Metrics
from service.api.refusal import refusal
from service.api.tracing import name_of
from service.errors import Code
from service.settings import Settings

# How long the end of a refused request is read and dropped: closing before the client has sent it
# resets the connection, and the client never sees why.
LINGER_SECONDS = 1.0

NOTHING = memoryview(b"")


class Connection(HttpToolsProtocol):
    """A connection with deadlines; its settings come by the lifespan.

    Refusals wait until the requests before them are answered, carry `Connection: close`, and are
    logged and counted like every answer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings: Settings = self.app_state["settings"]
        self._metrics: Metrics = self.app_state["metrics"]
        self._unread = NOTHING
        self._refusal: tuple[Code, str] | None = None
        self._answered = False  # the refusal is out; what still arrives is dropped
        self._active: RequestResponseCycle | None = None  # the request whose answer is next
        self._begun = False  # between the first byte of a request and the end of its headers
        self._in_body = False  # between the end of its headers and the end of its body
        self._method = ""  # of the request that arrives, once it is known

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected, and has to say what it wants."""
        super().connection_made(transport)
        self.flow = ReadAhead(transport, self.pipeline)
        self._deadlines = Deadlines(self.loop, self._settings, transport, self.flow, self._refuse)
        self._deadlines.expect_headers(0)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; nobody waits for the requests that were read ahead."""
        self._deadlines.cancel()
        self.pipeline.clear()
        self._leave()
        super().connection_lost(exc)

    def _ending(self) -> bool:
        """Whether nothing that still comes is served."""
        return self._refusal is not None or self.transport.is_closing()

    def _running(self) -> bool:
        return self._active is not None and not self._active.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def _leave(self) -> None:
        """Tells the application that nobody listens any more."""
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True
            self._active.message_event.set()

    def _refuse(self, code: Code, text: str) -> None:
        """Ends the connection with a problem document, after the answers before it."""
        if self.transport.is_closing():  # the answer before was the last
            return
        self._deadlines.stop_reading()
        self._refusal, self._unread = (code, text), NOTHING
        if self._begun and self.url:  # the method is before it, and HEAD gets no body
            self._method = self.parser.get_method().decode("ascii")
        if not self._in_body:
            if not self._running():
                self._answer_refusal()
        elif self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()  # its turn never comes; those before it go on
        elif self._running() and not self.cycle.response_started:
            self._answer_refusal()
            self._leave()
        else:
            self.transport.close()  # it has been answered, or half answered
            self._deadlines.expect_reader()

    def _answer_refusal(self) -> None:
        if self._answered or self._refusal is None:
            return
        self._answered = True
        state = self.cycle.scope["state"] if self._running() else {}
        name = state.get("request_id") or name_of(joined(self.headers or ()))
        default = self.server_state.default_headers
        text = refusal(*self._refusal, name, self._method, state, default, self._metrics)
        self.transport.write(text)
        self._deadlines.stop_waiting()
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER_SECONDS, self._end)

    def _end(self) -> None:
        self.transport.close()
        self._deadlines.expect_reader()

    def pause_writing(self) -> None:
        """The client reads more slowly than its answer was made."""
        super().pause_writing()
        self._deadlines.expect_reader()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._deadlines.stop_writing()
