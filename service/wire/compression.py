"""Compressed bodies, never more of them in memory than allowed.

One layer and one stream: what follows the end of a gzip member or of a Zstandard frame is refused,
though both formats let another one follow, since a body of a million empty members costs time and
says nothing.
"""

import sys
import zlib
from collections.abc import Iterator
from typing import Any

from service.errors import Code, MalformedBody, TooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS = ("gzip", "zstd")

# Numbers shrink to a half, but one-hot rows to a thousandth, so no ratio tells them from a bomb.
# What one small body may cost is bounded instead: it expands to this much without a question, to
# more of it (up to the limit of the body) only in proportion to what was sent.
FREE_BYTES = 16 * 2**20
MAX_RATIO = 100
# So much of a stream is expanded at a time.
PIECE = 2**18

_GZIP = 16 + zlib.MAX_WBITS
# A receiver of the HTTP coding need not support more than 8 MB of window (RFC 9659), and a frame
# could ask for 2 GB.
_WINDOW_LOG = 23
# The fastest levels that still halve JSON.
_GZIP_LEVEL = 1
_ZSTD_LEVEL = 1


def decompress(body: bytes | memoryview, encoding: str, limit: int, setting: str) -> bytes:
    """The bytes that a body holds under its Content-Encoding.

    Args:
        body: as it was sent.
        encoding: one of `ENCODINGS`.
        limit: of the bytes it may expand to.
        setting: the name of that limit, for the error.

    Raises:
        MalformedBody: not of that encoding, damaged, cut short, or followed by something else.
        TooLarge: beyond the limit, or beyond `FREE_BYTES` at more than `MAX_RATIO` times its size.
    """
    proportion = max(FREE_BYTES, MAX_RATIO * len(body))
    allowed = min(limit, proportion)
    try:
        content, ended, rest = _expand(body, encoding, allowed + 1)
    except (zlib.error, zstd.ZstdError) as error:
        raise _malformed(f"is not {encoding}: {error}") from None
    if len(content) > allowed:
        if allowed < limit:
            raise _out_of_proportion()
        text = f"the body expands beyond the limit {setting} of {limit} bytes"
        raise TooLarge(Code.BODY_TOO_LARGE, text)
    if not ended:
        raise _cut_short(encoding)
    if rest:
        raise _goes_on(encoding)
    return content


class Inflater:
    """Expands a body piece by piece as it arrives, under the rules of `decompress` but the limit.

    Args:
        encoding: one of `ENCODINGS`.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream: Any = _decompressor(encoding)
        self._came = self._went = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the data expands to, in pieces of at most `PIECE` bytes.

        Raises:
            MalformedBody: not of that encoding, damaged, or followed by something else.
            TooLarge: out of all proportion to what was sent.
        """
        self._came += len(data)
        while True:
            if self._stream.eof:
                if data:
                    raise _goes_on(self._encoding)
                return
            try:
                piece = self._stream.decompress(data, PIECE)
            except (zlib.error, zstd.ZstdError) as error:
                raise _malformed(f"is not {self._encoding}: {error}") from None
            self._went += len(piece)
            if self._went > max(FREE_BYTES, MAX_RATIO * self._came):
                raise _out_of_proportion()
            data = self._stream.unused_data or getattr(self._stream, "unconsumed_tail", b"")
            if piece:
                yield piece
            elif not data:
                return

    def end(self) -> None:
        """Checks that the stream is whole.

        Raises:
            MalformedBody: it is cut short.
        """
        if not self._stream.eof:
            raise _cut_short(self._encoding)


def compress(content: bytes, encoding: str) -> bytes:
    """The bytes of an answer under a Content-Encoding; the same for the same content.

    Args:
        content: not compressed yet.
        encoding: one of `ENCODINGS`.
    """
    if encoding == "gzip":
        return zlib.compress(content, _GZIP_LEVEL, _GZIP)
    return zstd.compress(content, _ZSTD_LEVEL)


def _expand(body: bytes | memoryview, encoding: str, size: int) -> tuple[bytes, bool, bytes]:
    """At most `size` bytes of content, whether the stream ended, and what follows it."""
    stream = _decompressor(encoding)
    content = stream.decompress(body, size)
    return content, stream.eof, stream.unused_data


def _decompressor(encoding: str) -> Any:
    if encoding == "gzip":
        return zlib.decompressobj(_GZIP)
    options = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
    return zstd.ZstdDecompressor(options=options)


def _out_of_proportion() -> TooLarge:
    text = (
        f"the body expands to more than {MAX_RATIO} times its size; beyond {FREE_BYTES} bytes that "
        "is refused, send it uncompressed"
    )
    return TooLarge(Code.BODY_TOO_LARGE, text)


def _cut_short(encoding: str) -> MalformedBody:
    return _malformed(f"is cut short: its {encoding} stream has no end")


def _goes_on(encoding: str) -> MalformedBody:
    return _malformed(f"goes on after the end of its {encoding} stream; send a single one")


def _malformed(text: str) -> MalformedBody:
    return MalformedBody(Code.INVALID_COMPRESSION, f"the body {text}")
