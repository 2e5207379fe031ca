"""Where a page of a list begins: opaque words that a list gives out and takes back."""

import base64
import hashlib
import hmac
import re
from binascii import Error

from service.errors import Code, InvalidInput

CHECK_BYTES = 6
_ANY = re.compile("[^\0]*")
_NUMBER = re.compile("[0-9]{1,9}")


def cursor_of(path: str, position: str) -> str:
    """The word for a position in a list.

    Args:
        path: of the list, whose word means nothing to another.
        position: of the last entry of a page.
    """
    text = position.encode()
    return base64.urlsafe_b64encode(_check(path, text) + text).decode().rstrip("=")


def position_of(path: str, cursor: str, form: re.Pattern[str] = _ANY) -> str:
    """The position that a word stands for.

    Args:
        path: of the list.
        cursor: as a client sent it, under the name `after`.
        form: of the positions of the list.

    Raises:
        InvalidInput: no page of this list has given it out.
    """
    try:
        found = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        check, text = found[:CHECK_BYTES], found[CHECK_BYTES:]
        # not a secret: it tells a mistake from a cursor, and nothing is protected by it
        if hmac.compare_digest(check, _check(path, text)) and form.fullmatch(text.decode()):
            return text.decode()
    except (Error, ValueError):
        pass
    detail = "after is no cursor of this list: take next from one of its pages as it is"
    raise InvalidInput.at("/after", Code.INVALID_CURSOR, detail)


def number_of(path: str, cursor: str) -> int:
    """The position that a word stands for, in a list by number; otherwise as `position_of`."""
    return int(position_of(path, cursor, _NUMBER))


def _check(path: str, text: bytes) -> bytes:
    return hashlib.blake2s(path.encode() + b"\n" + text, digest_size=CHECK_BYTES).digest()
