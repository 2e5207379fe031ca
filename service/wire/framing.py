"""Streams cut into lines or parts as their bytes arrive; no more than one of them is kept."""

from collections.abc import Iterator
from typing import ClassVar, Protocol

from service.errors import Code, MalformedBody, TooLarge

LINES = "application/x-ndjson"
PARTS = "application/vnd.safetensors-seq"
PREFIX = 8


class Cutter(Protocol):
    """What finds the ends of lines or parts.

    Attributes:
        unit: what it cuts into, as a word.
        number: of the one that was given last, or that is being read when an error is raised; the
            first is 1.
    """

    unit: ClassVar[str]
    number: int

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Those that end in the data.

        Raises:
            TooLarge: one is over the limit.
        """

    def end(self) -> Iterator[bytes]:
        """The last one, if its end is that of the stream.

        Raises:
            MalformedBody: the stream was cut in the middle.
        """


class Lines:
    """JSON objects with a line feed after each, the last excepted (NDJSON); blank lines are none.

    Args:
        limit: bytes of a line.
    """

    unit: ClassVar = "line"

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self.number = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `Cutter`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._checked(line)
        if len(self._rest) > self._limit:
            self.number += 1
            raise _too_large("line", "XENT_MAX_LINE_BYTES", self._limit)

    def end(self) -> Iterator[bytes]:
        """See `Cutter`."""
        rest, self._rest = self._rest, b""
        yield from self._checked(rest)

    def _checked(self, line: bytes) -> Iterator[bytes]:
        self.number += 1
        if len(line) > self._limit:
            raise _too_large("line", "XENT_MAX_LINE_BYTES", self._limit)
        if line and not line.isspace():
            yield line


class Parts:
    """Safetensors files, each after its length in eight bytes, the lowest first.

    Args:
        limit: bytes of a file.
    """

    unit: ClassVar = "part"

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self.number = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `Cutter`."""
        self._buffer += data
        while len(self._buffer) >= PREFIX:
            size = int.from_bytes(self._buffer[:PREFIX], "little")
            if size > self._limit:
                self.number += 1
                raise _too_large("part", "XENT_MAX_PART_BYTES", self._limit)
            if len(self._buffer) < PREFIX + size:
                return
            part = bytes(memoryview(self._buffer)[PREFIX : PREFIX + size])
            del self._buffer[: PREFIX + size]
            self.number += 1
            yield part

    def end(self) -> Iterator[bytes]:
        """See `Cutter`."""
        if self._buffer:
            self.number += 1
            text = "the stream ends before the length that was announced"
            raise MalformedBody(Code.INVALID_TENSOR_FILE, text)
        yield from ()


def _too_large(unit: str, setting: str, limit: int) -> TooLarge:
    text = f"it is longer than the limit {setting} of {limit} bytes; cut the stream finer"
    return TooLarge(Code.BODY_TOO_LARGE, f"this {unit} cannot be taken: {text}")
