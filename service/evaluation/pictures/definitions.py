"""What each figure of the page is, in a sentence; docs/evaluation.md has the whole story."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the page.

    Attributes:
        name: of the figure.
        value: in nat where it is a loss; `None` where this report has none.
        definition: what it is.
    """

    name: str
    value: float | tuple[float, float] | None
    definition: str


def figures(report: Report) -> Iterator[Figure]:
    """The figures of the whole, in the order of their weight."""
    yield from _losses(report)
    yield from _decisions(report)
    yield from _calibration(report)


def _losses(report: Report) -> Iterator[Figure]:
    yield Figure(
        "log loss",
        report.log_loss,
        "The weighted mean of −ln p(true class), in nat: 0 is certain and right, infinite is to "
        "have called something that is true impossible.",
    )
    yield Figure(
        "standard error",
        report.standard_error,
        "Of the log loss, where the rows are independent; its square is "
        "Σ s²(l − log loss)² / W² · e / (e − 1), with e = W² / Σ s².",
    )
    yield Figure(
        "interval of 95 %",
        report.interval,
        "log loss ± t(e − 1) · standard error, cut off at 0. With some hundred rows of skewed "
        "losses it holds less often than it says.",
    )
    if report.bootstrap is not None:
        yield Figure(
            "interval by bootstrap",
            report.bootstrap.interval,
            "Of 95 %, studentized, from resampled rows, or clusters of rows.",
        )
    yield Figure(
        "log loss of the label frequencies",
        report.prior_baseline,
        "−Σ f ln f: what it costs to predict for every row how frequent each label is here.",
    )
    yield Figure(
        "log loss of the uniform prediction",
        report.uniform_baseline,
        "ln K: what it costs to know nothing of K classes.",
    )
    yield Figure(
        "skill",
        report.skill,
        "1 − log loss / log loss of the label frequencies: 1 is perfect, 0 is no better than the "
        "frequencies, below 0 is worse.",
    )
    yield Figure("rows", report.count, "Rows that entered; rows of weight 0 do not.")
    yield Figure("weight", report.weight, "The sum of their weights, W.")


def _decisions(report: Report) -> Iterator[Figure]:
    for top in report.top_k:
        name = "accuracy" if top.k == 1 else f"top-{top.k} accuracy"
        text = f"The share of rows whose true class is among the {top.k} most probable."
        if top.k == 1:
            text = "The share of rows whose most probable class is the true one."
        yield Figure(name, top.accuracy, text)
    average = "The mean over the classes that are true or predicted somewhere; 0/0 counts as 0."
    yield Figure("macro precision", report.macro.precision, average)
    yield Figure("macro recall", report.macro.recall, average)
    yield Figure("macro F1", report.macro.f1, average)
    if report.ranking is not None:
        yield Figure(
            "ROC AUC",
            report.ranking.roc_auc,
            "How often a row of a class has a higher probability of it than a row of another one; "
            "mean over the classes, from 1,024 bins of log odds.",
        )
        yield Figure(
            "average precision",
            report.ranking.average_precision,
            "Σ (recall added) · precision from the most probable rows of a class down; mean over "
            "the classes.",
        )


def _calibration(report: Report) -> Iterator[Figure]:
    yield Figure(
        "Brier score",
        report.brier,
        "The weighted mean of Σ (p − onehot)² over the classes, from 0 to 2.",
    )
    yield Figure(
        "expected calibration error (ECE)",
        report.calibration.ece,
        "Σ (share of rows) · |accuracy − mean confidence| over the bins of confidence. It is above "
        "0 by chance alone.",
    )
    yield Figure(
        "ECE, debiased",
        report.calibration.ece_debiased,
        "The same less what chance adds to it.",
    )
    yield Figure(
        "classwise ECE",
        report.calibration.classwise_ece,
        "The mean over the classes of the calibration error of their probabilities.",
    )
    for name, parts in (
        ("log loss", report.log_loss_decomposition),
        ("Brier score", report.brier_decomposition),
    ):
        if parts is None:
            continue
        yield Figure(
            f"{name}: reliability",
            parts.reliability,
            f"What recalibrating {parts.groups} groups of like rows would gain.",
        )
        yield Figure(
            f"{name}: resolution", parts.resolution, "What the groups tell apart; more is better."
        )
        yield Figure(f"{name}: uncertainty", parts.uncertainty, "What there is to be told.")
        yield Figure(f"{name}: within", parts.within, "What varies inside the groups.")
    if report.temperature is not None:
        yield Figure(
            "best temperature",
            report.temperature.temperature,
            "By which dividing the logits makes the log loss of these rows least; above 1 the "
            f"model is too sure. It would gain {report.temperature.gain:.4g} nat.",
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
