"""A request and its answer, as uvicorn's connection has them, with a shorter way to send."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.api.fields import Fields

Headers = Sequence[tuple[bytes, bytes]]


class Exchange(RequestResponseCycle):
    """A request and its answer.

    An answer that is there at once needs no task, no messages, and none of the looks that uvicorn
    has at each name and value of a head; they take as long as a small prediction.

    Args:
        connection: that it came on, its headers whole.
        method: of the request.
        version: of HTTP.
        keep_alive: whether the connection stays open after it.
        fields: its headers.
    """

    def __init__(
        self,
        connection: HttpToolsProtocol,
        method: str,
        version: str,
        keep_alive: bool,
        fields: Fields,
    ) -> None:
        path, raw_path, query = _parts_of(connection.url)
        scope: Any = {
            "type": "http",
            "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": connection.server,
            "client": connection.client,
            "scheme": connection.scheme,
            "method": method,
            "root_path": "",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": connection.headers,
            "state": {**connection.app_state, "fields": fields},
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

    def answer(self, status: int, headers: Headers, content: bytes | memoryview) -> None:
        """Sends the whole answer.

        Args:
            status: of it.
            headers: that say how long the content is; written as they are.
            content: of it.
        """
        fields = [*self.default_headers, *headers]
        if not self.keep_alive:
            fields.append((b"connection", b"close"))
        lines = b"\r\n".join(map(b": ".join, fields))
        self.response_started = self.response_complete = True
        self.transport.write(b"".join((STATUS_LINE[status], lines, b"\r\n\r\n", content)))
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


@lru_cache(256)  # those that clients ask for are few
def _parts_of(url: bytes) -> tuple[str, bytes, bytes]:
    """The path, as it was sent as well, and the query."""
    parts = httptools.parse_url(url)
    path = parts.path.decode("ascii")
    return unquote(path) if "%" in path else path, parts.path, parts.query or b""
