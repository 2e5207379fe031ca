"""The lines and parts of a stream of rows, and the answer to it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.schemas.evaluation import Bins, ReportAnswer, TopK, Worst
from service.api.schemas.scoring import Classes, Clip, Normalize, SampleWeights, ZeroProbability
from service.api.schemas.types import Answer, Labels, Listed, Numbers, Request


class StreamLine(Request):
    """One row, or several, as in a call with all of them; every line has the same members."""

    logits: Annotated[Numbers | None, Field(description="Raw scores, (K,) or (n, K)")] = None
    probabilities: Annotated[
        Numbers | None, Field(description="Instead of logits, (K,) or (n, K)")
    ] = None
    labels: Annotated[Labels | None, Field(description="Class indices, or names: one, or (n,)")] = (
        None
    )
    sample_weights: SampleWeights = None
    row_ids: Annotated[
        int | str | Listed[int] | Listed[str] | None,
        Field(description="Names of the rows; otherwise their numbers from 0 in the stream"),
    ] = None
    slices: Annotated[
        dict[str, Any] | None,
        Field(description="By column a string, integer or boolean, or n of them"),
    ] = None


class StreamStart(StreamLine):
    """The first line: options, alone or with rows."""

    classes: Classes = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    bins: Bins = 15
    worst: Worst = 10
    top_k: TopK = 5
    on_error: Annotated[
        Literal["stop", "collect"],
        Field(description="The first bad row ends the stream, or is left out and counted"),
    ] = "stop"
    max_errors: Annotated[
        int, Field(ge=0, le=1000, description="How many bad rows to list under collect")
    ] = 20


class BadRowAnswer(Answer):
    """A row that was left out."""

    line: int | None = Field(None, description="Of NDJSON, from 1")
    part: int | None = Field(None, description="Of a tensor stream, from 1")
    row: int = Field(description="Number in the stream, from 0")
    pointer: str = Field(description="JSON pointer of the first bad cell, in that line or part")
    code: str
    detail: str


class RejectedAnswer(Answer):
    """What was left out of the report."""

    rows: int = Field(description="A line or part that cannot be read counts as one row")
    errors: list[BadRowAnswer] = Field(description="The first max_errors of them")


class StreamAnswer(ReportAnswer):
    """The report of all rows, in the bytes of a call that sends them at once."""

    rejected: RejectedAnswer | None = Field(None, description="Present under collect")
