"""How each class fared, and the averages over the classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.figures import ratio, weights_of
from service.evaluation.moments import Mean
from service.evaluation.parts import Average, ClassReport
from service.evaluation.ranking import ClassRanking
from service.losses.truth import Label


@dataclass(frozen=True, slots=True)
class Supports:
    """Weights by class, as integers that are multiples of the same power of two.

    Attributes:
        support: of the rows of the class.
        predicted: of the rows predicted as it.
        correct: of the rows of it that are predicted as it.
        one: the integer that stands for 1.
        weighted: whether weights were given; without them weights are numbers of rows.
    """

    support: Sequence[int]
    predicted: Sequence[int]
    correct: Sequence[int]
    one: int
    weighted: bool

    def f1(self) -> list[float]:
        """2 correct / (support + predicted) by class."""
        rows = zip(self.support, self.predicted, self.correct, strict=True)
        return [ratio(2 * correct, support + predicted) for support, predicted, correct in rows]


def per_class(
    names: Sequence[Label],
    supports: Supports,
    losses: Sequence[Mean],
    ranked: Sequence[ClassRanking] | None,
    errors: Sequence[float] | None,
) -> tuple[ClassReport, ...]:
    """The figures of each class.

    Args:
        names: (K,) of the classes.
        supports: by class.
        losses: (K,) their means.
        ranked: (K,) their rankings, or `None`.
        errors: (K,) their calibration errors, or `None`.
    """
    columns = zip(
        names,
        weights_of(supports.support, supports.one, supports.weighted),
        map(ratio, supports.correct, supports.predicted),
        map(ratio, supports.correct, supports.support),
        supports.f1(),
        losses,
        strict=True,
    )
    return tuple(
        ClassReport(
            label=label,
            support=support,
            precision=precision,
            recall=recall,
            f1=f1,
            log_loss=loss.value,
            standard_error=loss.standard_error,
            interval=loss.interval,
            roc_auc=None if ranked is None else ranked[c].roc_auc,
            average_precision=None if ranked is None else ranked[c].average_precision,
            ece=None if errors is None else errors[c],
        )
        for c, (label, support, precision, recall, f1, loss) in enumerate(columns)
    )


def averages(supports: Supports) -> tuple[Average, Average]:
    """The plain averages over the classes, and those weighted by support.

    Classes that are neither true nor predicted anywhere are left out, and 0/0 counts as 0, as in
    scikit-learn.
    """
    present = [c for c, f1 in enumerate(supports.f1()) if not math.isnan(f1)]
    columns = [
        [ratio(supports.correct[c], supports.predicted[c] or 1) for c in present],
        [ratio(supports.correct[c], supports.support[c] or 1) for c in present],
        [value for value in supports.f1() if not math.isnan(value)],
    ]
    total = sum(supports.support)
    shares = [ratio(supports.support[c], total) for c in present]
    macro = (math.fsum(column) / len(present) for column in columns)
    weighted = (
        math.fsum(share * value for share, value in zip(shares, column, strict=True))
        for column in columns
    )
    return Average(*macro), Average(*weighted)


def confusion_matrix(cells: Sequence[float], classes: int) -> tuple[tuple[float, ...], ...]:
    """Weights by true class (rows) and predicted class (columns).

    Args:
        cells: by true class * K + predicted class.
        classes: K.
    """
    return tuple(tuple(cells[c * classes : (c + 1) * classes]) for c in range(classes))
