"""`xent train`: from a table to the file of a model."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from service import classifier
from service.classifier import Options, Step, Tell, Trained
from service.classifier.model import NAME
from service.cli import show
from service.cli.options import (
    FILE,
    OUT,
    as_json,
    fit_options,
    label_column,
    options_from,
    weight_column,
)
from service.cli.progress import Progress, progress
from service.cli.tables import read_table
from service.errors import MAX_NAME, Code, InvalidInput
from service.wire import dump_json, label_names

NOT_CONVERGED = 3


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
    with progress("fitting") as line:
        found = classifier.train(
            inputs,
            labels,
            sample_weights=sample_weights,
            feature_names=names,
            options=options,
            name=name or (out.stem if NAME.fullmatch(out.stem) else "model"),
            tell=_moved(line, options),
        )
    facts = classifier.card(found, options)
    out.write_bytes(classifier.to_bytes(replace(found.model, metadata=facts)))
    click.echo(dump_json(found).decode() if as_json else show.trained(found))
    _warn(found, out)


def _warn(found: Trained, out: Path) -> None:
    """What the figures do not say by themselves; ends the command where the fit has no optimum."""
    if found.calibration is not None and found.calibration.bounded:
        text = "the validation part fixes no temperature: it is too small, or classified whole"
        click.echo(f"Warning: {text}", err=True)
    if found.fit.unique is False:
        text = "a feature is constant or repeats others: other coefficients do as well"
        click.echo(f"Warning: {text}", err=True)
    if not found.fit.converged:
        click.echo(f"Warning: not converged; {out} was written all the same", err=True)
        sys.exit(NOT_CONVERGED)


def _moved(line: Progress, options: Options) -> Tell:
    """Moves the line on with every step: by epochs, or by the digits that the gradient has lost."""
    first = 0.0

    def tell(step: Step) -> None:
        nonlocal first
        first = first or step.gradient_norm
        if options.solver == "sgd":
            line.share = step.iteration / options.epochs
        elif 0.0 < options.tolerance < first and step.gradient_norm > 0.0:
            lost = math.log(first / step.gradient_norm) / math.log(first / options.tolerance)
            line.share = max(line.share, min(lost, 1.0))

    return tell


def _split_off(
    names: tuple[str, ...], numbers: Any, weights: str | None
) -> tuple[tuple[str, ...], Any, Any]:
    """The features, and the column of weights among them."""
    if weights is None:
        return names, numbers, None
    if weights not in names:
        detail = f"there is no column {weights[:MAX_NAME]} of weights"
        raise InvalidInput.at("/columns", Code.MISSING_MEMBER, detail)
    place = names.index(weights)
    rest = tuple(name for name in names if name != weights)
    return rest, np.delete(numbers, place, axis=1), numbers[:, place]
