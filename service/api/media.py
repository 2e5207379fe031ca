"""In which form a body comes and in which its answer goes: Content-Type, Accept, encodings."""

import re
from dataclasses import dataclass
from functools import lru_cache

from service.api.fields import Fields
from service.errors import Code, XentError
from service.wire import ENCODINGS, LINES, PARTS, TENSORS

JSON = "application/json"
OCTETS = "application/octet-stream"
ONNX = "application/onnx"

# A list of this holds nothing: RFC 9110, section 5.6.1.2.
_NOTHING = " \t,"
_QUALITY = re.compile(r"(?:^|;)\s*[qQ]\s*=\s*([01](?:\.\d*)?)\s*(?:;|$)")


class NotServed(XentError):
    """A media type or encoding that this call does not take or cannot answer in."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a request and its answer travel.

    Attributes:
        tensors_in: whether the body is a tensor file; otherwise it is JSON.
        tensors_out: the same of the answer.
        encoding: of the body, or `None`.
        encoding_out: of the answer, where the client takes one.
    """

    tensors_in: bool
    tensors_out: bool
    encoding: str | None
    encoding_out: str | None


def form_of(fields: Fields) -> tuple[Form, int | None]:
    """The form of a request with a body, and the announced length of that, if there is one.

    Raises:
        NotServed: Content-Type or Content-Encoding is none that is read, or Accept rules out both
            forms of an answer.
    """
    length = fields.get(b"content-length", b"")
    form = _form(
        fields.get(b"content-type", b""),
        fields.get(b"content-encoding", b""),
        fields.get(b"accept", b""),
        fields.get(b"accept-encoding", b""),
    )
    return form, int(length) if length.isdigit() else None


def stream_form(fields: Fields) -> tuple[str, str | None]:
    """The media type of a stream, and its encoding, or `None`.

    Raises:
        NotServed: none that is read.
    """
    kind, _, parameters = fields.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if kind.strip() not in (LINES, PARTS) or charset not in ("", "charset=utf-8"):
        text = f"send the stream as Content-Type: {LINES}, in UTF-8, or {PARTS}"
        raise NotServed(Code.UNSUPPORTED_MEDIA_TYPE, text)
    return kind.strip(), _encoding_in(fields.get(b"content-encoding", b""))


def check_accept(fields: Fields, kind: str = JSON) -> None:
    """Refuses a request that would not take the media type of its answer.

    Raises:
        NotServed: `Accept` rules it out.
    """
    accept = fields.get(b"accept", b"").decode("latin-1")
    if accept.strip(_NOTHING) and not _quality(accept, kind):
        raise NotServed(Code.NOT_ACCEPTABLE, f"answers are {kind}; Accept rules it out")


@lru_cache(maxsize=256)  # clients send the same few headers again and again
def _form(content_type: bytes, content_encoding: bytes, accept: bytes, encodings: bytes) -> Form:
    tensors = _is_tensors(content_type.decode("latin-1"))
    return Form(
        tensors,
        _wants_tensors(accept.decode("latin-1"), tensors),
        _encoding_in(content_encoding),
        _encoding_out(encodings.decode("latin-1")),
    )


def _encoding_in(content_encoding: bytes) -> str | None:
    encoding = content_encoding.decode("latin-1").strip(_NOTHING).lower() or "identity"
    if encoding not in ("identity", *ENCODINGS):
        text = f"a body may be sent with Content-Encoding {' or '.join(ENCODINGS)}, or without"
        raise NotServed(Code.UNSUPPORTED_ENCODING, text)
    return None if encoding == "identity" else encoding


def _is_tensors(content_type: str) -> bool:
    sent, _, parameters = content_type.partition(";")
    kind = sent.strip().lower()
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if kind == TENSORS and not charset:
        return True
    if kind == JSON and charset in ("", "charset=utf-8"):
        return False
    text = f"send the body as Content-Type: {JSON}, in UTF-8, or {TENSORS}"
    raise NotServed(Code.UNSUPPORTED_MEDIA_TYPE, text)


def _wants_tensors(accept: str, mirrored: bool) -> bool:
    """The better liked form; of two liked alike, that of the request."""
    if not accept.strip(_NOTHING):
        return mirrored
    json, tensors = _quality(accept, JSON), _quality(accept, TENSORS)
    if not json and not tensors:
        raise NotServed(
            Code.NOT_ACCEPTABLE, f"answers are {JSON} or {TENSORS}; Accept rules them out"
        )
    return tensors > json if tensors != json else mirrored


def _quality(accept: str, kind: str) -> float:
    """How much a media type is liked, by the most specific range that has it."""
    liked = {}
    for choice in accept.split(","):
        name, _, parameters = choice.partition(";")
        found = _QUALITY.search(parameters)
        liked[name.strip().lower()] = float(found[1]) if found else 1.0
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in liked:
            return liked[name]
    return 0.0


def _encoding_out(accepted: str) -> str | None:
    liked = {name: _quality(accepted, name) for name in ENCODINGS if name in accepted.lower()}
    best = max(liked, key=lambda name: (liked[name], name == "zstd"), default=None)
    return best if best is not None and liked[best] else None
