"""The parts of the evaluation report that are always there."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.types import Answer, Label, Number

Interval = tuple[Number, Number]
ErrorOfMean = Annotated[Number, Field(description="Of that mean; NaN of fewer than two rows")]
IntervalOfMean = Annotated[
    Interval, Field(description="Of 95 %, for that mean, by Student's t adjusted for skew")
]


class TopKAnswer(Answer):
    """How often the true class is among the k most probable ones.

    docs/evaluation.md#top_k-macro-weighted
    """

    k: int = Field(description="Classes that are looked at")
    accuracy: Number = Field(description="Share of rows; of equal classes the lower come first")


class AverageAnswer(Answer):
    """Over the classes that are true or predicted somewhere; 0/0 counts as 0.

    docs/evaluation.md#top_k-macro-weighted
    """

    precision: Number = Field(description="Of the precisions of the classes")
    recall: Number = Field(description="Of their recalls")
    f1: Number = Field(description="Of their F1 scores")


class RankingAnswer(Answer):
    """How well the probability of a class puts its rows before the others.

    docs/evaluation.md#ranking
    """

    method: Literal["exact", "histogram"] = Field(
        description="exact: only equal ones are ties; histogram: those of one of 1,024 bins"
    )
    roc_auc: Number = Field(description="One class against the rest, mean over the classes")
    roc_auc_error: Number = Field(description="How far the histogram may have moved it at most")
    average_precision: Number = Field(
        description="sum of precision times the recall added at each score, mean over the classes"
    )


class DecompositionAnswer(Answer):
    """Score = reliability - resolution + uncertainty + within, by predicted class and bin.

    docs/evaluation.md#brier_decomposition-log_loss_decomposition
    """

    reliability: Number = Field(description="Of mean forecast and labels, group by group; 0 best")
    resolution: Number = Field(description="Of the labels of a group and of all; more is better")
    uncertainty: Number = Field(description="The score of always predicting the label frequencies")
    within: Number = Field(description="What varies inside the groups")
    groups: int = Field(description="Groups that have rows")


class ClassAnswer(Answer):
    """How one class fared.

    docs/evaluation.md#per_class
    """

    label: Label = Field(description="The name of the class, or its index")
    support: Number = Field(description="Weight of the rows of this class")
    precision: Number = Field(description="NaN where no row is predicted as this class")
    recall: Number = Field(description="Accuracy of its rows; NaN where no row is of this class")
    f1: Number = Field(description="2 correct / (support + predicted)")
    log_loss: Number = Field(description="Mean loss of its rows, in nat")
    standard_error: ErrorOfMean
    interval: IntervalOfMean
    roc_auc: Number | None = Field(None, description="Its rows against all others; to 256 classes")
    average_precision: Number | None = Field(None, description="Of its probability; to 256 classes")
    ece: Number | None = Field(None, description="Calibration error of its probability")


class SliceAnswer(Answer):
    """How the rows of one value of a column fared.

    docs/evaluation.md#slices
    """

    value: str | int | bool = Field(description="Of the column")
    count: int = Field(description="Rows")
    weight: Number = Field(description="Their weight")
    log_loss: Number = Field(description="Mean loss of these rows, in nat")
    standard_error: ErrorOfMean
    interval: IntervalOfMean
    accuracy: Number = Field(description="Share of them that is predicted correctly")


class BinAnswer(Answer):
    """Rows whose confidence lies in (lower, upper]; the first bin takes its lower edge too.

    docs/evaluation.md#calibration
    """

    lower: float = Field(description="Smallest confidence")
    upper: float = Field(description="Largest confidence")
    count: int = Field(description="Rows")
    weight: Number = Field(description="Their weight")
    mean_confidence: Number = Field(description="NaN in an empty bin")
    accuracy: Number = Field(description="NaN in an empty bin")
    interval: Interval = Field(description="Wilson's of 95 %, for the accuracy")


class CalibrationAnswer(Answer):
    """Whether the confidence in the predicted class is matched by its accuracy.

    docs/evaluation.md#calibration
    """

    ece: Number = Field(description="sum over the bins of share * |accuracy - mean_confidence|")
    ece_debiased: Number = Field(description="The same less what chance adds to it")
    classwise_ece: Number | None = Field(
        None, description="Mean over the classes of the error of their own probabilities"
    )
    bins: list[BinAnswer] = Field(description="Of equal width, empty ones too, or of equal mass")


class WorstAnswer(Answer):
    """One of the rows with the largest losses.

    docs/evaluation.md#worst
    """

    row: int | str = Field(description="Its number from 0, or its id")
    loss: Number = Field(description="Of the row alone, in nat, without its weight")
    label: Label = Field(description="The true class")
    probability: Number = Field(description="Of the true class")
