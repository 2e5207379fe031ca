"""`xent compare`: whether the predictions in one file are better than those in another."""

import sys
from pathlib import Path

import click

from service import evaluation
from service.cli import show
from service.cli.models import predictions_of
from service.cli.options import FILE, as_json, label_column
from service.errors import Code, InvalidInput
from service.wire import dump_json

NOT_BETTER = 4


@click.command()
@click.argument("baseline", type=FILE)
@click.argument("candidate", type=FILE)
@label_column
@click.option("--probabilities", required=True, help="A pattern of the columns, as 'p_*'.")
@click.option("--margin", type=float, default=0.0, show_default=True, help="In nat.")
@as_json
def compare(
    baseline: Path,
    candidate: Path,
    label: str,
    probabilities: str,
    margin: float,
    as_json: bool,
) -> None:
    """Whether CANDIDATE has a lower log loss than BASELINE, by the margin, on the same rows.

    Both are files of predictions with the same labels, row by row. Exit code 4: it is not shown to
    be better.
    """
    before, classes, labels, _ = predictions_of(baseline, probabilities, label)
    after, others, again, _ = predictions_of(candidate, probabilities, label)
    if set(classes) != set(others):
        shown = " and ".join(", ".join(map(str, names)) for names in (classes, others))
        detail = f"the files have other classes: {shown}"
        raise InvalidInput.at("/columns", Code.SHAPE_MISMATCH, detail)
    if len(labels) != len(again):
        detail = f"the files have {len(labels)} and {len(again)} rows"
        raise InvalidInput.at("/rows", Code.SHAPE_MISMATCH, detail)
    rows = (labels != again).nonzero()[0]
    if len(rows):
        detail = f"row {rows[0]}, column {label[:64]}, differs between the files"
        raise InvalidInput.at(f"/rows/{rows[0]}", Code.SHAPE_MISMATCH, detail)
    found = evaluation.compare(
        baseline_probabilities=before,
        candidate_probabilities=after[:, [others.index(name) for name in classes]],
        labels=labels,
        classes=classes,
        margin=margin,
    )
    if as_json:
        click.echo(dump_json(found).decode())
    else:
        click.echo(show.comparison(found))
    if not found.better:
        sys.exit(NOT_BETTER)
