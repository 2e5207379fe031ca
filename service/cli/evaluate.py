"""`xent evaluate`: the report on a model and labelled rows, or on files of predictions."""

import glob
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from service import classifier, evaluation
from service.cli import show
from service.cli.bulk import Bulk
from service.cli.options import (
    OUT,
    as_json,
    label_column,
    logits_columns,
    normalize,
    probabilities_columns,
    slices,
    weight_column,
)
from service.cli.predictions import Columns
from service.cli.progress import progress
from service.cli.tables import labelled_rows, read_model
from service.errors import XentError
from service.evaluation import Policies, pictures
from service.evaluation.pictures import words
from service.wire import dump_json

OF_FILES = ("normalize", "row_id", "slices", "on_error")
"""The options that only files of predictions have."""


@click.command()
@click.argument("sources", nargs=-1, required=True)
@label_column
@weight_column
@probabilities_columns
@logits_columns
@normalize
@click.option("--row-id", help="Column that names the rows; otherwise their numbers do.")
@slices
@click.option(
    "--on-error",
    type=click.Choice(["stop", "collect"]),
    default="stop",
    show_default=True,
    help="A bad row ends it, or is left out and counted.",
)
@click.option("--html", type=OUT, help="Where to write the report as a page with pictures, too.")
@as_json
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    label: str,
    weights: str | None,
    probabilities: str | None,
    logits: str | None,
    html: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """The log loss of a model on labelled rows, or of predictions in files, put together.

    SOURCES is MODEL ROWS or, with --probabilities or --logits, any number of files or patterns of
    them: Parquet (.parquet, .pq), Arrow (.arrow, .feather, .ipc, .arrows), NDJSON (.ndjson,
    .jsonl), otherwise CSV. A class is called as its column is, without what the pattern's * does
    not stand for. Files are read batch by batch, whatever their size.
    """
    if html is not None:
        pictures.check_installed()  # not when all has been read
    if probabilities is None and logits is None:
        if len(sources) != 2:
            text = "give MODEL and ROWS, or files of predictions and --probabilities or --logits"
            raise click.UsageError(text)
        model, rows = sources
        if not Path(rows).is_file():
            raise click.UsageError(f"there is no file {rows}")
        _refuse(context, "of files of predictions, not of MODEL and ROWS", *OF_FILES)
        title = f"{Path(model).name} on {Path(rows).name}"
        include: tuple[evaluation.Extra, ...] = () if html is None else ("curves",)
        used = read_model(model)
        table = labelled_rows(used, Path(rows), label, weights)
        report = classifier.evaluate(used, *table, include=include)
        rejected, failed = None, False
    else:
        columns = Columns.of(
            probabilities,
            logits,
            label,
            weights=weights,
            row_id=given["row_id"],
            slices=given["slices"],
        )
        paths = files_of(sources)
        title = paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"
        policies = Policies(normalize=given["normalize"])
        report, rejected, failed = _evaluate_files(
            columns, policies, given["on_error"], paths, html
        )
    printed = replace(report, curves=None)
    click.echo(_json(printed, rejected) if as_json else show.report(printed))
    if html is not None:
        left_out = 0 if rejected is None else rejected["rows"]
        notes = [f"Rows that could not be scored, left out: {left_out:,}."] if left_out else []
        if failed:
            notes.append("A file could not be read to its end; this is of the rows before.")
        html.write_text(pictures.render(report, title, notes), "utf-8")
    if failed:
        sys.exit(1)


def _json(report: evaluation.Report, rejected: dict[str, Any] | None) -> str:
    """The report as `POST /v1/evaluate/stream` answers with it, with what was left out."""
    members = {each.name: getattr(report, each.name) for each in fields(report)}
    present = {**members, "rejected": rejected}.items()
    return dump_json({name: value for name, value in present if value is not None}).decode()


def _refuse(context: click.Context, why: str, *names: str) -> None:
    """Refuses options that would do nothing."""
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = next(p.opts[0] for p in context.command.params if p.name == name)
            raise click.UsageError(f"{option} is {why}")


def files_of(sources: tuple[str, ...]) -> list[Path]:
    """The files of names and patterns, in order, each once."""
    found: list[str] = []
    for source in sources:
        matching = [source] if Path(source).is_file() else sorted(glob.glob(source, recursive=True))
        if not any(Path(name).is_file() for name in matching):
            raise click.UsageError(f"there is no file {source}")
        found += [name for name in matching if Path(name).is_file()]
    return [Path(name) for name in dict.fromkeys(found)]


def _evaluate_files(
    columns: Columns, policies: Policies, on_error: str, paths: list[Path], html: Path | None
) -> tuple[evaluation.Report, dict[str, Any] | None, bool]:
    """The report, what was left out where that was asked for, and whether a file broke off."""
    bulk = Bulk(columns, policies, on_error == "collect")
    failure: XentError | None = None
    with progress("scoring") as done:
        try:
            bulk.read(paths, done)
        except XentError as error:
            failure = error
    state = None if bulk.intake is None else bulk.intake.state
    if failure is not None:
        if state is None or not state.count:
            raise failure
        if on_error == "stop":
            loss = state.finish().log_loss
            click.echo(f"the {state.count} rows before have the log loss {loss:.6g}", err=True)
            raise failure
        click.echo(f"Error: {words.printable(failure.detail)}", err=True)
        click.echo("the report is of the rows before", err=True)
    for text in bulk.faults:
        click.echo(f"left out: {words.printable(text)}", err=True)
    if bulk.rejected:
        click.echo(f"{bulk.rejected} rows were left out", err=True)
    if state is None:
        state = evaluation.State(1)
    report = state.finish(curves=html is not None)
    if columns.row_id is None and len(paths) > 1:
        places = [bulk.place(int(row.row)) for row in report.worst]
        named = (f"{name}:{row}" for name, row in places)
        worst = [replace(row, row=n) for row, n in zip(report.worst, named, strict=True)]
        report = replace(report, worst=tuple(worst))
    if on_error == "stop":
        return report, None, False
    errors = [{"detail": text} for text in bulk.faults]
    return report, {"rows": bulk.rejected, "errors": errors}, failure is not None
