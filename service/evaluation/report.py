"""The evaluation report: what was found, as plain numbers."""

from dataclasses import dataclass
from typing import Literal

from service.evaluation.requested import Bootstrap, Curves, Interval, Isotonic, Temperature

Label = str | int
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


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation of probability predictions; docs/evaluation.md defines each figure.

    The members from `equal_mass` on are there on request alone (`include`).

    Attributes:
        log_loss: weighted mean of -log p(true class), in nat.
        standard_error: of the log loss; nan of fewer than two rows, or of an infinite loss.
        interval: of 95 %, for the log loss, by Student's t, adjusted for the skew of the losses.
        count: rows that entered.
        weight: their weight.
        uniform_baseline: log loss of the uniform prediction, ln K.
        prior_baseline: log loss of always predicting the label frequencies of these rows.
        skill: 1 - log_loss / prior_baseline.
        accuracy: weighted share of rows whose most probable class is the true one.
        top_k: the share of rows whose true class is among the k most probable, k = 1, 2, ...
        macro: plain averages of precision, recall and F1 over the classes.
        weighted: the same, weighted by support.
        ranking: ROC AUC and average precision; `None` above 256 classes, unless `include` has it.
        brier: weighted mean of sum_c (p_c - onehot_c)**2, in [0, 2].
        brier_decomposition: of the Brier score; `None` where there are too many classes.
        log_loss_decomposition: of the log loss; `None` where there are too many classes.
        per_class: in class order.
        slices: by column that was sent along, its values in order; `None` without columns.
        confusion_matrix: weight by true class (rows) and predicted class (columns), integers
            without weights; `None` above 1,000 classes.
        calibration: of the predicted class, in bins of equal width.
        worst: the rows with the largest losses, the largest first, ties by row.
        infinite: rows whose true class was given the probability 0.
        overflowed: rows whose loss is finite but exceeds float64.
        clipped: rows whose loss was bounded.
        ignored: rows of weight 0.
        renormalized: rows whose sum was off 1 by more than is let pass, and divided out.
        max_sum_deviation: largest distance from 1 of the sum of a row of probabilities; `None`
            for logits.
        equal_mass: calibration of the predicted class, in bins of equal mass.
        isotonic: calibration of the predicted class, without bins.
        temperature: the best one, and what it would gain.
        bootstrap: the uncertainty of the log loss by resampling.
        curves: what the ROC, precision-recall and risk-coverage curves go through, and the
            histogram of the losses.
    """

    log_loss: float
    standard_error: float
    interval: Interval
    count: int
    weight: float
    uniform_baseline: float
    prior_baseline: float
    skill: float
    accuracy: float
    top_k: tuple[TopK, ...]
    macro: Average
    weighted: Average
    ranking: Ranking | None
    brier: float
    brier_decomposition: Decomposition | None
    log_loss_decomposition: Decomposition | None
    per_class: tuple[ClassReport, ...]
    slices: dict[str, tuple[SliceReport, ...]] | None
    confusion_matrix: tuple[tuple[float, ...], ...] | None
    calibration: Calibration
    worst: tuple[WorstRow, ...]
    infinite: int
    overflowed: int
    clipped: int
    ignored: int
    renormalized: int
    max_sum_deviation: float | None
    equal_mass: Calibration | None = None
    isotonic: Isotonic | None = None
    temperature: Temperature | None = None
    bootstrap: Bootstrap | None = None
    curves: Curves | None = None
