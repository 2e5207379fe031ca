"""A request and its answer, as uvicorn's connection has them, with a shorter way to send."""

import asyncio
import re
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

# Fields that uvicorn would write as they are: names in small letters, values without controls.
_FIELDS = re.compile(rb"(?:[a-z0-9-]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)+")
# They change how the body is sent, or what comes after it.
_FRAMING = frozenset({b"connection", b"transfer-encoding"})


class Exchange(RequestResponseCycle):
    """A request and its answer.

    uvicorn looks at each name and each value of a head by itself, which takes as long as a tenth of
    a small prediction.

    Args:
        connection: that it came on, its headers whole.
        method: of the request.
        version: of HTTP.
        keep_alive: whether the connection stays open after it.
    """

    def __init__(
        self, connection: HttpToolsProtocol, method: str, version: str, keep_alive: bool
    ) -> None:
        url = httptools.parse_url(connection.url)
        path = url.path.decode("ascii")
        scope: Any = {
            "type": "http",
            "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": connection.server,
            "client": connection.client,
            "scheme": connection.scheme,
            "method": method,
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": connection.headers,
            "state": connection.app_state.copy(),
        }
        super().__init__(
            scope=scope,
            transport=connection.transport,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=connection.expect_100_continue,
            keep_alive=keep_alive,
            on_response=connection.on_response_complete,
        )

    def take(self, body: bytes) -> None:
        """A part of the body has come."""
        if not self.response_complete:
            self.body += body
            if len(self.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            self.message_event.set()

    def end(self) -> None:
        """The body is whole."""
        if not self.response_complete:
            self.more_body = False
            self.message_event.set()

    async def send(self, message: Any) -> None:
        """Sends a part of the answer: the head of one of known length at once."""
        if self.response_started or self.disconnected or not self._sent_plainly(message):
            await super().send(message)

    def _sent_plainly(self, head: Any) -> bool:
        headers = [*self.default_headers, *head["headers"]]
        fields = dict(headers)
        length = fields.get(b"content-length")
        text = b"".join([b"%b: %b\r\n" % field for field in headers])
        plain = _FIELDS.fullmatch(text) and text.count(b"\n") == len(headers)
        if length is None or not plain or not _FRAMING.isdisjoint(fields):
            return False
        self.response_started = True
        self.waiting_for_100_continue = False
        self.chunked_encoding = False
        self.expected_content_length = int(length)
        if not self.keep_alive:
            text += b"connection: close\r\n"
        self.transport.write(b"%b%b\r\n" % (STATUS_LINE[head["status"]], text))
        return True
