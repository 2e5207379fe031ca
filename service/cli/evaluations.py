"""`xent evaluations list|show|open|push|close`: on the store that the settings name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from service.api.routes.evaluations import described
from service.cli.bulk import Bulk
from service.cli.commands import read_settings
from service.cli.options import (
    FILE,
    label_column,
    logits_columns,
    probabilities_columns,
    slices,
    weight_column,
)
from service.cli.predictions import Columns
from service.cli.progress import progress
from service.cli.show import table
from service.evaluation import Intake, Options, State
from service.registry import Batch, Evaluations, Facts, Store
from service.wire import dump_json

SHOWN = ("count", "log_loss", "accuracy")
Model = click.option("--model", help="Whose predictions these are.")
Version = click.option("--version", help="Of that model.")


@click.group()
def evaluations() -> None:
    """Evaluations that are kept, and those that run: list, show, open, push to, close."""


@evaluations.command("list")
@Model
@Version
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_evaluations(model: str | None, version: str | None, limit: int) -> None:
    """The newest first, with their first figures once they are closed."""
    with _evaluations() as (kept, _):
        page = kept.page(None, limit, model=model, version=version)
    header = ("id", "made (UTC)", "name", "model", "version", *SHOWN)
    rows = []
    for found in page.evaluations:
        entry, figures = described(found), found.figures
        said = [entry.get(name, "") for name in ("name", "model", "version")]
        rows.append((found.id, entry["created"][:16], *said, *(figures.get(n, "") for n in SHOWN)))
    click.echo(table(rows, header))


@evaluations.command()
@click.argument("id")
def show(id: str) -> None:
    """Print an evaluation with its report up to now, as JSON."""
    with _evaluations() as (kept, _):
        click.echo(dump_json(described(kept.find(id))))


@evaluations.command("open")
@click.option("--classes", required=True, help="Names in any order, between commas.")
@click.option("--name", help="What to call it.")
@Model
@Version
def open_evaluation(classes: str, name: str | None, model: str | None, version: str | None) -> None:
    """Open an evaluation that takes batches; prints its id."""
    options = Options.of(classes=classes.split(","))
    with _evaluations() as (kept, store), store.writing() as connection:
        click.echo(kept.running.open(connection, Facts(name, model, version), options).id)


@evaluations.command()
@click.argument("id")
@click.argument("file", type=FILE)
@label_column
@weight_column
@probabilities_columns
@logits_columns
@slices
@click.option("--key", help="Names the batch; without it, the SHA-256 of FILE.")
def push(
    id: str,
    file: Path,
    label: str,
    weights: str | None,
    probabilities: str | None,
    logits: str | None,
    slices: tuple[str, ...],
    key: str | None,
) -> None:
    """Count the predictions in FILE as one batch; pushed again, they are not counted again.

    FILE is in any of the formats of `xent evaluate`. Rows are scored as the evaluation says.
    """
    columns = Columns.of(probabilities, logits, label, weights=weights, slices=slices)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    key = key or digest
    with _evaluations() as (kept, _):
        batch = _batch(file, columns, kept.running.options(id), key)
        pushed = kept.running.push(id, key, digest, Batch.of(batch))
    word = "counted before" if pushed.repeated else "counted"
    click.echo(f"{key[:16]}: {pushed.count} rows {word}, {pushed.ignored} of weight 0")


def _batch(file: Path, columns: Columns, options: Options, key: str) -> State:
    """The state of the rows of a file, called by the key where a report names them.

    Raises:
        XentError: naming the file, and row, line and column as far as they are known.
    """
    classes = options.policies.classes
    policies = replace(options.policies, classes=None)  # a file has indices of its columns
    intake = Intake(policies, names=classes)
    order = tuple(map(str, range(options.class_count) if classes is None else classes))
    bulk = Bulk(columns, policies, classes=order, prefix=f"{key}/", intake=intake)
    with progress("scoring") as done:
        bulk.read([file], done)
    return intake.state or options.state()


@evaluations.command()
@click.argument("id")
def close(id: str) -> None:
    """Take no more batches and keep the report."""
    with _evaluations() as (kept, _):
        kept.running.close(id)
        figures = kept.find(id).figures
    click.echo(", ".join(f"{name} {figures[name]}" for name in SHOWN if name in figures))


@contextmanager
def _evaluations() -> Iterator[tuple[Evaluations, Store]]:
    settings = read_settings()
    store = Store(settings.database)
    try:
        yield (
            Evaluations(store, settings.max_open_evaluations, settings.max_evaluation_bytes),
            store,
        )
    finally:
        store.end()
