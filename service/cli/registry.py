"""`xent promote`, `delete` and their kin: on the registry that the settings name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.classifier import compare, shipped_models
from service.cli import show
from service.cli.commands import read_settings
from service.cli.gate import NOT_BETTER
from service.cli.options import FILE
from service.cli.tables import labelled_rows
from service.registry import ALIAS, Registry
from service.registry.clock import written

PAGE = 1000
Number = click.IntRange(1, 2**31 - 1)


@click.command()
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=Number)
@click.option("--if-better", "rows", type=FILE, help="Only if it is, on the rows of this table.")
@click.option("--label", help="Its column of the true classes.")
@click.option("--weights", help="Its column of sample weights.")
@click.option("--margin", type=float, default=0.0, show_default=True, help="In nat.")
def promote(
    name: str,
    alias: str,
    version: int,
    rows: Path | None,
    label: str | None,
    weights: str | None,
    margin: float,
) -> None:
    """Let ALIAS of the model NAME stand for VERSION; servers follow within two seconds.

    With --if-better only if VERSION has a lower log loss than what ALIAS stands for, by the margin
    and with 95 % confidence. Exit code 4: that is not shown, and nothing was changed.
    """
    if not ALIAS.fullmatch(alias):
        raise click.ClickException(f"an alias must match {ALIAS.pattern}, whole")
    if (rows is None) != (label is None):
        raise click.UsageError("--if-better and --label go together")
    with _registry() as registry:
        seen = registry.aliases.seen(name, alias)
        if rows is not None and label is not None:
            found = registry.aliases.find(name, alias)
            seen = found.change
            candidate = registry.find(name, version)
            table = labelled_rows(candidate, rows, label, weights)
            verdict = compare(registry.find(name, found.number), candidate, *table, margin=margin)
            click.echo(show.comparison(verdict))
            if not verdict.better:
                sys.exit(NOT_BETTER)
        moved = registry.aliases.move(name, alias, version, seen)
    click.echo(f"{name} {alias}: {moved.number}, before {moved.previous or 'nothing'}")


@click.command()
@click.argument("name")
@click.argument("version", type=Number, required=False)
def delete(name: str, version: int | None) -> None:
    """Serve and list the model NAME no longer, or only its VERSION; `xent restore` undoes it."""
    with _registry() as registry:
        registry.delete(name, version)
    click.echo(f"{_named(name, version)}: deleted")


@click.command()
def deleted() -> None:
    """List the models and versions that `xent restore` brings back and `xent purge` removes."""
    rows: list[tuple[str, object, str]] = []
    after = "", 0
    with _registry() as registry:
        while True:
            page = registry.lists.deleted(after, PAGE)
            rows += [(it.name, it.number or "all", _minute(it.at)) for it in page.things]
            if not page.more:
                break
            after = page.things[-1].name, page.things[-1].number
    click.echo(show.table(rows, ("name", "version", "deleted (UTC)")))


@click.command()
@click.argument("name")
@click.argument("version", type=Number, required=False)
def restore(name: str, version: int | None) -> None:
    """Bring a deleted model NAME back, or only its VERSION."""
    with _registry() as registry:
        registry.restore(name, version)
    click.echo(f"{_named(name, version)}: restored")


@click.command()
@click.argument("name")
@click.argument("version", type=Number, required=False)
def purge(name: str, version: int | None) -> None:
    """Remove the bytes of a deleted model NAME for good, or only those of its VERSION."""
    with _registry() as registry:
        registry.purge(name, version)
    click.echo(f"{_named(name, version)}: purged")


@click.command()
@click.argument("name")
@click.argument("alias")
def roll_back(name: str, alias: str) -> None:
    """Let ALIAS of the model NAME stand again for what it stood for before."""
    with _registry() as registry:
        moved = registry.aliases.roll_back(name, alias, registry.aliases.find(name, alias).change)
    click.echo(f"{name} {alias}: {moved.number}, before {moved.previous or 'nothing'}")


@click.command()
@click.argument("name")
@click.argument("version")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def download(name: str, version: str, file: Path) -> None:
    """Write a VERSION (number or alias) of the model NAME to FILE; prints its SHA-256."""
    with _registry() as registry:
        data, digest = registry.artifact(name, version)
    file.write_bytes(data)
    click.echo(digest)


def _minute(microseconds: int) -> str:
    return written(microseconds)[:16].replace("T", " ")


def _named(name: str, version: int | None) -> str:
    return name if version is None else f"{name} {version}"


@contextmanager
def _registry() -> Iterator[Registry]:
    settings = read_settings()
    registry = Registry(shipped_models(), settings.max_registry_bytes, settings.database)
    try:
        yield registry
    finally:
        registry.end()
