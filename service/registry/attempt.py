"""One of the requests that came with an Idempotency-Key."""

import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of the requests with a key.

    Attributes:
        principal: whose key it is.
        key: as the client sent it.
        request: SHA-256 of what is asked, in hexadecimal digits.
        token: of this attempt alone.
    """

    principal: str
    key: str
    request: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
