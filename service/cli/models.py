"""`xent train`, `predict`, `evaluate`, `models`, `import`, `export`: files in, files out."""

import re
import sys
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
import numpy as np

from service import classifier, evaluation
from service.classifier import Label, Model, Options, Trained
from service.classifier.model import NAME
from service.cli import show
from service.cli.options import fit_options, options_from
from service.cli.progress import progress
from service.cli.tables import column_names, labels_of, read_model, read_table
from service.errors import Code, InvalidInput
from service.evaluation import pictures
from service.wire import dump_json, label_names
from service.wire.tensorfile import read_file

NOT_CONVERGED = 3

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, writable=True, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
label_column = click.option("--label", required=True, help="Column of the true classes.")
weight_column = click.option("--weights", help="Column of sample weights.")


@click.command()
@click.argument("data", type=FILE)
@label_column
@weight_column
@click.option("--ignore", multiple=True, help="A column that is no feature; may be repeated.")
@click.option("--out", type=OUT, required=True, help="Where the model is written (safetensors).")
@click.option("--name", help="Of the model; the file's own name where that can be one.")
@as_json
@fit_options
def train(
    data: Path,
    label: str,
    weights: str | None,
    ignore: tuple[str, ...],
    out: Path,
    name: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Fit a classifier to the rows of DATA (CSV or Parquet).

    All columns but the label, the weights and the ignored ones are features. Exit code 3: the
    model was written, but the fit had not converged.
    """
    table = read_table(data, texts=[label], ignored=ignore)
    labels = label_names(table.texts[label])
    options = options_from(given, integers=labels.dtype.kind == "i")
    names, inputs, sample_weights = _split_off(table.names, table.numbers, weights)
    with progress("fitting"):
        found = classifier.train(
            inputs,
            labels,
            sample_weights=sample_weights,
            feature_names=names,
            options=options,
            name=name or (out.stem if NAME.fullmatch(out.stem) else "model"),
        )
    out.write_bytes(classifier.to_bytes(replace(found.model, metadata=_facts(found, options))))
    click.echo(dump_json(found).decode() if as_json else show.trained(found))
    if found.calibration is not None and found.calibration.bounded:
        text = "the validation part fixes no temperature: it is too small, or classified whole"
        click.echo(f"Warning: {text}", err=True)
    if not found.fit.converged:
        click.echo(f"Warning: not converged; {out} was written all the same", err=True)
        sys.exit(NOT_CONVERGED)


@click.command()
@click.argument("model")
@click.argument("rows", type=FILE)
@click.option("--keep", multiple=True, help="A column to copy to the answer; may be repeated.")
@click.option("--top", type=int, help="With --json: so many classes of every row, best first.")
@click.option("--abstain", help="Method: probability, margin, entropy, distance, lac or aps.")
@click.option("--threshold", type=float, help="Of --abstain; or")
@click.option("--coverage", type=float, help="of --abstain; or")
@click.option("--error", type=float, help="of --abstain.")
@click.option("--out", type=OUT, help="Where to write instead of to the standard output.")
@as_json
def predict(
    model: str,
    rows: Path,
    keep: tuple[str, ...],
    top: int | None,
    abstain: str | None,
    threshold: float | None,
    coverage: float | None,
    error: float | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Class probabilities of ROWS by MODEL, a file or the name of one that ships, as CSV.

    The features are found by their names; other columns are not read.
    """
    if top is not None and not as_json:
        raise click.UsageError("--top needs --json")
    levels = (threshold, coverage, error)
    if abstain is None and any(level is not None for level in levels):
        raise click.UsageError("--threshold, --coverage and --error need --abstain")
    asked = None
    if abstain is not None:
        asked = classifier.Abstain(
            method=abstain, threshold=threshold, coverage=coverage, error=error
        )
    used = read_model(model)
    table = read_table(rows, texts=keep, numbers=used.feature_names)
    found = used.predict(table.numbers, top, asked)
    text = dump_json(found).decode() if as_json else show.predictions(found, table.texts)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", "utf-8")


@click.command()
@click.argument("source")
@click.argument("rows", type=FILE, required=False)
@label_column
@weight_column
@click.option("--probabilities", help="Without ROWS: a pattern of SOURCE's columns, as 'p_*'.")
@click.option("--html", type=OUT, help="Where to write the report as a page with pictures, too.")
@as_json
def evaluate(
    source: str,
    rows: Path | None,
    label: str,
    weights: str | None,
    probabilities: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """The log loss of a model on labelled ROWS, or of the predictions in the file SOURCE.

    A class is called as its column is, without what the pattern's * does not stand for.
    """
    if (rows is None) == (probabilities is None):
        raise click.UsageError("give MODEL and ROWS, or a file of predictions and --probabilities")
    if rows is not None:
        report = _evaluate_model(read_model(source), rows, label, weights)
    else:
        report = _evaluate_predictions(Path(source), str(probabilities), label, weights)
    click.echo(dump_json(report).decode() if as_json else show.report(report))
    if html is not None:
        title = Path(source).name if rows is None else f"{Path(source).name} on {rows.name}"
        html.write_text(pictures.render(report, title), "utf-8")


@click.command()
@click.argument("files", type=FILE, nargs=-1)
@as_json
def models(files: tuple[Path, ...], as_json: bool) -> None:
    """List the models that ship, or those in FILES."""
    found = [classifier.read_model(path) for path in files]
    found = found or list(classifier.shipped_models().values())
    if as_json:
        members = ("name", "version", "classes", "feature_names", "metadata")
        described = [{member: getattr(model, member) for member in members} for model in found]
        click.echo(dump_json({"models": described}).decode())
    else:
        click.echo(show.models(found))


@click.command()
@click.argument("model")
@click.option("--out", type=OUT, required=True, help="Where to write.")
@click.option(
    "--format", "form", type=click.Choice(classifier.FORMATS), help="By default what --out ends in."
)
def export(model: str, out: Path, form: str | None) -> None:
    """Write MODEL for other programs: json, onnx, torch (weight and bias), or safetensors."""
    form = form or out.suffix.removeprefix(".")
    known: dict[str, classifier.Format] = {name: name for name in classifier.FORMATS}
    if form not in known:
        raise click.UsageError(f"--out ends in no format; name one of {', '.join(known)}")
    out.write_bytes(classifier.write_format(read_model(model), known[form]))


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--out", type=OUT, required=True, help="Where the model is written (safetensors).")
@click.option("--name", default="model", show_default=True, help="Of the model.")
@click.option("--classes", help="Names in column order, separated by commas.")
@click.option("--features", help="Names in column order, separated by commas.")
def import_model(
    file: Path, out: Path, name: str, classes: str | None, features: str | None
) -> None:
    """Read FILE as others write it: .json (scikit-learn), .onnx, or .safetensors (torch, Xent)."""
    labels = None if classes is None else label_names(classes.split(",")).tolist()
    names = None if features is None else tuple(features.split(","))
    body = file.read_bytes()
    form: classifier.Format
    if file.suffix == ".json":
        form = "json"
    elif file.suffix == ".onnx":
        form = "onnx"
    elif file.suffix == ".safetensors":
        form = "safetensors" if "model" in read_file(body, len(body))[0] else "torch"
    else:
        raise click.UsageError("FILE must end in .json, .onnx or .safetensors")
    model = classifier.read_format(body, form, name=name, classes=labels, feature_names=names)
    out.write_bytes(classifier.to_bytes(model))


def _split_off(
    names: tuple[str, ...], numbers: Any, weights: str | None
) -> tuple[tuple[str, ...], Any, Any]:
    """The features, and the column of weights among them."""
    if weights is None:
        return names, numbers, None
    if weights not in names:
        detail = f"there is no column {weights[:64]} of weights"
        raise InvalidInput.at("/columns", Code.MISSING_MEMBER, detail)
    place = names.index(weights)
    rest = tuple(name for name in names if name != weights)
    return rest, np.delete(numbers, place, axis=1), numbers[:, place]


def _evaluate_model(model: Model, rows: Path, label: str, weights: str | None) -> evaluation.Report:
    wanted = [*model.feature_names, *([] if weights is None else [weights])]
    table = read_table(rows, texts=[label], numbers=wanted)
    width = len(model.feature_names)
    return classifier.evaluate(
        model,
        table.numbers[:, :width],
        np.array(model.classes)[labels_of(table.texts[label], model.classes, label)],
        None if weights is None else table.numbers[:, width],
    )


def _evaluate_predictions(
    path: Path, pattern: str, label: str, weights: str | None
) -> evaluation.Report:
    if not path.is_file():
        raise click.UsageError(f"there is no file {path}")
    probabilities, classes, labels, sample_weights = predictions_of(path, pattern, label, weights)
    return evaluation.evaluate(
        probabilities=probabilities,
        labels=labels,
        classes=classes,
        sample_weights=sample_weights,
    )


def predictions_of(
    path: Path, pattern: str, label: str, weights: str | None = None
) -> tuple[Any, list[Label], Any, Any]:
    """Of a file of predictions: probabilities, classes of their columns, labels, weights."""
    columns = [
        name
        for name in column_names(path)
        if name not in (label, weights) and fnmatchcase(name, pattern)
    ]
    wanted = [*columns, *([] if weights is None else [weights])]
    table = read_table(path, texts=[label], numbers=wanted)
    if not columns:
        detail = "no column has a name that --probabilities matches"
        raise InvalidInput.at("/columns", Code.MISSING_MEMBER, detail)
    width = len(columns)
    classes: list[Label] = [_class_of(name, pattern) for name in columns]
    labels = np.array(classes)[labels_of(table.texts[label], classes, label)]
    sample_weights = None if weights is None else table.numbers[:, width]
    return table.numbers[:, :width], classes, labels, sample_weights


def _class_of(column: str, pattern: str) -> str:
    before, star, after = pattern.partition("*")
    single = star and not re.search(r"[*?\[]", before + after)
    return column[len(before) : len(column) - len(after)] if single else column


def _facts(found: Trained, options: Options) -> dict[str, Any]:
    """What the model's file says of its training."""
    fit = found.fit
    return {
        "training": {
            "l2": options.l2,
            "l1": options.l1,
            "solver": fit.solver,
            "converged": fit.converged,
            "iterations": fit.iterations,
            "gradient_norm": fit.gradient_norm,
            "objective_value": fit.objective,
            "temperature": None if found.calibration is None else found.calibration.temperature,
        },
        "metrics": {
            name: {
                "rows": part.rows,
                "log_loss": part.log_loss,
                "prior_baseline": part.prior_baseline,
                "uniform_baseline": found.uniform_baseline,
            }
            for name, part in found.parts.items()
        },
    }
