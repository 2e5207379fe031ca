"""The histogram of the losses: how many rows have which, and what they add to the log loss."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, exp, floor, isfinite, isinf, log, log10
from typing import TYPE_CHECKING

from service.evaluation.histograms import loss_edges
from service.evaluation.pictures.canvas import (
    FAINT,
    FIRST,
    INK,
    PAPER,
    SECOND,
    Picture,
    canvas,
    legend,
    picture,
)
from service.evaluation.pictures.words import number, share
from service.evaluation.report import Report
from service.evaluation.requested import LossBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD = ("loss of a row in nat", "probability of its class", "weight", "share of the log loss")
# Below so many rows neighbouring bins are drawn as one, of the octave or of half of it.
FEW, SOME = 2_000, 50_000
# Where the upper axis has ticks while there is room: probabilities of the true class.
CHANCES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.01, 1e-6, 1e-40, 0.1)


def losses(report: Report) -> Picture | None:
    """Shares of the rows by the size of their loss, and of the log loss that they make up.

    Returns:
        A picture; `None` where the report has no curves.
    """
    if report.curves is None:
        return None
    bins = _merged(report.curves.losses, report.count)
    figure = canvas(6.2, 4.6, rows=(1.0, 1.0))
    above, below = figure.axes
    total = sum(b.log_loss for b in bins if isfinite(b.log_loss))
    _bars(above, bins, [b.weight / report.weight for b in bins])
    above.set_ylabel("share of rows")
    if isinf(report.log_loss):
        below.text(0.5, 0.5, "the log loss is infinite", transform=below.transAxes, color=INK,
                   ha="center")  # fmt: skip
        below.set_yticks([])
    else:
        _bars(below, bins, [b.log_loss / total if total else 0.0 for b in bins])
        for axes, label in ((above, f"log loss: {report.log_loss:.4g}"), (below, None)):
            if report.log_loss > 0:
                axes.axvline(log10(report.log_loss), color=INK, label=label)
    for axes, label in ((above, f"uniform: {report.uniform_baseline:.4g}"), (below, None)):
        if report.uniform_baseline > 0:
            axes.axvline(log10(report.uniform_baseline), color=INK, linestyle=":", label=label)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
        axes.set_ylim(0, None if axes.containers or axes.patches else 1)
    below.set(xlabel="loss of a row in nat", ylabel="share of log loss")
    _name_axes(above, below)
    if above.get_legend_handles_labels()[0]:
        legend(figure)
    return picture(
        figure,
        "losses",
        "Losses of the rows",
        _text(report, bins, total),
        HEAD,
        (
            (
                (b.lower, b.upper),
                (exp(-b.upper), exp(-b.lower)),
                b.weight,
                "infinite" if isinf(b.log_loss) else share(b.log_loss / total if total else 0.0),
            )
            for b in reversed(bins)
        ),
    )


def _merged(bins: Sequence[LossBin], rows: int) -> list[LossBin]:
    """The bins, or with few rows those of a half or a whole octave as one."""
    edges = loss_edges()
    stride = 4 if rows < FEW else 2 if rows < SOME else 1
    # the first and the last bin stay apart
    ends = [0, *range(1, len(edges) - 1, stride), len(edges) - 1]
    found = []
    for first, last in pairwise(ends):
        part = [b for b in bins if edges[first] <= b.lower < edges[last]]
        if part:
            weight, loss = sum(b.weight for b in part), sum(b.log_loss for b in part)
            found.append(LossBin(edges[first], edges[last], weight, loss))
    return found


def _bars(axes: "Axes", bins: Sequence[LossBin], heights: Sequence[float]) -> None:
    for b, height in zip(bins, heights, strict=True):
        lower = log10(b.lower or b.upper / 2.0)
        upper = log10(b.upper if isfinite(b.upper) else 2.0 * b.lower)
        colour = FIRST if isfinite(b.upper) else SECOND
        axes.bar(
            lower, height, upper - lower, align="edge", facecolor=colour, edgecolor=PAPER,
            linewidth=0.4,
        )  # fmt: skip


def _name_axes(above: "Axes", below: "Axes") -> None:
    """Powers of ten below, and above the probabilities that have these losses."""
    low, high = below.get_xlim()
    steps = (1.0,) if high - low > 2.0 else (1.0, 2.0, 5.0)
    ticks = [step * 10.0**power for power in range(floor(low), ceil(high) + 1) for step in steps]
    ticks = [tick for tick in ticks if low < log10(tick) < high]
    below.set_xticks([log10(x) for x in ticks], [f"{x:g}".replace("e-0", "e-") for x in ticks])
    places: dict[float, float] = {}
    for chance in CHANCES:
        place = log10(-log(chance))
        if low < place < high and all(abs(place - p) > 0.09 * (high - low) for p in places):
            places[place] = chance
    chances = above.secondary_xaxis("top")
    chances.set_xticks(list(places), [f"{p:.6g}" for p in places.values()], fontsize=8)
    chances.set_xlabel("probability of the true class", color=INK, fontsize=9)
    chances.tick_params(length=2, color=FAINT, labelcolor=INK)
    chances.spines["top"].set_visible(False)
    chances.patch.set_visible(False)


def _text(report: Report, bins: Sequence[LossBin], total: float) -> str:
    lost = report.infinite + report.overflowed
    if lost:
        text = f"{number(lost)} of {number(report.count)} rows have an infinite loss"
        return f"{text}: the bar at the right end."
    if report.uniform_baseline == 0.0:
        return "With one class nothing can be wrong."
    worse = [b for b in bins if b.lower >= report.uniform_baseline]
    rows = sum(b.weight for b in worse) / report.weight
    part = sum(b.log_loss for b in worse) / total if total else 0.0
    return (
        f"The rows in bins above the loss of the uniform prediction are {share(rows)} of all, and "
        f"make up {share(part)} of the log loss."
    )
