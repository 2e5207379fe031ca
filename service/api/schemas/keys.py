"""Keys and the log of changes."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from service.api.schemas.types import Answer, Request, Time
from service.registry import Scope
from service.registry.key import NAME

Rate = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]


class KeyRequest(Request):
    """What a new key is for."""

    name: str = Field(
        pattern=f"^{NAME.pattern}$", description="For people: who or what will use it"
    )
    scopes: list[Scope] = Field(
        min_length=1,
        description="score: losses, predictions, evaluations of what is sent. read: weights, "
        "aliases, stored evaluations, metrics. train: whatever changes models or evaluations. "
        "admin: keys and the log of changes. None contains another",
    )
    expires: Time | None = Field(None, description="When it ends (RFC 3339); absent: never")
    requests_per_minute: Rate | None = Field(
        None, description="That it may send to one server process; absent: any number"
    )
    rows_per_minute: Rate | None = Field(
        None, description="That it may have scored by one server process; absent: any number"
    )


class KeyAnswer(Answer):
    """A key, without its text."""

    id: str
    name: str
    scopes: list[Scope]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    used: datetime | None = Field(None, description="About when it was used last, to a minute")
    requests_per_minute: int | None = None
    rows_per_minute: int | None = None


class NewKeyAnswer(KeyAnswer):
    """A key with its text, which is never told again."""

    key: str


class KeysAnswer(Answer):
    """Some keys, the oldest first."""

    keys: list[KeyAnswer]
    next: str | None = Field(None, description="Where the following ones are")


class ChangeAnswer(Answer):
    """One change of a key or a model."""

    change: int = Field(description="Its number; later ones are higher")
    at: datetime
    principal: str = Field(
        description="The id of a key; anonymous, without one; local, by the command line"
    )
    request_id: str | None = None
    action: str
    subject: str = Field(description="What was changed, as a path below /v1")
    detail: dict[str, Any]


class AuditAnswer(Answer):
    """Some changes, the newest first."""

    changes: list[ChangeAnswer]
    next: str | None = Field(None, description="Where the older ones are")
