"""The evaluation report: what was found, as plain numbers."""

from dataclasses import dataclass

from service.evaluation.parts import (
    Average,
    Calibration,
    ClassReport,
    Decomposition,
    Ranking,
    SliceReport,
    TopK,
    WorstRow,
)
from service.evaluation.requested import Bootstrap, Curves, Interval, Isotonic, Temperature


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
