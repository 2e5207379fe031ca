"""What a key is, and how its text is made: a secret that is shown once."""

import re
import secrets
import time
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, get_args

from service.errors import Code, InvalidInput

Scope = Literal["score", "read", "train", "admin"]
"""What a key is for; none contains another."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SMALL = "0123456789abcdefghijklmnopqrstuvwxyz"
PREFIX = "xent_"  # for scanners of leaked secrets
ID_LENGTH = 10
SECRET_LENGTH = 43  # 256 bits
CHECK_LENGTH = 6  # 32 bits
LAST = 253_402_300_799
"""The last second of the year 9999, the last one that RFC 3339 can write."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@/-]{0,62}")
"""What people may call a key."""
_TOKEN = re.compile(
    f"{PREFIX}[{SMALL}]{{{ID_LENGTH}}}_[{DIGITS}]{{{SECRET_LENGTH}}}[{DIGITS}]{{{CHECK_LENGTH}}}"
)
_SECRET = re.compile(f"({PREFIX}[{SMALL}]{{{ID_LENGTH}}}_)[{DIGITS}]+")


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; times are in seconds since 1970.

    Attributes:
        id: its public name, a part of its text.
        name: what its owner calls it.
        scopes: what it is for.
        digest: the SHA-256 of its text, which is kept nowhere.
        created: when it was made.
        expires: from when on it is refused, if ever.
        revoked: since when it is refused.
        used: about when it was used last, to a minute.
        requests_per_minute: that it may send to one process; None is any number.
        rows_per_minute: that these may have.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: bytes
    created: int
    expires: int | None = None
    revoked: int | None = None
    used: int | None = None
    requests_per_minute: int | None = None
    rows_per_minute: int | None = None


def new_key(
    name: str,
    scopes: Collection[Scope],
    *,
    expires: int | None = None,
    requests_per_minute: int | None = None,
    rows_per_minute: int | None = None,
) -> tuple[Key, str]:
    """A key, and its text, which can never be told again.

    Args:
        name: of at most 63 characters, for people.
        scopes: what it is for.
        expires: when it ends, in seconds since 1970.
        requests_per_minute: that it may send to one process.
        rows_per_minute: that these may have.

    Raises:
        InvalidInput: it would have ended before it was made, or ends when no date can be written.
    """
    token, created = new_token(), int(time.time())
    if expires is not None and expires <= created:
        text = "expires lies in the past: the key would never be in force"
        raise InvalidInput.at("/expires", Code.INVALID_OPTION, text)
    if expires is not None and expires > LAST:
        text = "expires lies beyond the year 9999; without it the key never ends"
        raise InvalidInput.at("/expires", Code.INVALID_OPTION, text)
    key = Key(
        id=id_of(token),
        name=name,
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        digest=digest_of(token),
        created=created,
        expires=expires,
        requests_per_minute=requests_per_minute,
        rows_per_minute=rows_per_minute,
    )
    return key, token


def new_token() -> str:
    """The text of a key: `xent_`, its id, `_`, its secret and a checksum of all before."""
    id = "".join(secrets.choice(SMALL) for _ in range(ID_LENGTH))
    secret = "".join(secrets.choice(DIGITS) for _ in range(SECRET_LENGTH))
    text = f"{PREFIX}{id}_{secret}"
    return text + _checksum(text)


def id_of(token: str) -> str:
    """The part of a key's text that is its id, where it is one."""
    return token[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def digest_of(token: str) -> bytes:
    """What is kept of a key's text.

    It has 256 random bits, so that a slow hash, which is for passwords, would protect nothing more.
    """
    return sha256(token.encode()).digest()


def is_well_formed(token: str) -> bool:
    """Whether a text is that of a key, whole and without a typing error."""
    text, check = token[:-CHECK_LENGTH], token[-CHECK_LENGTH:]
    return _TOKEN.fullmatch(token) is not None and _checksum(text) == check


def redacted(text: str) -> str:
    """A text whose keys, whole or cut short, are no secrets any more: their ids are left."""
    return _SECRET.sub(r"\1REDACTED", text)


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    found = ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(DIGITS))
        found = DIGITS[digit] + found
    return found
