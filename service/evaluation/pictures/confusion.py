"""The confusion matrix, readable from 2 to 100 classes."""

from heapq import nlargest
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
from service.evaluation.pictures.words import name, number, quoted, share, short
from service.evaluation.report import Report
from service.losses.truth import Label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Up to so many classes a cell has room for its number, and the classes stay in their order.
NUMBERED = 20
# Above so many classes those with the most mistakes are shown, of all cells the heaviest.
SHOWN = 100
CELLS = 1000
# Shares of a true class from and to, on a logarithmic scale, and how strong their colour is.
LEVELS = (
    (0.0, 0.01, 0.1), (0.01, 0.03, 0.2), (0.03, 0.1, 0.3), (0.1, 0.3, 0.42), (0.3, 2.0, 0.55)
)  # fmt: skip
HEAD = ("true class", "predicted as", "weight", "share of the true class")
MISTAKES = 20

Matrix = tuple[tuple[float, ...], ...]
Mistake = tuple[float, Label, Label, float]
"""Weight, true class, predicted class, share of the true class."""


def confusion(report: Report) -> Picture | None:
    """Rows are true classes, columns predicted ones; cells are as strong as their share of the row.

    Returns:
        A picture of all classes, those that are taken for each other side by side where there are
        many, or of those with the most mistakes; `None` where there is no matrix.
    """
    matrix = report.confusion_matrix
    if matrix is None:
        return None
    shown = _most_confused(matrix)
    if len(shown) > NUMBERED:
        shown = _neighbours(matrix, shown)
    size = len(shown)
    side = 2.4 + 0.4 * size if size <= NUMBERED else 8.2
    figure = canvas(side, side + 0.6)
    axes = figure.axes[0]
    axes.grid(visible=False)
    drawn = _cells(axes, matrix, shown)
    _name_axes(axes, [label(report.per_class[k].label) for k in shown])
    _scale(figure)
    mistakes = _mistakes(report, matrix)
    text = _text(report, matrix, size, mistakes)
    if drawn == CELLS:
        text += f" Of the cells the {CELLS:,} with the largest share of their row are shown."
    rows = [(name(true), name(taken), cell, share(part)) for cell, true, taken, part in mistakes]
    return picture(figure, "confusion", "Confusion matrix", text, HEAD, rows)


def _cells(axes: "Axes", matrix: Matrix, shown: list[int]) -> int:
    """Draws the cells that are not empty, those of one colour as one path; returns how many."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    wholes = [sum(matrix[k]) for k in shown]
    cells = [
        (matrix[true][predicted] / wholes[i], i, j, matrix[true][predicted])
        for i, true in enumerate(shown)
        for j, predicted in enumerate(shown)
        if matrix[true][predicted]
    ]
    cells = sorted(cells, key=lambda cell: -cell[0])[:CELLS]
    numbered = len(shown) <= NUMBERED
    half = 0.46 if numbered else 0.5
    corners = ((-half, -half), (half, -half), (half, half), (-half, half), (-half, -half))
    for low, high, strength in LEVELS:
        for colour, right in ((FIRST, True), (SECOND, False)):
            squares = [
                Path([(j + x, i + y) for x, y in corners], closed=True)
                for part, i, j, _ in cells
                if low <= part < high and (i == j) is right
            ]
            if squares:
                path = Path.make_compound_path(*squares)
                axes.add_patch(PathPatch(path, facecolor=colour, alpha=strength, linewidth=0))
    for _, i, j, cell in cells if numbered else []:
        size = 9 if len(shown) <= 12 else 7
        axes.text(j, i, short(cell), ha="center", va="center", color=INK, fontsize=size)
    return len(cells)


def _name_axes(axes: "Axes", names: list[str]) -> None:
    size = len(names)
    font = 9 if size <= NUMBERED else max(4, 360 // size)
    steep = size > NUMBERED or max(map(len, names)) > 3
    axes.set_xticks(range(size), names, fontsize=font)
    for tick in axes.get_xticklabels() if steep else []:
        tick.set(rotation=90 if size > NUMBERED else 45, rotation_mode="anchor", ha="right")
        tick.set_verticalalignment("center" if size > NUMBERED else "top")
    axes.set_yticks(range(size), names, fontsize=font)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted", ylabel="true")


def _scale(figure: "Figure") -> None:
    """What the strengths mean."""
    from matplotlib.patches import Patch

    marks = [
        Patch(facecolor=INK, alpha=strength, label=f"{100 * low:g} to {100 * min(high, 1):g} %")
        for low, high, strength in LEVELS
    ]
    legend(figure, 3, marks, "share of the true class")


def _most_confused(matrix: Matrix) -> list[int]:
    """The classes to show, in class order."""
    size = len(matrix)
    columns = [sum(column) for column in zip(*matrix, strict=True)]
    mistakes = [sum(row) + columns[k] - 2 * row[k] for k, row in enumerate(matrix)]
    return sorted(sorted(range(size), key=lambda k: -mistakes[k])[:SHOWN])


def _neighbours(matrix: Matrix, shown: list[int]) -> list[int]:
    """The same classes, each behind the one that it is taken for, and that for it, most often."""
    wholes = {k: sum(matrix[k]) or 1.0 for k in shown}
    left = dict.fromkeys(shown)
    order = [shown[0]]
    del left[shown[0]]
    while left:
        last = order[-1]
        near = max(left, key=lambda k: matrix[last][k] / wholes[last] + matrix[k][last] / wholes[k])
        order.append(near)
        del left[near]
    return order


def _mistakes(report: Report, matrix: Matrix) -> list[Mistake]:
    cells = (
        (cell, report.per_class[i].label, report.per_class[j].label, cell / whole)
        for i, (row, whole) in enumerate(zip(matrix, map(sum, matrix), strict=True))
        for j, cell in enumerate(row)
        if cell and i != j
    )
    return nlargest(MISTAKES, cells, key=lambda cell: cell[0])


def _text(report: Report, matrix: Matrix, shown: int, mistakes: list[Mistake]) -> str:
    right = sum(row[k] for k, row in enumerate(matrix))
    text = f"A weight of {number(right)} of {number(report.weight)} is predicted right."
    if mistakes:
        weight, true, predicted, _ = mistakes[0]
        text += (
            f" The most frequent mistake is {quoted(true)} taken for {quoted(predicted)}: "
            f"{number(weight)}."
        )
    if shown < len(matrix):
        text += f" The {shown} classes with the most mistakes are shown."
    if shown > NUMBERED:
        text += " Classes that are taken for each other stand side by side."
    return text
