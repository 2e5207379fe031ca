"""The pictures of an evaluation, each a function of plain numbers that gives an SVG."""

from collections.abc import Sequence
from math import inf, isfinite, log

from service.evaluation.pictures.canvas import FAINT, FIRST, INK, SECOND, canvas, legend, svg
from service.evaluation.report import Label

# More classes than these have no room for their names; the worst ones are shown.
SHOWN_CLASSES = 30


def reliability(
    edges: Sequence[float],
    counts: Sequence[int],
    confidences: Sequence[float],
    accuracies: Sequence[float],
    bands: Sequence[tuple[float, float]],
) -> str:
    """The reliability diagram: accuracy against confidence by bin, with the rows of each bin below.

    Args:
        edges: (B + 1,) of the bins.
        counts: (B,) rows.
        confidences: (B,) mean confidence; of empty bins not read.
        accuracies: (B,) share predicted right; of empty bins not read.
        bands: (B,) lowest and highest accuracy that the rows leave plausible (95 %).
    """
    figure = canvas(5.2, 5.4, rows=(3.2, 1.0))
    above, below = figure.axes
    filled = [b for b, count in enumerate(counts) if count]
    x, y = [confidences[b] for b in filled], [accuracies[b] for b in filled]
    errors = [
        [max(0.0, accuracies[b] - bands[b][0]) for b in filled],
        [max(0.0, bands[b][1] - accuracies[b]) for b in filled],
    ]
    above.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="perfect calibration")
    above.errorbar(
        x,
        y,
        errors,
        fmt="o-",
        color=FIRST,
        linewidth=1.5,
        markersize=5,
        capsize=3,
        label="accuracy, 95 %",
    )
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share predicted right")
    legend(above, "upper left")
    widths = [high - low for low, high in zip(edges, edges[1:], strict=False)]
    below.bar(edges[:-1], counts, widths, align="edge", color=FIRST, edgecolor=INK, linewidth=0.6)
    below.set(xlabel="confidence: largest probability of a row", ylabel="rows")
    worst = max(filled, key=lambda b: abs(accuracies[b] - confidences[b]) * counts[b], default=None)
    text = "There are no rows."
    if worst is not None:
        text = (
            f"{sum(counts)} rows in {len(filled)} bins. The bin that weighs most in the calibration"
            f" error has {counts[worst]} rows, mean confidence {confidences[worst]:.3f} and"
            f" accuracy {accuracies[worst]:.3f}."
        )
    return svg(figure, "reliability", "Reliability diagram", text)


def confusion(matrix: Sequence[Sequence[float]], names: Sequence[Label]) -> str:
    """The confusion matrix: rows are the true classes, columns the predicted ones.

    Args:
        matrix: (K, K) weights.
        names: (K,) of the classes.
    """
    shown = _most_confused(matrix)
    size = len(shown)
    side = min(7.2, 1.8 + 0.42 * size)
    figure = canvas(side, side)
    axes = figure.axes[0]
    axes.grid(visible=False)
    for i, true in enumerate(shown):
        whole = sum(matrix[true])
        for j, predicted in enumerate(shown):
            cell = matrix[true][predicted]
            if cell == 0:
                continue
            share = cell / whole
            colour = FIRST if i == j else SECOND
            axes.fill_between(
                [j - 0.5, j + 0.5],
                i - 0.5,
                i + 0.5,
                color=colour,
                alpha=0.15 + 0.6 * share,
                linewidth=0,
            )
            size_of_text = 9 if size <= 12 else 6
            axes.text(
                j, i, f"{cell:.4g}", ha="center", va="center", color=INK, fontsize=size_of_text
            )
    labels = [str(names[k]) for k in shown]
    longest = max(map(len, labels))
    axes.set_xticks(
        range(size),
        labels,
        rotation=0 if longest <= 3 else 45,
        ha="center" if longest <= 3 else "right",
    )
    axes.set_yticks(range(size), labels)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted", ylabel="true")
    right = sum(matrix[k][k] for k in range(len(matrix)))
    whole = sum(map(sum, matrix))
    cut = f" The {size} classes with the most mistakes are shown." if size < len(matrix) else ""
    text = f"{right:.6g} of {whole:.6g} predicted right.{cut}{_largest_mistake(matrix, names)}"
    return svg(figure, "confusion", "Confusion matrix", text)


def class_losses(
    names: Sequence[Label], losses: Sequence[float], supports: Sequence[float], overall: float
) -> str:
    """The mean log loss of each class, largest first, beside that of all rows and of ignorance.

    Args:
        names: (K,) of the classes.
        losses: (K,) in nats; nan for a class without rows, which is left out.
        supports: (K,) weights.
        overall: log loss of all rows.
    """
    present = [k for k, loss in enumerate(losses) if supports[k] and not loss != loss]
    order = sorted(present, key=lambda k: -losses[k])[:SHOWN_CLASSES]
    top = max([losses[k] for k in order if isfinite(losses[k])], default=1.0)
    figure = canvas(6.0, 1.2 + 0.28 * len(order))
    axes = figure.axes[0]
    axes.grid(visible=False, axis="y")
    for place, k in enumerate(order):
        endless = losses[k] == inf
        axes.barh(
            place, 1.05 * top if endless else losses[k], 0.7, color=SECOND if endless else FIRST
        )
        if endless:
            axes.text(1.05 * top, place, " infinite", va="center", color=INK, fontsize=9)
    axes.set_yticks(range(len(order)), [str(names[k]) for k in order])
    axes.invert_yaxis()
    if isfinite(overall):
        axes.axvline(overall, color=INK, linewidth=1.2, label=f"all rows: {overall:.4g}")
    axes.axvline(
        log(len(names)),
        color=INK,
        linewidth=1.2,
        linestyle=":",
        label=f"ln K: {log(len(names)):.4g}",
    )
    axes.set(xlabel="mean log loss, nats")
    axes.set_xlim(left=0)
    legend(axes, "lower right")
    text = "No class has rows."
    if order:
        text = (
            f"Largest for {names[order[0]]}: {losses[order[0]]:.4g} nats; smallest of those shown for"
            f" {names[order[-1]]}: {losses[order[-1]]:.4g}. All rows: {overall:.4g}."
        )
    return svg(figure, "class-losses", "Log loss by class", text)


