"""The risk-coverage curve: what answering only the surer rows would gain."""

from service.evaluation.pictures.canvas import FIRST, INK, Picture, canvas, legend, picture
from service.evaluation.pictures.words import number, share
from service.evaluation.report import Report
from service.evaluation.requested import RiskPoint

HEAD = ("rows answered", "share of wrong ones", "confidence from")
TENTHS = [step / 10 for step in range(1, 11)]


def risk_coverage(report: Report) -> Picture | None:
    """The share of wrong predictions among the rows that are answered, the surest first.

    Returns:
        A picture; `None` where the report has no curves.
    """
    if report.curves is None:
        return None
    points = report.curves.risk_coverage.points
    figure = canvas(5.2, 4.2)
    axes = figure.axes[0]
    wrong = 1.0 - report.accuracy
    axes.axhline(
        wrong, color=INK, linestyle="--", linewidth=1, label="a confidence that says nothing"
    )
    grid = [step / 200 for step in range(201)]
    ideal = [max(0.0, (x - report.accuracy) / x) if x else 0.0 for x in grid]
    axes.plot(grid, ideal, color=INK, linestyle=":", linewidth=1.2, label="the wrong rows last")
    axes.plot(
        [point.coverage for point in points],
        [point.risk for point in points],
        color=FIRST, linewidth=1.8, marker="o", markersize=3, markevery=0.05, label="this model",
    )  # fmt: skip
    axes.set(xlim=(-0.01, 1.01), xlabel="share of rows answered", ylabel="share of wrong ones")
    axes.set_ylim(bottom=0.0, top=None if wrong or any(p.risk for p in points) else 1.0)
    legend(figure)
    chosen = [_at(points, coverage) for coverage in TENTHS]
    rows = [(share(p.coverage), share(p.risk), p.confidence) for p in dict.fromkeys(chosen)]
    most = _at(points, 0.8)
    text = (
        f"Of all rows {share(wrong)} are predicted wrong; of the surest {share(most.coverage)}, "
        f"{share(most.risk)}. The area under the curve is "
        f"{number(report.curves.risk_coverage.aurc)}."
    )
    return picture(figure, "risk-coverage", "Risk by coverage", text, HEAD, rows)


def _at(points: tuple[RiskPoint, ...], coverage: float) -> RiskPoint:
    """The first point that covers so much."""
    return next(point for point in points if point.coverage >= coverage)
