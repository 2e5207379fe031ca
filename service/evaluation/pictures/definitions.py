"""What each figure of the page is, in a sentence; docs/evaluation.md has the whole story."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.evaluation.parts import Decomposition
from service.evaluation.pictures.words import number
from service.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the page.

    Attributes:
        name: of the figure.
        value: in nat where it is a loss; `None` where this report has none.
        definition: what it is.
        heading: of docs/evaluation.md, as an anchor.
    """

    name: str
    value: float | tuple[float, float] | None
    definition: str
    heading: str


def losses(report: Report) -> Iterator[Figure]:
    """The log loss, how sure it is, and what it stands beside."""
    yield Figure(
        "log loss",
        report.log_loss,
        "The weighted mean of −ln p(true class), in nat: 0 is certain and right, infinite is to "
        "have called something that is true impossible.",
        "log_loss",
    )
    yield Figure(
        "standard error",
        report.standard_error,
        "Of the log loss, where the rows are independent; its square is "
        "Σ s²(l − log loss)² / W² · e / (e − 1), with e = W² / Σ s².",
        "standard_error-interval",
    )
    yield Figure(
        "interval of 95 %",
        report.interval,
        "Around the log loss, from its standard error. With some hundred rows of skewed losses it "
        "holds less often than it says.",
        "standard_error-interval",
    )
    if report.bootstrap is not None:
        yield Figure(
            "interval by bootstrap",
            report.bootstrap.interval,
            "Of 95 %, studentized, from resampled rows, or clusters of rows.",
            "equal_mass-isotonic-temperature-bootstrap",
        )
    baselines = "uniform_baseline-prior_baseline-skill"
    yield Figure(
        "log loss of the label frequencies",
        report.prior_baseline,
        "−Σ f ln f: what it costs to predict for every row how frequent each label is here.",
        baselines,
    )
    yield Figure(
        "log loss of the uniform prediction",
        report.uniform_baseline,
        "ln K: what it costs to know nothing of K classes.",
        baselines,
    )
    yield Figure(
        "skill",
        report.skill,
        "1 − log loss / log loss of the label frequencies: 1 is perfect, 0 is no better than the "
        "frequencies, below 0 is worse.",
        baselines,
    )
    if report.log_loss_decomposition is not None:
        yield from _parts("log loss", report.log_loss_decomposition)
    rows = "count-weight-ignored"
    yield Figure("rows", report.count, "Rows that entered; rows of weight 0 do not.", rows)
    yield Figure("weight", report.weight, "The sum of their weights, W.", rows)


def calibration(report: Report) -> Iterator[Figure]:
    """Whether probabilities can be believed."""
    found = report.calibration
    yield Figure(
        "expected calibration error (ECE)",
        found.ece,
        "Σ (share of rows) · |accuracy − mean confidence| over the bins of confidence. It is above "
        "0 by chance alone.",
        "calibration",
    )
    yield Figure(
        "ECE, debiased", found.ece_debiased, "The same less what chance adds to it.", "calibration"
    )
    if found.classwise_ece is not None:
        yield Figure(
            "classwise ECE",
            found.classwise_ece,
            "The mean over the classes of the calibration error of their probabilities.",
            "calibration",
        )
    if report.temperature is not None:
        yield Figure(
            "best temperature",
            report.temperature.temperature,
            "By which dividing the logits makes the log loss of these rows least; above 1 the "
            f"model is too sure. It would gain {number(report.temperature.gain)} nat.",
            "equal_mass-isotonic-temperature-bootstrap",
        )
    yield Figure(
        "Brier score",
        report.brier,
        "The weighted mean of Σ (p − onehot)² over the classes, from 0 to 2.",
        "brier",
    )
    if report.brier_decomposition is not None:
        yield from _parts("Brier score", report.brier_decomposition)


def _parts(name: str, parts: Decomposition) -> Iterator[Figure]:
    heading = "brier_decomposition-log_loss_decomposition"
    gain = f"What recalibrating {parts.groups} groups of like rows would gain."
    told = "What the groups tell apart; more is better."
    yield Figure(f"{name}: reliability", parts.reliability, gain, heading)
    yield Figure(f"{name}: resolution", parts.resolution, told, heading)
    yield Figure(f"{name}: uncertainty", parts.uncertainty, "What there is to be told.", heading)
    yield Figure(f"{name}: within", parts.within, "What varies inside the groups.", heading)


def decisions(report: Report) -> Iterator[Figure]:
    """How often the most probable classes are the true one."""
    for top in report.top_k:
        if top.k == 1:
            text = "The share of rows whose most probable class is the true one."
            yield Figure("accuracy", top.accuracy, text, "accuracy")
            continue
        text = f"The share of rows whose true class is among the {top.k} most probable."
        yield Figure(f"top-{top.k} accuracy", top.accuracy, text, "top_k-macro-weighted")
    average = "The mean over the classes that are true or predicted somewhere; 0/0 counts as 0."
    for name in ("precision", "recall", "f1"):
        shown = f"macro {name}".replace("f1", "F1")
        yield Figure(shown, getattr(report.macro, name), average, "top_k-macro-weighted")


def orders(report: Report) -> Iterator[Figure]:
    """How well probabilities put rows in order."""
    if report.ranking is not None:
        yield Figure(
            "ROC AUC",
            report.ranking.roc_auc,
            "How often a row of a class has a higher probability of it than a row of another one; "
            "mean over the classes.",
            "ranking",
        )
        yield Figure(
            "average precision",
            report.ranking.average_precision,
            "Σ (recall added) · precision from the most probable rows of a class down; mean over "
            "the classes.",
            "ranking",
        )
    if report.curves is not None:
        yield Figure(
            "area under the risk-coverage curve (AURC)",
            report.curves.risk_coverage.aurc,
            "The mean, over all rows, of the share of wrong predictions among those that are no "
            "less sure; 0 is best.",
            "curves",
        )


def remarks(report: Report) -> list[str]:
    """What happened to rows on the way, a sentence for each kind."""
    said = (
        ("Rows whose true class was given the probability 0, an infinite loss", report.infinite),
        ("Rows whose loss is finite but exceeds float64", report.overflowed),
        ("Rows whose loss was bounded", report.clipped),
        ("Rows of weight 0, left out", report.ignored),
        ("Rows that did not sum to 1, divided by their sum", report.renormalized),
    )
    return [f"{what}: {count:,}." for what, count in said if count]
