"""What is kept of models: aliases and what moves them, and what is deleted."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from service.api.schemas.evaluation import CompareAnswer, Margin
from service.api.schemas.models import Inputs
from service.api.schemas.scoring import SampleWeights
from service.api.schemas.types import Answer, Labels, Matrix, Next, Request


class AliasAnswer(Answer):
    """What an alias stands for."""

    alias: str = Field(description="Matches [a-z][a-z0-9._-]{0,62}")
    version: int = Field(ge=1)
    previous: int | None = Field(
        None, ge=1, description="What it stood for before; absent where there is nothing"
    )


class ListedAlias(AliasAnswer):
    """What an alias stands for, and since when."""

    etag: str = Field(description="What If-Match takes to move it, with its quotation marks")
    at: datetime | None = Field(None, description="When it was moved; absent until it is set")
    principal: str | None = Field(
        None, description="Who moved it: the id of a key, anonymous, or local"
    )


class AliasesAnswer(Answer):
    """A page of aliases."""

    aliases: list[ListedAlias]
    next: Next = None


class PromoteRequest(Request):
    """The version that an alias shall stand for."""

    version: Annotated[int, Field(ge=1, lt=2**31, description="Its number")]


class GateRequest(Request):
    """The version that an alias shall stand for if it is better, and the rows that show it."""

    version: Annotated[int, Field(ge=1, lt=2**31, description="The number of the candidate")]
    labels: Annotated[Labels, Field(description="Class names of the models, shape (N,)")]
    inputs: Annotated[Inputs | None, Field(description="Feature rows, shape (N, D)")] = None
    baseline_probabilities: Annotated[
        Matrix | None,
        Field(description="Instead of inputs: of what the alias stands for, in its column order"),
    ] = None
    candidate_probabilities: Annotated[
        Matrix | None, Field(description="Instead of inputs: of the candidate, in the same order")
    ] = None
    sample_weights: SampleWeights = None
    margin: Margin = 0.0


class GateAnswer(Answer):
    """Whether an alias was moved to a version, and why."""

    promoted: bool = Field(description="Whether it was shown to be better, and the alias moved")
    alias: str
    version: int = Field(description="What the alias stands for now")
    comparison: CompareAnswer = Field(description="Of the candidate with what it stood for")


class DeletedAnswer(Answer):
    """A model or a version that can be restored."""

    name: str = Field(description="Of the model")
    version: int | None = Field(
        None, ge=1, description="Absent of a model that is deleted with all that it has"
    )
    at: datetime = Field(description="When it was deleted")


class DeletedThingsAnswer(Answer):
    """A page of what can be restored."""

    deleted: list[DeletedAnswer]
    next: Next = None
