"""The reliability diagram."""

from math import isnan
from typing import TYPE_CHECKING

from service.evaluation.parts import CalibrationBin
from service.evaluation.pictures.canvas import FIRST, INK, SECOND, Picture, canvas, legend, picture
from service.evaluation.pictures.words import number, short
from service.evaluation.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More have no room for the bands of each.
BANDS = 50
HEAD = ("confidence", "mean", "accuracy", "95 %", "rows")


def reliability(report: Report) -> Picture:
    """Accuracy against confidence by bin, and the rows of each bin below.

    Returns:
        A picture with Wilson's intervals, and the isotonic curve where the report has it.
    """
    figure = canvas(5.2, 5.6, rows=(3.2, 1.0))
    above, below = figure.axes
    above.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="perfect calibration")
    if report.isotonic is not None:
        ends = [(x, b.accuracy) for b in report.isotonic.curve for x in (b.lower, b.upper)]
        x, y = zip(*ends, strict=True)
        above.plot(x, y, color=SECOND, linestyle=":", linewidth=2, label="isotonic, without bins")
    bins = report.calibration.bins
    filled = [b for b in bins if b.count]
    edges = [bins[0].lower, *(b.upper for b in bins)]
    if len(filled) > BANDS:
        accuracies = [b.accuracy for b in bins]
        above.stairs(accuracies, edges, baseline=None, color=FIRST, label="accuracy")
    else:
        _accuracies(above, filled)
    above.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02), ylabel="share predicted right")
    counts = [b.count for b in bins]
    below.stairs(counts, edges, fill=True, facecolor=FIRST, edgecolor=INK, linewidth=0.6)
    below.set(xlabel="confidence: largest probability of a row", ylabel="rows")
    if len(filled) <= 15:
        for b in filled:
            middle = (b.lower + b.upper) / 2
            below.annotate(
                short(b.count), (middle, b.count), (0, 1), textcoords="offset points",
                ha="center", color=INK, fontsize=6,
            )  # fmt: skip
        below.margins(y=0.25)
    legend(figure)
    return picture(
        figure,
        "reliability",
        "Reliability diagram",
        _text(report, filled),
        HEAD,
        (((b.lower, b.upper), b.mean_confidence, b.accuracy, b.interval, b.count) for b in filled),
    )


def _text(report: Report, filled: list[CalibrationBin]) -> str:
    worst = max(filled, key=lambda b: abs(b.accuracy - b.mean_confidence) * b.weight)
    outside = [b for b in filled if not b.interval[0] <= b.mean_confidence <= b.interval[1]]
    text = (
        f"Rows: {number(report.count)}, bins that have some: {len(filled)}, of these with a mean "
        f"confidence outside the interval of 95 % of the accuracy: {len(outside)}. The bin that "
        f"weighs most in the calibration error has a weight of {number(worst.weight)}, a mean "
        f"confidence of {number(worst.mean_confidence)} and an accuracy of "
        f"{number(worst.accuracy)}."
    )
    if len(filled) > BANDS:
        text += f" The bands of 95 % are shown where at most {BANDS} bins have rows."
    return text


def _accuracies(axes: "Axes", bins: list[CalibrationBin]) -> None:
    x, y = [b.mean_confidence for b in bins], [b.accuracy for b in bins]
    below = [_reach(b.accuracy, b.interval[0]) for b in bins]
    above = [_reach(b.interval[1], b.accuracy) for b in bins]
    axes.errorbar(
        x, y, (below, above), fmt="o", label="accuracy, 95 %", color=FIRST, markersize=5, capsize=3
    )


def _reach(high: float, low: float) -> float:
    return 0.0 if isnan(high - low) else max(0.0, high - low)