def loss_histogram(
    edges: Sequence[float], counts: Sequence[int], infinite: int, mean: float
) -> str:
    """How many rows have which loss; rows of infinite loss are said, not drawn.

    Args:
        edges: (B + 1,) of the bins, in nats; the last bin may end at infinity.
        counts: (B,) rows.
        infinite: rows of infinite loss.
        mean: the log loss.
    """
    figure = canvas(6.0, 3.4)
    axes = figure.axes[0]
    closed = [
        edges[b + 1] if isfinite(edges[b + 1]) else 2 * edges[b] - edges[b - 1]
        for b in range(len(counts))
    ]
    widths = [high - low for low, high in zip(edges, closed, strict=False)]
    axes.bar(edges[:-1], counts, widths, align="edge", color=FIRST, edgecolor=INK, linewidth=0.5)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    if isfinite(mean):
        axes.axvline(mean, color=INK, linewidth=1.2, label=f"mean: {mean:.4g}")
        legend(axes, "upper right")
    axes.set(xlabel="loss of a row, nats", ylabel="rows (logarithmic)")
    rows = sum(counts)
    text = f"{rows} rows of finite loss, {infinite} of infinite loss; mean {mean:.4g} nats."
    return svg(figure, "losses", "Losses of the rows", text)


def curves(lines: Sequence[tuple[str, Sequence[float], Sequence[float]]], kind: str) -> str:
    """ROC or precision-recall curves, one for each class, numbered in the legend.

    Args:
        lines: name, x and y of each; x and y in [0, 1]. Eight at most are drawn.
        kind: `"roc"` (x: false positive rate, y: true positive rate) or `"precision-recall"`
            (x: recall, y: precision).
    """
    figure = canvas(5.2, 5.0)
    axes = figure.axes[0]
    if kind == "roc":
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1.2, label="chance")
        title, labels = "ROC curves", ("false positive rate", "true positive rate")
    else:
        title, labels = "Precision-recall curves", ("recall", "precision")
    styles = ("-", "--", "-.", ":")
    for number, (name, x, y) in enumerate(lines[:8]):
        colour = FIRST if number < 4 else SECOND
        axes.step(
            x,
            y,
            where="post",
            color=colour,
            linestyle=styles[number % 4],
            linewidth=1.5,
            label=name,
        ) if kind != "roc" else axes.plot(
            x, y, color=colour, linestyle=styles[number % 4], linewidth=1.5, label=name
        )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=labels[0], ylabel=labels[1])
    legend(axes, "lower right" if kind == "roc" else "lower left")
    names = ", ".join(name for name, _, _ in lines[:8])
    return svg(figure, kind, title, f"One curve for each of {names}.")


def risk_coverage(coverages: Sequence[float], risks: Sequence[float], area: float) -> str:
    """The share of mistakes among the rows answered, as ever more rows are answered.

    Args:
        coverages: share of rows answered, rising.
        risks: share of mistakes among them.
        area: under the curve (AURC).
    """
    figure = canvas(6.0, 3.6)
    axes = figure.axes[0]
    axes.step(coverages, risks, where="post", color=FIRST, linewidth=1.5)
    axes.set(xlim=(0, 1), xlabel="coverage: share of rows answered", ylabel="share of mistakes")
    axes.set_ylim(bottom=0)
    text = f"Answering every row makes {risks[-1]:.4g} of the answers mistakes; area {area:.4g}."
    return svg(figure, "risk-coverage", "Risk against coverage", text)


def _most_confused(matrix: Sequence[Sequence[float]]) -> list[int]:
    """The classes to show: all of them, or those with the most mistakes, in class order."""
    size = len(matrix)
    if size <= SHOWN_CLASSES:
        return list(range(size))
    mistakes = [
        sum(matrix[k]) + sum(row[k] for row in matrix) - 2 * matrix[k][k] for k in range(size)
    ]
    return sorted(sorted(range(size), key=lambda k: -mistakes[k])[:SHOWN_CLASSES])


def _largest_mistake(matrix: Sequence[Sequence[float]], names: Sequence[Label]) -> str:
    cells = [(matrix[i][j], i, j) for i in range(len(matrix)) for j in range(len(matrix)) if i != j]
    weight, i, j = max(cells, default=(0.0, 0, 0))
    if weight == 0:
        return ""
    return f" The most frequent mistake is {names[i]} taken for {names[j]}: {weight:.4g}."
