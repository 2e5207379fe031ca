"""The requests of a connection: strict HTTP/1.1, parsed as it comes and served in its order."""

from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.api.connection import Connection
from service.api.dispatch import Answer
from service.api.exchange import Exchange
from service.api.fields import joined
from service.api.strict import Refused, check_head, head_without_offer, overrun
from service.errors import Code

# How much is parsed at once: a flood of small requests in one packet must not hold the loop.
SLICE = 16 * 1024
AtOnce = Callable[[Any, bytes], Answer | None]


class Protocol(Connection):
    """A connection and its requests, for `uvicorn.run(http=...)`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_once: AtOnce = self.app_state["at_once"]
        self._ready: Exchange | None = None  # its headers have come just now
        self._declined = False  # the request offers another protocol and is parsed again
        self._messages = self._complete = 0  # begun, and whole
        self._overhead = 0  # bytes since the request began, or since the last byte of its body

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
