"""The parts of an evaluation report that are always there, as plain numbers."""

from dataclasses import dataclass
from typing import Literal

from service.evaluation.requested import Interval
from service.losses.truth import Label

RowId = int | str


@dataclass(frozen=True, slots=True)
class TopK:
    """How often the true class is among the k most probable ones.

    Attributes:
        k: how many classes are looked at.
        accuracy: the weighted share of rows whose true class is one of them.
    """

    k: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Average:
    """Averages over the classes that are true or predicted somewhere; 0/0 counts as 0 there.

    Attributes:
        precision: of the precisions of the classes.
        recall: of their recalls.
        f1: of their F1 scores.
    """

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well the probability of a class puts its rows before the others; means over classes.

    Attributes:
        method: `"exact"`, on request: only equal probabilities are ties; `"histogram"`: those in
            the same one of 1,024 bins are.
        roc_auc: one class against the rest, the mean over the classes with rows of both kinds.
        roc_auc_error: how far the ties of the histogram may have moved it at most.
        average_precision: the mean over the classes that have rows.
    """

    method: Literal["exact", "histogram"]
    roc_auc: float
    roc_auc_error: float
    average_precision: float


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A score as reliability - resolution + uncertainty + within, which add up to it.

    Rows are grouped by predicted class and calibration bin.

    Attributes:
        reliability: how far the mean forecast of a group is from what is true in it; 0 is perfect.
        resolution: how far what is true in a group is from what is true of all; more is better.
        uncertainty: the score of always predicting the label frequencies.
        within: what varies inside the groups.
        groups: how many groups have rows.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float
    groups: int


@dataclass(frozen=True, slots=True)
class ClassReport:
    """How one class fared.

    Attributes:
        label: the name of the class, or its index.
        support: the weight of the rows of this class.
        precision: the share of rows predicted as this class that are of it; nan where none is.
        recall: the share of rows of this class that are predicted as it, which is their accuracy;
            nan where there is none.
        f1: 2 correct / (support + predicted); nan where both are 0.
        log_loss: mean loss of the rows of this class, in nat; nan where there is none.
        standard_error: of that mean; nan of fewer than two rows.
        interval: of 95 %, for that mean.
        roc_auc: of its probability, its rows against all others; `None` where `ranking` is.
        average_precision: of its probability; `None` where `ranking` is.
        ece: calibration error of its probability; `None` where there are too many classes.
    """

    label: Label
    support: float
    precision: float
    recall: float
    f1: float
    log_loss: float
    standard_error: float
    interval: Interval
    roc_auc: float | None
    average_precision: float | None
    ece: float | None


@dataclass(frozen=True, slots=True)
class SliceReport:
    """How the rows of one value of a column fared.

    Attributes:
        value: of the column.
        count: its rows.
        weight: their weight.
        log_loss: their mean loss, in nat.
        standard_error: of that mean; nan of fewer than two rows.
        interval: of 95 %, for that mean.
        accuracy: weighted share of them that is predicted correctly.
    """

    value: str | int | bool
    count: int
    weight: float
    log_loss: float
    standard_error: float
    interval: Interval
    accuracy: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The rows whose confidence lies in (lower, upper]; the first bin takes its lower edge too.

    Attributes:
        lower: edge, k / bins; the smallest confidence of a bin of equal mass.
        upper: edge, (k + 1) / bins; the largest confidence of a bin of equal mass.
        count: the number of rows.
        weight: their weight.
        mean_confidence: weighted mean of their largest probabilities; nan in an empty bin.
        accuracy: the weighted share of them that is predicted correctly; nan in an empty bin.
        interval: Wilson's of 95 %, for that share.
    """

    lower: float
    upper: float
    count: int
    weight: float
    mean_confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether confidence in the predicted class is matched by its accuracy.

    Attributes:
        ece: expected calibration error, sum_b (W_b / W) |accuracy_b - mean_confidence_b|.
        ece_debiased: the same less what chance adds to it.
        classwise_ece: mean over the classes of the error of their probabilities; `None` where
            there are too many classes, or in bins of equal mass.
        bins: of equal width, empty ones included; or of equal mass.
    """

    ece: float
    ece_debiased: float
    classwise_ece: float | None
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class WorstRow:
    """One of the rows with the largest losses.

    Attributes:
        row: its number, from 0, or its id where ids were sent.
        loss: in nat, without the row's weight.
        label: the true class.
        probability: of the true class.
    """

    row: RowId
    loss: float
    label: Label
    probability: float
