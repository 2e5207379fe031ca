"""One connection: strict HTTP/1.1 within deadlines, and refusals as problem documents.

uvicorn waits for ever for a request that it was promised, keeps any amount of header, takes
requests without a Host and answers broken ones in plain text. This class builds on the internals
of one minor version of uvicorn, which the dependency is pinned to and a test holds.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.api.deadlines import Deadlines, ReadAhead
from service.api.dispatch import Answer
from service.api.exchange import Exchange
from service.api.fields import joined
from service.api.metrics import Metrics
from service.api.refusal import refusal
from service.api.strict import Refused, check_head, head_without_offer, overrun
from service.api.tracing import name_of
from service.errors import Code
from service.settings import Settings

# How much is parsed at once: a flood of small requests in one packet must not hold the loop.
SLICE = 16 * 1024
# How long the end of a refused request is read and dropped: closing before the client has sent it
# resets the connection, and the client never sees why.
LINGER_SECONDS = 1.0

_NOTHING = memoryview(b"")

AtOnce = Callable[[Any, bytes], Answer | None]


class Protocol(HttpToolsProtocol):
    """A connection with deadlines, for `uvicorn.run(http=...)`; its settings come by the lifespan.

    Refusals wait until the requests before them are answered, carry `Connection: close`, and are
    logged and counted like every answer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings: Settings = self.app_state["settings"]
        self._metrics: Metrics = self.app_state["metrics"]
        self._at_once: AtOnce = self.app_state["at_once"]
        self._unread = _NOTHING
        self._refusal: tuple[Code, str] | None = None
        self._answered = False  # the refusal is out; what still arrives is dropped
        self._active: RequestResponseCycle | None = None  # the request whose answer is next
        self._ready: Exchange | None = None  # its headers have come just now
        self._declined = False  # the request offers another protocol and is parsed again
        self._begun = False  # between the first byte of a request and the end of its headers
        self._in_body = False  # between the end of its headers and the end of its body
        self._method = ""  # of the request that arrives, once it is known
        self._messages = self._complete = 0  # begun, and whole
        self._overhead = 0  # bytes since the request began, or since the last byte of its body

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

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._refusal is not None:
            return
        self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
        self._parse()

    def _parse(self) -> None:
        """Parses what is unread, until a request has to wait for the one before it."""
        self._deadlines.stop_waiting()
        before = self._complete
        while self._unread and not self.pipeline and not self._ending():
            self._parse_slice()
        if self._ending():
            return
        if self._in_body:
            self._deadlines.expect_body(self._messages)
        elif self._begun or self._complete == before:
            self._deadlines.expect_headers(self._messages)
        else:
            self._deadlines.stop_reading()

    def _parse_slice(self) -> None:
        whole = self._unread
        piece = whole[:SLICE]
        self._unread = whole[SLICE:]
        self._overhead += len(piece)
        try:
            self._feed(piece)
        except httptools.HttpParserUpgrade as offer:
            self._declined = False
            head = head_without_offer(self._method, self.url, self.headers)
            self._unread = memoryview(head + bytes(whole[offer.args[0] :]))
        except httptools.HttpParserError as error:
            cause = error.__context__
            text = str(cause) if isinstance(cause, Refused) else "the request breaks HTTP"
            self._refuse(Code.BAD_REQUEST, text)
        else:
            if self._begun or self._in_body:
                url = len(self.url) if self._begun else 0
                if over := overrun(url, self._overhead - SLICE, self._settings):
                    self._refuse(*over)

    def _feed(self, piece: memoryview) -> None:
        try:
            self.parser.feed_data(piece)
        finally:
            ready, self._ready = self._ready, None
            if ready is not None:
                self._serve(ready)

    def _serve(self, ready: Exchange) -> None:
        """Answers a request that has come whole, or starts a task that does."""
        if not (ready.more_body or self.flow.write_paused):
            answer = self._at_once(ready.scope, bytes(ready.body))
            if answer is not None:
                ready.answer(*answer)
                return
        self._start_asgi_task(ready, self.app)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._begun, self._overhead, self._method = True, 0, ""
        self._messages += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers come this way as well and must not join the headers."""
        if self._begun:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The headers are whole, and are checked where the parser is lenient."""
        self._method = self.parser.get_method().decode("ascii")
        version = self.parser.get_http_version()
        fields = joined(self.headers)
        check_head(self._method, version, fields)
        # HTTP/1.0 has no such answer: RFC 9110, section 10.1.1
        expected = fields.get(b"expect", b"").lower().split(b", ")
        self.expect_100_continue = version != "1.0" and b"100-continue" in expected
        if self.parser.should_upgrade():
            self._declined = True
            return
        self._keep_alive = version != "1.0" and self.parser.should_keep_alive()
        # Answered before its body was asked for, a client may send that body or not: what comes
        # next on the connection has two meanings.
        keep_alive = self._keep_alive and not self.expect_100_continue
        before: RequestResponseCycle | None = self.cycle
        self._exchange = self.cycle = Exchange(self, self._method, version, keep_alive, fields)
        self._begun, self._in_body = False, True
        self._overhead = 0
        if before is None or before.response_complete:
            self._ready = self._exchange
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._overhead = 0
        self._deadlines.received += len(body)
        self._exchange.take(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._declined:
            return
        self._in_body = False
        self._complete += 1
        if self.expect_100_continue and not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive
        self._exchange.end()

    def on_response_complete(self) -> None:
        """An answer is out: the next request, or the refusal that waited for this moment."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._deadlines.expect_reader()
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._begun:
            self._deadlines.expect_request(self.timeout_keep_alive)
        if self.pipeline:
            return
        if self._refusal is not None and not self._running():
            self._answer_refusal()
        elif self._unread:
            self.loop.call_soon(self._go_on)
        else:
            self.flow.resume_reading()

    def _go_on(self) -> None:
        if self._ending():
            return
        if self._unread and not self.pipeline:  # nobody has gone on before
            self._parse()
        self.flow.resume_reading()

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
        self._refusal, self._unread = (code, text), _NOTHING
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
