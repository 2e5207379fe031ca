"""What tells that two requests are the same: Idempotency-Key, who sent it, and what was asked for.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import hashlib
import re

from starlette.types import Scope

from service.api.call import Content
from service.api.fields import fields_of
from service.api.principal import principal_of
from service.errors import Code, MalformedField
from service.registry.attempt import Attempt

_KEY = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"', re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
_OF_FINGERPRINT = (b"content-type", b"content-encoding")


def key_of(scope: Scope, *, required: bool = False) -> str | None:
    """The value of Idempotency-Key, a string as RFC 9651 has it.

    Raises:
        MalformedField: it is missing though required, sent twice, or no such string.
    """
    sent = fields_of(scope).get(b"idempotency-key")
    if sent is None:
        if required:
            text = 'this call needs an Idempotency-Key, such as "2f6a1c9e", made for this request'
            raise MalformedField(Code.IDEMPOTENCY_KEY_MISSING, text)
        return None
    found = _KEY.fullmatch(sent.decode("latin-1").strip(" "))
    if found is None:
        text = (
            "Idempotency-Key must be sent once, as 1 to 255 printable ASCII characters between "
            'double quotes, such as "2f6a1c9e"'
        )
        raise MalformedField(Code.INVALID_IDEMPOTENCY_KEY, text)
    return _ESCAPED.sub(r"\1", found[1])


def attempt_of(scope: Scope, body: Content, key: str) -> Attempt:
    """A request that came with a key, by whom it came, with the SHA-256 of what it asks for."""
    return Attempt(principal_of(scope), key, _fingerprint(scope, body))


def _fingerprint(scope: Scope, body: Content) -> str:
    """SHA-256 of what makes two requests the same."""
    fields = fields_of(scope)
    line = (scope["method"].encode(), scope["path"].encode(), scope["query_string"])
    found = hashlib.sha256()
    for part in (*line, *(fields.get(name, b"") for name in _OF_FINGERPRINT), body):
        found.update(len(part).to_bytes(8))
        found.update(part)
    return found.hexdigest()
