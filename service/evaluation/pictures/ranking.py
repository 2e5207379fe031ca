"""ROC and precision-recall curves, one class against the rest."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from service.evaluation.parts import ClassReport
from service.evaluation.pictures.canvas import (
    FAINT,
    FIRST,
    INK,
    SECOND,
    Picture,
    canvas,
    label,
    legend,
    picture,
)
from service.evaluation.pictures.words import name, number, quoted
from service.evaluation.report import Report
from service.evaluation.requested import ClassPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by dashes and markers, not by colours alone; more would be no longer.
STYLES: tuple[dict[str, Any], ...] = (
    {"color": FIRST, "linestyle": "-", "marker": "o"},
    {"color": SECOND, "linestyle": "--", "marker": "s"},
    {"color": INK, "linestyle": ":", "marker": "^"},
    {"color": FIRST, "linestyle": "-.", "marker": "D"},
    {"color": SECOND, "linestyle": (0, (6, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": INK, "linestyle": (0, (9, 3)), "marker": "x"},
)
STEPS = 150
GRID = [step / 100 for step in range(101)]

Way = list[tuple[float, float]]
"""The corners of a curve, from left to right."""


def roc(report: Report) -> Picture | None:
    """The true positive rate against the false positive rate of each class.

    Returns:
        A picture of all classes, or the worst and a band of the others; `None` where the report
        has no curves of classes.
    """
    if report.curves is None or report.curves.classes is None:
        return None
    figure = canvas(5.2, 5.8)
    axes = figure.axes[0]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=(0, (1, 3)), label="chance: 0.5")
    axes.set(xlabel="false positive rate", ylabel="true positive rate (recall)")
    found = _classes(report, lambda c: c.roc_auc, _roc_way)
    if len(report.per_class) == 2:
        found = found and [max(found, key=lambda one: report.per_class.index(one[0]))]
    _draw(axes, found, "AUC", lambda c: c.roc_auc, _between)
    legend(figure, _columns(found))
    text = _text(found, "area under the curve", lambda c: c.roc_auc)
    if len(report.per_class) == 2:
        text += " The curve of the other class is its mirror image."
    rows = ((name(c.label), c.roc_auc, c.support) for c, _ in found)
    head = ("class", "ROC AUC", "support")
    return picture(figure, "roc", "ROC curves, one class against the rest", text, head, rows)


def precision_recall(report: Report) -> Picture | None:
    """Precision against recall of each class.

    Returns:
        A picture of all classes, or the worst and a band of the others; `None` where the report
        has no curves of classes.
    """
    if report.curves is None or report.curves.classes is None:
        return None
    figure = canvas(5.2, 5.8)
    axes = figure.axes[0]
    axes.set(xlabel="recall", ylabel="precision")
    found = _classes(report, lambda c: c.average_precision, _precision_way)
    _draw(axes, found, "AP", lambda c: c.average_precision, _step)
    legend(figure, _columns(found))
    text = _text(found, "average precision", lambda c: c.average_precision)
    rows = (
        (name(c.label), c.average_precision, c.support / report.weight, c.support) for c, _ in found
    )
    head = ("class", "average precision", "that of chance", "support")
    title = "Precision-recall curves, one class against the rest"
    return picture(figure, "precision-recall", title, text, head, rows)


def _classes(
    report: Report,
    figure: Callable[[ClassReport], float | None],
    way: Callable[[Sequence[ClassPoint]], Way],
) -> list[tuple[ClassReport, Way]]:
    """The classes that have the figure, and their curves: the worst first."""
    assert report.curves is not None
    assert report.curves.classes is not None
    known = []
    for c, curve in zip(report.per_class, report.curves.classes, strict=True):
        value = figure(c)
        if value is not None and not isnan(value):
            known.append((value, c, way(curve.points)))
    return [(c, corners) for _, c, corners in sorted(known, key=lambda one: one[0])]


def _roc_way(points: Sequence[ClassPoint]) -> Way:
    return [(0.0, 0.0), *((point.false_positive_rate, point.recall) for point in points)]


def _precision_way(points: Sequence[ClassPoint]) -> Way:
    """Steps, as the average precision adds them up: where no recall is added there is none.

    Where they are too many to be told apart they are a line.
    """
    if len(points) > STEPS:
        return [(0.0, points[0].precision), *((point.recall, point.precision) for point in points)]
    corners: Way = []
    reached = 0.0
    for point in points:
        if point.recall > reached:
            corners += [(reached, point.precision), (point.recall, point.precision)]
            reached = point.recall
    return corners


def _draw(
    axes: "Axes",
    found: Sequence[tuple[ClassReport, Way]],
    short: str,
    figure: Callable[[ClassReport], float | None],
    height: Callable[[Way, float], float],
) -> None:
    shown, others = found[: len(STYLES)], found[len(STYLES) :]
    if others:
        columns = [[height(way, x) for _, way in others] for x in GRID]
        axes.fill_between(
            GRID, list(map(min, columns)), list(map(max, columns)), facecolor=FAINT, alpha=0.5,
            edgecolor=FAINT, label=f"the {len(others)} other classes",
        )  # fmt: skip
    for place, ((c, way), style) in enumerate(zip(shown, STYLES, strict=False)):
        x, y = zip(*way, strict=True)
        text = f"{label(c.label)}: {short} {number(figure(c))}"
        marks = (0.04 + 0.03 * place, 0.2)  # not where those of the others are
        axes.plot(
            x, y, linewidth=1.4, markersize=4.5, markevery=marks, fillstyle="none", label=text,
            **style,
        )  # fmt: skip
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))


def _columns(found: Sequence[tuple[ClassReport, Way]]) -> int:
    """Of the legend: long names need the whole width."""
    return 1 if any(len(label(c.label)) > 12 for c, _ in found[: len(STYLES)]) else 2


def _between(way: Way, x: float) -> float:
    """The height of a polygon at x; of a wall, its top."""
    right = max(1, bisect_left(way, (x, 2.0)))
    if right == len(way):
        return way[-1][1]
    (x0, y0), (x1, y1) = way[right - 1], way[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else y1


def _step(way: Way, x: float) -> float:
    """The height of steps at x, the left one where two meet."""
    return way[min(bisect_left(way, x, key=lambda corner: corner[0]), len(way) - 1)][1]


def _text(
    found: Sequence[tuple[ClassReport, Way]],
    what: str,
    figure: Callable[[ClassReport], float | None],
) -> str:
    if not found:
        return "No class has rows and others beside them."
    worst, best = found[0][0], found[-1][0]
    text = f"The smallest {what} is that of {quoted(worst.label)}: {number(figure(worst))}"
    if len(found) > 1:
        text += f", the largest that of {quoted(best.label)}: {number(figure(best))}"
    more = len(found) - len(STYLES)
    band = f" The band is where the curves of the {more} others lie." if more > 0 else ""
    return f"{text}.{band}"
