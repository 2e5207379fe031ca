"""Health, versions, limits and problem documents."""

from typing import Literal

from pydantic import Field

from service.api.schemas.types import Answer, Number


class HealthAnswer(Answer):
    """Alive, or ready."""

    status: Literal["alive", "ready"]


class VersionAnswer(Answer):
    """What is running."""

    name: str
    version: str
    python: str
    packages: dict[str, str] = Field(description="Versions of what computes and serves")
    arithmetic: str = Field(
        description="What computes losses and gradients: numpy, or numba and its version where "
        "XENT_COMPILED is set; the last digits of rows differ"
    )


class LimitAnswer(Answer):
    """One limit."""

    value: int
    description: str
    setting: str | None = Field(None, description="The environment variable that moves it")


class LimitsAnswer(Answer):
    """Every limit of this server."""

    limits: dict[str, LimitAnswer]


class ExplanationAnswer(Answer):
    """What a problem code means."""

    code: str
    status: int
    title: str
    text: str


class ExplanationsAnswer(Answer):
    """Every problem code."""

    problems: list[ExplanationAnswer]


class FaultAnswer(Answer):
    """One offending member of a request."""

    pointer: str = Field(description="JSON pointer of the first bad cell")
    code: str
    detail: str


class ScoredAnswer(Answer):
    """What of a stream had been scored when it ended."""

    lines: int | None = Field(None, description="Those before this one and itself are done with")
    parts: int | None = Field(None, description="The same, of a tensor stream")
    rows: int = Field(description="Scored, in these")
    log_loss: Number | None = Field(None, description="Of these rows, in nat")


class Problem(Answer):
    """A problem document, RFC 9457."""

    type: str = Field(description="/problems/{code}")
    title: str
    status: int
    code: str = Field(description="A stable word; GET /problems/{code} explains it")
    detail: str
    errors: list[FaultAnswer] = Field(description="At most 20, one for each offending member")
    error_count: int = Field(description="All of them")
    request_id: str
    error: str = Field(description="The same as detail")
    scored: ScoredAnswer | None = Field(None, description="Of a stream that ended early")
