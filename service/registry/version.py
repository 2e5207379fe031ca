"""A version of a model as it is kept: the model, the digest of its file, and when it was made."""

import hashlib
from dataclasses import dataclass
from typing import Any

from service.classifier import Model, described, to_bytes
from service.registry.clock import written


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model.

    Attributes:
        model: what it predicts with.
        digest: the SHA-256 of its file, in hexadecimal digits.
        created: when it was registered, in microseconds since 1970; None of a model that ships.
    """

    model: Model
    digest: str
    created: int | None = None

    @classmethod
    def shipped(cls, model: Model) -> "Version":
        """Of a model that ships."""
        return cls(model, digest_of(to_bytes(model)))

    @property
    def card(self) -> dict[str, Any]:
        """What it is, as it is answered and listed."""
        return described(self.model, **facts(self.digest, self.created))


def facts(digest: str, created: int | None) -> dict[str, str]:
    """What a card says of the file, beside what is in it."""
    return {"digest": digest} | ({} if created is None else {"created": written(created)})


def digest_of(artifact: bytes) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(artifact).hexdigest()
