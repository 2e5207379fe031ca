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
