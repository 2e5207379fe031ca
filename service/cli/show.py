"""Results as text for people."""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from service.classifier import Model, Prediction, Trained
from service.errors import MAX_NAME, Code, InvalidInput
from service.evaluation import Comparison, Difference, Report
from service.evaluation.pictures import words
from service.wire import dump_json


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Columns of equal width, numbers with six digits to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in ([*header], *cells)
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else words.printable(str(value))


def _range(ends: tuple[float, float]) -> str:
    return "unknown" if math.isnan(ends[0]) else f"{ends[0]:.6g} to {ends[1]:.6g}"


def trained(found: Trained) -> str:
    """The log loss of every part beside its baselines first, then the fit."""
    rows = [
        (name, part.rows, part.log_loss, part.prior_baseline, found.uniform_baseline)
        for name, part in found.parts.items()
    ]
    fit = found.fit
    lines = [
        table(rows, ("part", "rows", "log loss", "class frequencies", "uniform")),
        "",
        f"{'converged' if fit.converged else 'NOT CONVERGED'} by {fit.solver} after "
        f"{fit.iterations} iterations: gradient norm {fit.gradient_norm:.2g}, "
        f"objective {fit.objective:.10g}",
    ]
    if fit.separable:
        lines.append("the classes are separable: without a penalty there is no finite optimum")
    if found.calibration is not None:
        scale = found.calibration
        lines.append(
            f"temperature {scale.temperature:.6g}: validation log loss "
            f"{scale.before:.6g} before, {scale.after:.6g} after"
        )
    if found.inference is not None:
        lines += ["", _statistics(found)]
    return "\n".join(lines)


def _statistics(found: Trained) -> str:
    inference, model = found.inference, found.model
    assert inference is not None
    columns = (*model.feature_names, "intercept")[: inference.coefficients.shape[1]]
    figures = ("coefficients", "standard_errors", "z", "p_values", "lower", "upper")
    rows = [
        (label, column, *(float(getattr(inference, name)[k, i]) for name in figures))
        for k, label in enumerate(model.classes)
        if k != inference.reference
        for i, column in enumerate(columns)
    ]
    header = ("class", "feature", "coefficient", "std error", "z", "p", "2.5 %", "97.5 %")
    return (
        f"against {model.classes[inference.reference]}: "
        f"log-likelihood {inference.log_likelihood:.10g}, AIC {inference.aic:.8g}, "
        f"BIC {inference.bic:.8g}, McFadden R2 {inference.mcfadden_r2:.6g}\n" + table(rows, header)
    )


def report(found: Report) -> str:
    """The figures of an evaluation, log loss first; of unusual rows, those that there are."""
    figures: list[tuple[str, object]] = [
        ("log loss", found.log_loss),
        ("  with 95 % confidence", _range(found.interval)),
        ("  of class frequencies", found.prior_baseline),
        ("  of the uniform prediction", found.uniform_baseline),
        ("skill", found.skill),
        ("accuracy", found.accuracy),
        ("Brier score", found.brier),
        ("calibration error (ECE)", found.calibration.ece),
        ("rows", found.count),
    ]
    unusual = [
        ("rows given probability 0", found.infinite),
        ("rows of a loss past float64", found.overflowed),
        ("rows divided by their sum", found.renormalized),
        ("rows of weight 0, left out", found.ignored),
    ]
    figures += [(name, count) for name, count in unusual if count]
    classes = [
        (words.name(c.label), c.support, c.log_loss, c.precision, c.recall) for c in found.per_class
    ]
    header = ("class", "support", "log loss", "precision", "recall")
    lines = [f"{name:<30}{_cell(value)}" for name, value in figures]
    lines += ["", table(classes, header)]
    for name, values in (found.slices or {}).items():
        rows = [
            (words.name(v.value), v.count, v.log_loss, v.standard_error, v.accuracy) for v in values
        ]
        header = (words.name(name), "rows", "log loss", "standard error", "accuracy")
        lines += ["", table(rows, header)]
    return "\n".join(lines)


def predictions(found: Prediction, kept: Mapping[str, Sequence[str]]) -> str:
    """CSV: the columns that are kept, the label, and the probability of every class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    extra: dict[str, Sequence[object]] = {}
    if found.abstained is not None:
        extra["abstained"] = [str(flag).lower() for flag in found.abstained.tolist()]
    if found.prediction_sets is not None:
        extra["prediction_set"] = [dump_json(list(s)).decode() for s in found.prediction_sets]
    ours = ["predicted", *extra, *(f"p_{label}" for label in found.classes)]
    for name in kept:
        if name in ours:
            detail = f"the column {name[:MAX_NAME]} cannot be kept: the answer has one of that name"
            raise InvalidInput.at("/columns", Code.CONFLICTING_MEMBERS, detail)
    writer.writerow([*kept, *ours])
    columns = list(kept.values())
    for row, (label, probabilities) in enumerate(
        zip(found.labels, found.probabilities.tolist(), strict=True)
    ):
        before = [column[row] for column in columns]
        between = [column[row] for column in extra.values()]
        writer.writerow([*before, label, *between, *map(repr, probabilities)])
    return text.getvalue().removesuffix("\n")


def with_kept(found: Prediction, kept: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The members of a prediction, and the columns that are kept."""
    members = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    if kept:
        members["kept"] = kept
    return {name: value for name, value in members.items() if value is not None}


def models(found: Sequence[Model]) -> str:
    """One line for each model."""
    rows = [(m.name, m.version, len(m.classes), len(m.feature_names), *_log_loss(m)) for m in found]
    return table(rows, ("name", "version", "classes", "features", "log loss", "of"))


def _log_loss(model: Model) -> tuple[float | str, str]:
    """The log loss of the rows that say most of the model, and which these are."""
    facts = model.metadata
    if "metrics" in facts:  # of a model that ships
        return float(facts["metrics"]["held_out"]["log_loss"]), "held-out rows"
    for part in ("test", "validation", "train"):
        if part in facts.get("log_loss", {}):
            return float(facts["log_loss"][part]), f"{part} rows"
    return "unknown", "imported" if facts.get("training", {}).get("imported") else ""


def comparison(found: Comparison) -> str:
    """The verdict on a candidate, and what it rests on."""
    low, high = found.interval
    lines = [
        f"{'better' if found.better else 'NOT SHOWN TO BE BETTER'}: log loss "
        f"{found.baseline:.6g} before, {found.candidate:.6g} after; difference "
        f"{found.delta:.6g}, 95 % from {low:.6g} to {high:.6g}, margin {found.margin:g}",
        f"of {found.count} rows {found.won} have a smaller loss, {found.lost} a larger one; "
        f"p of no difference {found.p_t:.3g} (t test), {found.p_sign:.3g} (sign test)",
    ]
    for name, some in {"class": found.per_class, **(found.slices or {})}.items():
        lines += ["", _differences(name, some)]
    return "\n".join(lines)


def _differences(name: str, some: Sequence[Difference]) -> str:
    rows = [(words.name(each.label), each.count, each.delta, *each.interval) for each in some]
    return table(rows, (words.name(name), "rows", "difference", "95 % from", "to"))
