"""Stored evaluations: what is told of them, and the batches of running ones."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from service.api.schemas.evaluation import (
    Bins,
    EvaluateRequest,
    ReportAnswer,
    RowIds,
    RowLabels,
    RowLogits,
    RowProbabilities,
    Slices,
    TopK,
    Worst,
)
from service.api.schemas.models import ModelEvaluateRequest
from service.api.schemas.report import Interval
from service.api.schemas.scoring import Classes, Clip, Normalize, SampleWeights, ZeroProbability
from service.api.schemas.types import Answer, Label, Next, Number, Request

MAX_TAGS = 20
MAX_TEXT = 200

Word = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f\x7f]*$")]
Version = Annotated[Annotated[int, Field(ge=1, lt=2**63)] | Word, Field()]
Name = Annotated[Word | None, Field(description="What to call it; several may share a name")]
Tags = Annotated[
    dict[Word, Word] | None,
    Field(max_length=MAX_TAGS, description="Words by words, such as where the rows come from"),
]
Tracked = Annotated[Word | None, Field(description="The model whose predictions these are")]
OfVersion = Annotated[Version | None, Field(description="Of that model, a number or any word")]


class EvaluationRequest(EvaluateRequest):
    """Anybody's predictions over K classes, what is true, and what to call the evaluation."""

    name: Name = None
    model: Tracked = None
    version: OfVersion = None
    tags: Tags = None


class ModelEvaluationRequest(ModelEvaluateRequest):
    """Labelled feature rows, and what to call the evaluation."""

    name: Name = None
    tags: Tags = None


class OpenRequest(Request):
    """What all batches of a running evaluation have in common, and what to call it."""

    name: Name = None
    model: Tracked = None
    version: OfVersion = None
    tags: Tags = None
    class_count: Annotated[
        int | None, Field(ge=1, description="K, where the classes have no names: labels are 0..K-1")
    ] = None
    classes: Classes = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    bins: Bins = 15
    worst: Worst = 10
    top_k: TopK = 5


class BatchRequest(Request):
    """Some rows of a running evaluation."""

    logits: RowLogits = None
    probabilities: RowProbabilities = None
    labels: RowLabels
    sample_weights: SampleWeights = None
    row_ids: Annotated[
        RowIds,
        Field(description="Names of the rows in worst; otherwise the key, a slash, their number"),
    ] = None
    slices: Slices = None


class BatchAnswer(Answer):
    """A batch that was counted."""

    evaluation: str = Field(description="Its id")
    batch: str = Field(description="The key")
    count: int = Field(description="Rows that entered")
    ignored: int = Field(description="Rows of weight 0")


class SummaryAnswer(Answer):
    """The first figures of a report."""

    count: int = Field(description="Rows that entered")
    weight: Number = Field(description="Their weight")
    log_loss: Number = Field(description="Mean of -log p(true class), in nat")
    standard_error: Number = Field(description="Of the log loss; NaN of fewer than two rows")
    interval: Interval = Field(description="Of 95 %, for the log loss, by Student's t")
    skill: Number = Field(description="1 - log_loss / prior_baseline")
    accuracy: Number = Field(description="Share of rows whose most probable class is the true one")
    brier: Number = Field(description="Mean of sum_c (p_c - onehot_c)^2, in [0, 2]")


class OptionsAnswer(Answer):
    """What all batches have in common."""

    class_count: int = Field(description="K")
    classes: list[Label] | None = Field(None, description="Class names in column order")
    bins: int = Field(description="Of the calibration")
    worst: int = Field(description="Rows to list in worst")
    top_k: int = Field(description="Largest k of top_k")
    normalize: Normalize
    zero_probability: ZeroProbability
    clip: float


class EntryAnswer(Answer):
    """An evaluation in a list."""

    id: str = Field(description="32 hexadecimal digits that sort by time")
    name: str | None = Field(None, description="As it was given")
    model: str | None = Field(None, description="Whose predictions it judges")
    version: int | str | None = Field(None, description="Of that model")
    tags: dict[str, str] | None = Field(None, description="As they were given")
    created: datetime
    closed: datetime | None = Field(None, description="Absent while it takes batches")
    options: OptionsAnswer | None = Field(None, description="Of one that takes, or took, batches")
    summary: SummaryAnswer | None = Field(
        None, description="Absent while it takes batches, and where nothing entered"
    )


class EvaluationAnswer(EntryAnswer):
    """A stored evaluation."""

    batches: int | None = Field(None, description="Counted so far, of one that takes or took them")
    report: ReportAnswer | None = Field(
        None,
        description="Of the rows so far, the same bytes as from /v1/evaluate; absent while nothing "
        "has entered",
    )


class EvaluationsAnswer(Answer):
    """A page of evaluations."""

    evaluations: list[EntryAnswer]
    next: Next = None
