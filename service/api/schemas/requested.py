"""The parts of the evaluation report that are there on request."""

from pydantic import Field

from service.api.schemas.report import Interval
from service.api.schemas.types import Answer, Label, Number


class IsotonicScoreAnswer(Answer):
    """Score = miscalibration - discrimination + uncertainty.

    docs/evaluation.md#equal_mass-isotonic-temperature-bootstrap
    """

    score: Number = Field(description="Of the confidence as forecast of being right")
    miscalibration: Number = Field(description="What the best monotone recalibration would gain")
    discrimination: Number = Field(description="Its gain over the accuracy as forecast")
    uncertainty: Number = Field(description="The score of always forecasting the accuracy")


class IsotonicBlockAnswer(Answer):
    """Rows of neighbouring confidences with the same recalibration.

    docs/evaluation.md#equal_mass-isotonic-temperature-bootstrap
    """

    lower: float = Field(description="Smallest confidence")
    upper: float = Field(description="Largest confidence")
    count: int = Field(description="Rows")
    weight: Number = Field(description="Their weight")
    accuracy: Number = Field(description="Share of them that is predicted correctly")


class IsotonicAnswer(Answer):
    """Calibration of the predicted class without bins (CORP).

    docs/evaluation.md#equal_mass-isotonic-temperature-bootstrap
    """

    brier: IsotonicScoreAnswer = Field(description="Of the event of being right")
    log_score: IsotonicScoreAnswer = Field(description="Of the same event, in nat")
    curve: list[IsotonicBlockAnswer] = Field(description="Steps, by confidence")


class TemperatureAnswer(Answer):
    """The temperature that makes the log loss least.

    docs/evaluation.md#equal_mass-isotonic-temperature-bootstrap
    """

    temperature: float = Field(description="Divides the logits; above 1: too confident")
    log_loss: Number = Field(description="With it, on these very rows")
    gain: Number = Field(description="How much less that is")
    bounded: bool = Field(description="Whether the loss would fall on beyond the bounds of T")


class BootstrapAnswer(Answer):
    """The uncertainty of the log loss from resampled rows, or clusters of rows.

    docs/evaluation.md#equal_mass-isotonic-temperature-bootstrap
    """

    standard_error: Number = Field(description="Where the clusters are independent, not the rows")
    interval: Interval = Field(description="Of 95 %, by the studentized bootstrap")
    clusters: int = Field(description="That were drawn from; the rows where none were sent")
    replicates: int = Field(description="How often they were drawn")
    seed: int = Field(description="Of the draws")


class LossBinAnswer(Answer):
    """Rows whose loss lies in [lower, upper); the last bin takes infinite losses too.

    docs/evaluation.md#curves
    """

    lower: Number = Field(description="Of the bin")
    upper: Number = Field(description="Of the bin")
    weight: Number = Field(description="Their weight")
    log_loss: Number = Field(description="What they add to the log loss")


class RiskPointAnswer(Answer):
    """What answering only the surer rows costs and gains.

    docs/evaluation.md#curves
    """

    confidence: float = Field(description="The least that is answered")
    coverage: Number = Field(description="Share of the weight that is answered")
    risk: Number = Field(description="Share of wrong predictions in it")


class RiskCoverageAnswer(Answer):
    """The error among the answered rows at every coverage, the surest rows first.

    docs/evaluation.md#curves
    """

    aurc: Number = Field(description="Area under the curve: mean of the risk over all rows")
    points: list[RiskPointAnswer] = Field(description="From few answers to all")


class ClassPointAnswer(Answer):
    """Rows whose probability of a class reaches a threshold, taken for rows of the class.

    docs/evaluation.md#curves
    """

    threshold: float = Field(description="The least probability that is taken")
    recall: Number = Field(description="Share of the rows of the class that are taken for it")
    false_positive_rate: Number = Field(description="Share of all others that are")
    precision: Number = Field(description="Share of rows of the class among those taken")


class ClassCurveAnswer(Answer):
    """The ROC and the precision-recall curve of a class, one against the rest.

    docs/evaluation.md#curves
    """

    label: Label = Field(description="The name of the class, or its index")
    points: list[ClassPointAnswer] = Field(description="By falling thresholds")


class CurvesAnswer(Answer):
    """What the curves of a report go through.

    docs/evaluation.md#curves
    """

    losses: list[LossBinAnswer] = Field(description="Bins of the loss that have rows")
    risk_coverage: RiskCoverageAnswer = Field(description="By confidence in the predicted class")
    classes: list[ClassCurveAnswer] | None = Field(None, description="To 256 classes")
