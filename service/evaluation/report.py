"""The evaluation report: what was found, as plain numbers."""

from dataclasses import dataclass

Label = str | int
RowId = int | str


@dataclass(frozen=True, slots=True)
class ClassReport:
    """How one class fared.

    Attributes:
        label: the name of the class, or its index.
        support: the weight of the rows of this class.
        precision: the share of rows predicted as this class that are of it; nan where none is.
        recall: the share of rows of this class that are predicted as it; nan where there is none.
        log_loss: mean loss of the rows of this class, in nat; nan where there is none.
    """

    label: Label
    support: float
    precision: float
    recall: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The rows whose confidence lies in (lower, upper]; the first bin takes its lower edge too.

    Attributes:
        lower: edge, k / bins.
        upper: edge, (k + 1) / bins.
        count: the number of rows.
        weight: their weight.
        mean_confidence: weighted mean of their largest probabilities; nan in an empty bin.
        accuracy: the weighted share of them that is predicted correctly; nan in an empty bin.
    """

    lower: float
    upper: float
    count: int
    weight: float
    mean_confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether confidence in the predicted class is matched by its accuracy.

    Attributes:
        ece: expected calibration error, sum_b (W_b / W) |accuracy_b - mean_confidence_b|.
        bins: of equal width, empty ones included.
    """

    ece: float
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


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation of probability predictions; docs/evaluation.md defines each figure.

    Attributes:
        log_loss: weighted mean of -log p(true class), in nat.
        count: rows that entered.
        weight: their weight.
        uniform_baseline: log loss of the uniform prediction, ln K.
        prior_baseline: log loss of always predicting the label frequencies of these rows.
        skill: 1 - log_loss / prior_baseline.
        accuracy: weighted share of rows whose most probable class is the true one.
        brier: weighted mean of sum_c (p_c - onehot_c)**2, in [0, 2].
        per_class: in class order.
        confusion_matrix: weight by true class (rows) and predicted class (columns), integers
            without weights; `None` above 1,000 classes.
        calibration: of the predicted class.
        worst: the rows with the largest losses, the largest first, ties by row.
        infinite: rows whose true class was given the probability 0.
        overflowed: rows whose loss is finite but exceeds float64.
        clipped: rows whose loss was bounded.
        ignored: rows of weight 0.
        max_sum_deviation: largest distance from 1 of the sum of a row of probabilities; `None`
            for logits.
    """

    log_loss: float
    count: int
    weight: float
    uniform_baseline: float
    prior_baseline: float
    skill: float
    accuracy: float
    brier: float
    per_class: tuple[ClassReport, ...]
    confusion_matrix: tuple[tuple[float, ...], ...] | None
    calibration: Calibration
    worst: tuple[WorstRow, ...]
    infinite: int
    overflowed: int
    clipped: int
    ignored: int
    max_sum_deviation: float | None
