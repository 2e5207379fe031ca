"""`xent promote`, `roll-back`, `download`: on the registry that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.classifier import shipped_models
from service.cli.commands import read_settings
from service.registry import ALIAS, Registry


@click.command()
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=click.IntRange(1, 2**31 - 1))
def promote(name: str, alias: str, version: int) -> None:
    """Let ALIAS of the model NAME stand for VERSION; servers follow within two seconds."""
    if not ALIAS.fullmatch(alias):
        raise click.ClickException(f"an alias must match {ALIAS.pattern}, whole")
    with _registry() as registry:
        moved = registry.aliases.move(name, alias, version, registry.aliases.seen(name, alias))
    click.echo(f"{name} {alias}: {moved.number}, before {moved.previous or 'nothing'}")


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


@contextmanager
def _registry() -> Iterator[Registry]:
    settings = read_settings()
    registry = Registry(shipped_models(), settings.max_registry_bytes, settings.database)
    try:
        yield registry
    finally:
        registry.end()
