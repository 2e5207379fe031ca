"""The log loss of each class as bars."""

from math import inf, isfinite, isnan

from service.evaluation.parts import ClassReport
from service.evaluation.pictures.canvas import (
    FIRST,
    INK,
    PAPER,
    SECOND,
    Picture,
    canvas,
    label,
    legend,
    picture,
)
from service.evaluation.pictures.words import name, number, quoted
from service.evaluation.report import Report

# More have no room for bars of their own.
SHOWN = 30
HEAD = ("class", "log loss", "95 %", "support", "precision", "recall", "F1")


def class_losses(report: Report) -> Picture:
    """The log loss of each class, largest first, beside that of all rows and of ignorance.

    Returns:
        A picture of all classes, or of the worst and marks of the others.
    """
    present = sorted(
        (c for c in report.per_class if not isnan(c.log_loss)), key=lambda c: -c.log_loss
    )
    shown, others = present[:SHOWN], present[SHOWN:]
    lines = [x for x in (report.log_loss, report.uniform_baseline) if isfinite(x)]
    longest = 1.05 * max([c.log_loss for c in shown if isfinite(c.log_loss)] + lines) or 1.0
    figure = canvas(6.0, 1.4 + 0.26 * (len(shown) + bool(others)))
    axes = figure.axes[0]
    axes.grid(visible=False, axis="y")
    names = [label(c.label) for c in shown]
    for place, c in enumerate(shown):
        if c.log_loss == inf:
            axes.barh(place, longest, 0.7, color=SECOND, alpha=0.45)
            axes.text(0.0, place, " infinite", va="center", color=INK, fontsize=9,
                      bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1})  # fmt: skip
            continue
        axes.barh(place, c.log_loss, 0.7, color=FIRST, alpha=0.65)
        if not isnan(c.standard_error):
            low, high = c.interval
            axes.plot([low, high], [place, place], color=INK, linewidth=1.2, marker="|",
                      markersize=5)  # fmt: skip
    if others:
        names.append(f"the {len(others)} others")
        axes.plot([c.log_loss for c in others], [len(shown)] * len(others), "|", color=FIRST)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    if isfinite(report.log_loss):
        axes.axvline(report.log_loss, color=INK, label=f"all rows: {report.log_loss:.4g}")
    uniform = report.uniform_baseline
    axes.axvline(uniform, color=INK, linestyle=":", label=f"uniform: {uniform:.4g}")
    axes.set(xlabel="log loss in nat, with its interval of 95 %")
    axes.set_xlim(0, 1 if longest == 1.0 else None)
    legend(figure)
    absent = [c for c in report.per_class if isnan(c.log_loss)]
    return picture(
        figure,
        "class-losses",
        "Log loss by class",
        _text(shown, len(others), len(absent)),
        HEAD,
        (
            (name(c.label), c.log_loss, c.interval, c.support, c.precision, c.recall, c.f1)
            for c in [*present, *absent]
        ),
    )


def _text(shown: list[ClassReport], others: int, absent: int) -> str:
    first, last = shown[0], shown[-1]
    text = f"The largest is that of {quoted(first.label)}: {number(first.log_loss)} nat"
    if len(shown) > 1:
        what = "smallest shown" if others else "smallest"
        text += f"; the {what} is that of {quoted(last.label)}: {number(last.log_loss)}"
    cut = f" The {others} other classes are marks on one line." if others else ""
    none = f" {absent} classes have no rows." if absent else ""
    return f"{text}.{cut}{none}"
