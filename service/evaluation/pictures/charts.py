"""The pictures of an evaluation report, each an SVG."""

from math import inf, isfinite, isnan
from typing import TYPE_CHECKING

from service.evaluation.pictures.canvas import (
    FIRST,
    INK,
    SECOND,
    Picture,
    canvas,
    label,
    legend,
    picture,
)
from service.evaluation.pictures.words import name, number
from service.evaluation.report import CalibrationBin, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More have no room for their names or bars; the worst are shown.
SHOWN_IN_MATRIX = 15
SHOWN_CLASSES = 30
# More have no room for the bands of each.
BANDS = 50

Matrix = tuple[tuple[float, ...], ...]


def reliability(report: Report) -> Picture:
    """The reliability diagram: accuracy against confidence by bin, and the rows of each bin below.

    Returns:
        A picture with Wilson's intervals, and the isotonic curve where the report has it.

    Raises:
        Missing: matplotlib is not installed.
    """
    figure = canvas(5.2, 5.4, rows=(3.2, 1.0))
    above, below = figure.axes
    above.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="perfect calibration")
    if report.isotonic is not None:
        ends = [(x, b.accuracy) for b in report.isotonic.curve for x in (b.lower, b.upper)]
        x, y = zip(*ends, strict=True)
        above.plot(x, y, color=SECOND, linestyle=":", linewidth=2, label="isotonic, without bins")
    bins = report.calibration.bins
    filled = [b for b in bins if b.count]
    _accuracies(above, filled)
    above.set(xlim=(0, 1.01), ylim=(-0.02, 1.02), ylabel="share predicted right")
    edges = [bins[0].lower, *(b.upper for b in bins)]
    counts = [b.count for b in bins]
    below.stairs(counts, edges, fill=True, facecolor=FIRST, edgecolor=INK, linewidth=0.6)
    below.set(xlabel="confidence: largest probability of a row", ylabel="rows")
    legend(figure)
    worst = max(filled, key=lambda b: abs(b.accuracy - b.mean_confidence) * b.weight)
    text = (
        f"{number(sum(counts))} rows, and {len(filled)} bins that have some. The one that weighs "
        f"most in the calibration error has {number(worst.count)}, a mean confidence "
        f"of {number(worst.mean_confidence)} and an accuracy of {number(worst.accuracy)}."
    )
    if len(filled) > BANDS:
        text += f" The bands of 95 % are shown where at most {BANDS} bins have rows."
    return picture(figure, "reliability", "Reliability diagram", text)


def _accuracies(axes: "Axes", bins: list[CalibrationBin]) -> None:
    x, y = [b.mean_confidence for b in bins], [b.accuracy for b in bins]
    if len(bins) > BANDS:
        axes.plot(x, y, ".", color=FIRST, markersize=3, label="accuracy")
        return
    below = [max(0.0, b.accuracy - b.interval[0]) for b in bins]
    above = [max(0.0, b.interval[1] - b.accuracy) for b in bins]
    axes.errorbar(
        x, y, (below, above), fmt="o", label="accuracy, 95 %", color=FIRST, markersize=5, capsize=3
    )


def confusion(report: Report) -> Picture | None:
    """The confusion matrix: rows are true classes, columns predicted ones, cells their weight.

    Returns:
        A picture of all classes, or those with the most mistakes; `None` where there is no matrix.

    Raises:
        Missing: matplotlib is not installed.
    """
    matrix = report.confusion_matrix
    if matrix is None:
        return None
    shown = _most_confused(matrix)
    size = len(shown)
    side = 1.8 + 0.42 * size
    figure = canvas(side, side)
    axes = figure.axes[0]
    axes.grid(visible=False)
    names = [label(c.label) for c in report.per_class]
    _cells(axes, matrix, shown)
    shown_names = [names[k] for k in shown]
    steep = max(map(len, shown_names)) > 3
    axes.set_xticks(range(size), shown_names, rotation=45 if steep else 0)
    if steep:
        for tick in axes.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), shown_names)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted", ylabel="true")
    right = sum(row[k] for k, row in enumerate(matrix))
    cut = f" The {size} classes with the most mistakes are shown." if size < len(matrix) else ""
    text = f"A weight of {number(right)} of {number(report.weight)} is predicted right.{cut}"
    mistake = _largest_mistake(report, matrix)
    return picture(figure, "confusion", "Confusion matrix", f"{text} {mistake}".strip())


