"""HTTP where the parser is lenient."""

import re
from collections.abc import Iterable

from service.api.fields import Fields
from service.errors import Code
from service.settings import Settings

_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")


class Refused(Exception):
    """A request that breaks HTTP."""


def check_head(method: str, version: str, fields: Fields) -> None:
    """Refuses what could be understood in two ways, or is no HTTP/1.

    Args:
        method: of the request.
        version: such as `1.1`.
        fields: its headers.

    Raises:
        Refused: with a sentence for the client.

    Source: RFC 9112, sections 2.3, 3.2 and 6.1.
    """
    if method == "CONNECT":
        raise Refused("this is no proxy")
    if version not in ("1.0", "1.1"):
        raise Refused("the request is not HTTP/1.1")
    host = fields.get(b"host")
    if host is None and version == "1.1":
        raise Refused("the request has no Host header; one is needed")
    if host and not _HOST.fullmatch(host):
        raise Refused("the Host header is not the name of one host")
    coding = fields.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.lower() != b"chunked"):
        raise Refused("Transfer-Encoding is chunked, in HTTP/1.1, or absent")


def overrun(url: int, overhead: int, settings: Settings) -> tuple[Code, str] | None:
    """What headers, trailers and chunk extensions that do not end are refused with, as they arrive.

    Those that end are measured exactly by the guard.

    Args:
        url: bytes of the URL, as far as it has come.
        overhead: bytes beside the body, as far as they have come.
        settings: with the limits.
    """
    if url > settings.max_url_bytes:
        limit = settings.max_url_bytes
        return Code.URL_TOO_LONG, f"the URL does not end; the limit XENT_MAX_URL_BYTES is {limit}"
    limit = settings.max_header_bytes
    if overhead > limit + settings.max_url_bytes:
        text = f"the headers do not end; the limit XENT_MAX_HEADER_BYTES is {limit}"
        return Code.HEADERS_TOO_LARGE, text
    return None


def head_without_offer(method: str, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a request again, without the protocol that it offers to change to.

    The parser takes what follows such an offer for the other protocol, the body included, where a
    server may go on in HTTP/1.1 and most clients expect it to.
    """
    lines = [b"%b %b HTTP/1.1\r\n" % (method.encode(), url)]
    lines += [b"%b: %b\r\n" % pair for pair in headers if pair[0] != b"upgrade"]
    return b"".join(lines) + b"\r\n"
