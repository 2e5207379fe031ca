"""A line to PostgreSQL that can be cut, held and slowed down."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Proxy:
    """Listens on a port and passes what comes to a socket, and back.

    Attributes:
        delay: seconds that each piece waits, in both directions.
        cut_at: how many pieces still pass, by direction; then every connection is cut.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines: set[asyncio.StreamWriter] = set()
        self.delay = 0.0
        self.cut_at: dict[str, int] = {}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        self.listen()

    def listen(self) -> None:
        """Accepts connections, again on the same port."""
        self._do(self._listen())

    def cut(self) -> None:
        """Ends every connection and refuses further ones."""
        self._do(self._cut(refuse=True))

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Accepts all and passes nothing on, as a server that is stopped does."""
        self._loop.call_soon_threadsafe(self._passing.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._passing.set)

    def end(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self, *, refuse: bool) -> None:
        if refuse and self._server is not None:
            self._server.close()
        for line in self._lines:
            line.transport.abort()
        self._lines.clear()
        await asyncio.sleep(0)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        await self._passing.wait()
        try:
            back, forth = await asyncio.open_unix_connection(self._path)
        except OSError:
            writer.transport.abort()
            return
        self._lines.add(forth)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pass("asked", reader, forth))
            both.create_task(self._pass("answered", back, writer))

    async def _pass(
        self, direction: str, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await source.read(2**16):
                await asyncio.sleep(self.delay)
                await self._passing.wait()
                if direction in self.cut_at:
                    self.cut_at[direction] -= 1
                    if self.cut_at[direction] == 0:
                        await self._cut(refuse=False)
                        return
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            self._lines.discard(target)
            target.close()
