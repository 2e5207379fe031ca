"""`xent predict`, `models`: files in, files out."""

from pathlib import Path

import click

from service import classifier
from service.cli import show
from service.cli.options import FILE, OUT, as_json
from service.cli.tables import read_model, read_table
from service.wire import dump_json


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

    The features are found by their names; other columns are not read. With --json the columns
    that are kept are the member `kept`.
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
    if as_json:
        text = dump_json(show.with_kept(found, table.texts)).decode()
    else:
        text = show.predictions(found, table.texts)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", "utf-8")


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
