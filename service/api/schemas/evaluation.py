"""The evaluation report and what it is made from."""

from typing import Annotated

from pydantic import Field

from service.api.schemas.scoring import Classes, Clip, Normalize, SampleWeights, ZeroProbability
from service.api.schemas.types import Answer, Label, Labels, Listed, Matrix, Number, Request


class EvaluateRequest(Request):
    """Anybody's predictions over K classes, and what is true."""

    logits: Annotated[Matrix | None, Field(description="Raw scores, shape (N, K)")] = None
    probabilities: Annotated[
        Matrix | None, Field(description="Rows of probabilities, shape (N, K)")
    ] = None
    labels: Annotated[Labels, Field(description="Class indices, or names, shape (N,)")]
    classes: Classes = None
    sample_weights: SampleWeights = None
    row_ids: Annotated[
        Listed[int] | Listed[str] | None, Field(description="Names of the rows in worst")
    ] = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    bins: Annotated[int, Field(ge=1, le=1000, description="Calibration bins")] = 15
    worst: Annotated[int, Field(ge=0, le=1000, description="Rows to list in worst")] = 10


class ClassAnswer(Answer):
    """How one class fared."""

    label: Label
    support: Number = Field(description="Weight of the rows of this class")
    precision: Number = Field(description="NaN where no row is predicted as this class")
    recall: Number = Field(description="NaN where no row is of this class")
    log_loss: Number = Field(description="Mean loss of its rows, in nat")


class BinAnswer(Answer):
    """Rows whose confidence lies in (lower, upper]; the first bin takes its lower edge too."""

    lower: float
    upper: float
    count: int
    weight: Number
    mean_confidence: Number = Field(description="NaN in an empty bin")
    accuracy: Number = Field(description="NaN in an empty bin")


class CalibrationAnswer(Answer):
    """Whether the confidence in the predicted class is matched by its accuracy."""

    ece: Number = Field(description="Expected calibration error over the bins")
    bins: list[BinAnswer]


class WorstAnswer(Answer):
    """One of the rows with the largest losses."""

    row: int | str = Field(description="Its number from 0, or its id")
    loss: Number
    label: Label = Field(description="The true class")
    probability: Number = Field(description="Of the true class")


class ReportAnswer(Answer):
    """The evaluation report, its log loss first."""

    log_loss: Number = Field(description="Mean of -log p(true class), in nat")
    count: int = Field(description="Rows that entered")
    weight: Number = Field(description="Their weight")
    uniform_baseline: Number = Field(description="ln K: the log loss of knowing nothing")
    prior_baseline: Number = Field(description="The log loss of predicting the label frequencies")
    skill: Number = Field(description="1 - log_loss / prior_baseline")
    accuracy: Number
    brier: Number = Field(description="Mean of sum_c (p_c - onehot_c)^2, in [0, 2]")
    per_class: list[ClassAnswer]
    confusion_matrix: list[list[Number]] | None = Field(
        None, description="Weight by true (rows) and predicted (columns) class; to 1,000 classes"
    )
    calibration: CalibrationAnswer
    worst: list[WorstAnswer]
    infinite: int
    overflowed: int
    clipped: int
    ignored: int = Field(description="Rows of weight 0")
    max_sum_deviation: Number | None = Field(None, description="For rows of probabilities")
