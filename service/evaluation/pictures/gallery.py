"""The pictures of a report by name."""

from collections.abc import Callable

from service.evaluation.pictures.calibration import reliability
from service.evaluation.pictures.canvas import Picture, drawn
from service.evaluation.pictures.classes import class_losses
from service.evaluation.pictures.confusion import confusion
from service.evaluation.pictures.coverage import risk_coverage
from service.evaluation.pictures.losses import losses
from service.evaluation.pictures.ranking import precision_recall, roc
from service.evaluation.report import Report

Draw = Callable[[Report], Picture | None]

GALLERY: dict[str, Draw] = {
    "losses": losses,
    "reliability": reliability,
    "class-losses": class_losses,
    "confusion": confusion,
    "roc": roc,
    "precision-recall": precision_recall,
    "risk-coverage": risk_coverage,
}


@drawn
def draw(report: Report, name: str) -> Picture | None:
    """A picture of a report.

    Args:
        report: with its curves, which the losses, ROC, precision-recall and risk-coverage need.
        name: of GALLERY.

    Returns:
        The picture; `None` where the report has not what it shows.

    Raises:
        Missing: matplotlib is not installed.
    """
    return GALLERY[name](report)
