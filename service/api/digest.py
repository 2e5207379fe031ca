"""What a client says of the bytes that it sends: Content-Digest and Repr-Digest.

Source: RFC 9530. A body is a whole representation here, so that both mean the same.
"""

import base64
import hashlib
import re

from service.api.call import Content
from service.api.fields import Fields
from service.errors import Code, MalformedBody, MalformedField

FIELDS = frozenset({b"content-digest", b"repr-digest"})
ALGORITHMS = {"sha-256": 32, "sha-512": 64}

_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*", re.ASCII)


def declared(fields: Fields) -> dict[str, bytes]:
    """The digests that a request gives of its body, by algorithm; of others than ours none.

    Raises:
        MalformedField: a header is no dictionary of byte sequences.
    """
    found: dict[str, bytes] = {}
    for name in FIELDS.intersection(fields):
        for member in fields[name].decode("latin-1").split(","):
            match = _MEMBER.fullmatch(member)
            size = None if match is None else ALGORITHMS.get(match[1])
            digest = b"" if match is None else _decoded(match[2])
            if match is None or digest is None or (size is not None and len(digest) != size):
                text = f"{name.decode().title()} must be like sha-256=:<base64 of 32 bytes>:"
                raise MalformedField(Code.INVALID_DIGEST, text)
            if size is not None and found.setdefault(match[1], digest) != digest:
                raise _mismatch(match[1])
    return found


def repr_digest(digest: str) -> str:
    """The value of Repr-Digest for an answer, from its SHA-256 in hexadecimal digits."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"


def check_digest(digests: dict[str, bytes], body: Content) -> None:
    """Refuses a body that is not the one that was meant.

    Raises:
        MalformedBody: it has another digest.
    """
    for algorithm, digest in digests.items():
        if hashlib.new(algorithm.replace("-", ""), body).digest() != digest:
            raise _mismatch(algorithm)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _mismatch(algorithm: str) -> MalformedBody:
    text = f"the body does not have the {algorithm} that the request declares; nothing was done"
    return MalformedBody(Code.DIGEST_MISMATCH, text)