def _cells(axes: "Axes", matrix: Matrix, shown: list[int]) -> None:
    """Colour by the share of the row; a mistake has a frame as well."""
    from matplotlib.patches import Rectangle

    for i, true in enumerate(shown):
        whole = sum(matrix[true])
        for j, predicted in enumerate(shown):
            cell = matrix[true][predicted]
            if cell == 0:
                continue
            colour, frame = (FIRST, "none") if i == j else (SECOND, INK)
            strength = 0.15 + 0.6 * cell / whole
            corner = (j - 0.46, i - 0.46)
            patch = Rectangle(corner, 0.92, 0.92, alpha=strength, facecolor=colour, edgecolor=frame)
            axes.add_patch(patch)
            size = 9 if len(shown) <= 12 else 7
            axes.text(j, i, f"{cell:.4g}", ha="center", va="center", color=INK, fontsize=size)


def _most_confused(matrix: Matrix) -> list[int]:
    """The classes to show, in class order."""
    size = len(matrix)
    columns = [sum(column) for column in zip(*matrix, strict=True)]
    mistakes = [sum(row) + columns[k] - 2 * row[k] for k, row in enumerate(matrix)]
    return sorted(sorted(range(size), key=lambda k: -mistakes[k])[:SHOWN_IN_MATRIX])


def _largest_mistake(report: Report, matrix: Matrix) -> str:
    cells = (
        (weight, true, predicted)
        for true, row in enumerate(matrix)
        for predicted, weight in enumerate(row)
        if true != predicted
    )
    weight, true, predicted = max(cells, key=lambda cell: cell[0], default=(0, 0, 0))
    if weight == 0:
        return ""
    names = [name(report.per_class[k].label) for k in (true, predicted)]
    return f"The most frequent mistake is {names[0]} taken for {names[1]}: {number(weight)}."


def class_losses(report: Report) -> Picture:
    """The log loss of each class, largest first, beside that of all rows and of ignorance.

    Returns:
        A picture of all classes that have rows, or of the worst of them.

    Raises:
        Missing: matplotlib is not installed.
    """
    present = [c for c in report.per_class if not isnan(c.log_loss)]
    shown = sorted(present, key=lambda c: -c.log_loss)[:SHOWN_CLASSES]
    lines = [x for x in (report.log_loss, report.uniform_baseline) if isfinite(x)]
    longest = 1.05 * max([c.log_loss for c in shown if isfinite(c.log_loss)] + lines)
    figure = canvas(6.0, 1.2 + 0.28 * len(shown))
    axes = figure.axes[0]
    axes.grid(visible=False, axis="y")
    for place, c in enumerate(shown):
        if c.log_loss == inf:
            axes.barh(place, longest, 0.7, color=SECOND)
            axes.text(0.0, place, " infinite", va="center", color=INK, fontsize=9)
            continue
        axes.barh(place, c.log_loss, 0.7, color=FIRST)
        if not isnan(c.standard_error):
            low, high = c.interval
            axes.plot([low, high], [place, place], color=INK, linewidth=1.2)
    axes.set_yticks(range(len(shown)), [label(c.label) for c in shown])
    axes.invert_yaxis()
    if isfinite(report.log_loss):
        axes.axvline(report.log_loss, color=INK, label=f"all rows: {report.log_loss:.4g}")
    uniform = report.uniform_baseline
    axes.axvline(uniform, color=INK, linestyle=":", label=f"uniform: {uniform:.4g}")
    axes.set(xlabel="log loss in nat, with its interval of 95 %")
    axes.set_xlim(left=0)
    legend(figure)
    less = len(shown) < len(present)
    cut = f" The worst {len(shown)} of {len(present)} classes are shown." if less else ""
    text = (
        f"The largest is that of {name(shown[0].label)}: {number(shown[0].log_loss)} nat; the "
        f"smallest shown is that of {name(shown[-1].label)}: {number(shown[-1].log_loss)}.{cut}"
    )
    return picture(figure, "class-losses", "Log loss by class", text)
