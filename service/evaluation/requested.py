"""The parts of the report that are there on request, as plain numbers."""

from dataclasses import dataclass

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class IsotonicScore:
    """A score as miscalibration - discrimination + uncertainty.

    Attributes:
        score: of the confidences in the predicted class, as forecasts of being right.
        miscalibration: what the best monotone recalibration would gain.
        discrimination: what the recalibrated confidences gain over the accuracy as forecast.
        uncertainty: the score of always forecasting the accuracy.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class IsotonicBlock:
    """Rows of neighbouring confidences whose best monotone recalibration is the same.

    Attributes:
        lower: their smallest confidence.
        upper: their largest confidence.
        count: the number of rows.
        weight: their weight.
        accuracy: the weighted share of them that is predicted correctly: the recalibration.
    """

    lower: float
    upper: float
    count: int
    weight: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Calibration of the predicted class without bins: by isotonic regression (CORP).

    Attributes:
        brier: of the single event of being right, in [0, 1].
        log_score: of the same event, in nat.
        curve: in the order of confidences.
    """

    brier: IsotonicScore
    log_score: IsotonicScore
    curve: tuple[IsotonicBlock, ...]


@dataclass(frozen=True, slots=True)
class Temperature:
    """The temperature that makes the log loss least.

    Attributes:
        temperature: T, by which the logits are divided; above 1 the model is too confident.
        log_loss: with it, on these very rows.
        gain: how much less that is.
        bounded: whether the log loss would fall on beyond the largest or smallest T allowed.
    """

    temperature: float
    log_loss: float
    gain: float
    bounded: bool


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The uncertainty of the log loss from resampled rows, or clusters of rows.

    Attributes:
        standard_error: of the log loss, where the clusters are independent, not the rows.
        interval: of 95 %, by the studentized bootstrap.
        clusters: how many were drawn from; the rows where none were sent.
        replicates: how many times.
        seed: of the draws.
    """

    standard_error: float
    interval: Interval
    clusters: int
    replicates: int
    seed: int


@dataclass(frozen=True, slots=True)
class LossBin:
    """The rows whose loss lies in [lower, upper).

    Attributes:
        lower: edge, in nat.
        upper: edge; infinite in the last bin, which takes infinite losses too.
        weight: of the rows.
        log_loss: what they add to the log loss; the bins add up to it.
    """

    lower: float
    upper: float
    weight: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What answering only the surer rows costs and gains.

    Attributes:
        confidence: the least that is answered.
        coverage: the share of the weight that is answered.
        risk: the share of wrong predictions in it.
    """

    confidence: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The error among the answered rows at every coverage, the surest rows first.

    Attributes:
        aurc: the area under the curve: the mean of the risk over all rows.
        points: in the order of rising coverage.
    """

    aurc: float
    points: tuple[RiskPoint, ...]


@dataclass(frozen=True, slots=True)
class ClassPoint:
    """The rows whose probability of a class reaches a threshold, taken for rows of the class.

    Attributes:
        threshold: the probability.
        recall: the share of the rows of the class that are taken for it: the true positive rate.
        false_positive_rate: the share of all others that are; nan where there is no other.
        precision: the share of rows of the class among those taken.
    """

    threshold: float
    recall: float
    false_positive_rate: float
    precision: float


@dataclass(frozen=True, slots=True)
class ClassCurve:
    """The ROC and the precision-recall curve of a class, one against the rest.

    Attributes:
        label: of the class.
        points: in the order of falling thresholds; none where no row is of the class.
    """

    label: str | int
    points: tuple[ClassPoint, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """What the curves of a report go through.

    Attributes:
        losses: the bins of the loss that have rows.
        risk_coverage: by the confidence in the predicted class.
        classes: in class order; `None` above 256 classes.
    """

    losses: tuple[LossBin, ...]
    risk_coverage: RiskCoverage
    classes: tuple[ClassCurve, ...] | None
