"""`xent`, or `python -m service`: serve, and the commands that make the files that ship."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from service import __version__
from service.errors import XentError
from service.logs import configure_logging
from service.settings import PREFIX, Settings

if TYPE_CHECKING:
    from service.registry import Registry

ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,62}")


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="xent")
@click.pass_context
def main(context: click.Context) -> None:
    """Softmax, cross-entropy and log loss over HTTP. Without a command: serve."""
    if context.invoked_subcommand is None:
        context.invoke(serve)


@main.command()
def serve() -> None:
    """Serve until SIGTERM or SIGINT; XENT_ environment variables are the settings."""
    from service.api import server  # the other commands need none

    settings = _settings()
    configure_logging(settings.log_level)  # the process that starts the workers has lines as well
    # uvicorn finishes what it has begun and then raises the signal again: a stop that was asked
    # for is no failure. Before uvicorn listens to it, the signal ends the start.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server.serve(settings)


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from service.app import create_app  # the other commands need no web framework

    document = create_app(_settings()).openapi()
    click.echo(json.dumps(document, indent=2))


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{str(entry['loc'][0]).upper()}: {entry['msg']}"
            for entry in error.errors(include_url=False, include_input=False)
        ]
        raise click.ClickException("\n".join(wrong)) from None


@contextmanager
def _registry() -> Iterator["Registry"]:
    """The registry of the settings; what goes wrong with it is told without a traceback."""
    from service.classifier import shipped_models
    from service.registry import Registry

    settings = _settings()
    registry = Registry(shipped_models(), settings.max_registry_bytes, settings.database)
    try:
        yield registry
    except XentError as error:
        raise click.ClickException(error.detail) from None
    finally:
        registry.end()


@main.command()
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=click.IntRange(min=1))
def promote(name: str, alias: str, version: int) -> None:
    """Let ALIAS of the model NAME stand for VERSION; servers follow within two seconds."""
    if not ALIAS.fullmatch(alias):
        raise click.ClickException(f"an alias must match {ALIAS.pattern}, whole")
    with _registry() as registry:
        moved = registry.move_alias(name, alias, version, registry.seen(name, alias))
    click.echo(f"{name} {alias}: {moved.number}, before {moved.previous or 'nothing'}")


@main.command("roll-back")
@click.argument("name")
@click.argument("alias")
def roll_back(name: str, alias: str) -> None:
    """Let ALIAS of the model NAME stand again for what it stood for before."""
    with _registry() as registry:
        moved = registry.roll_back(name, alias, registry.alias(name, alias).change)
    click.echo(f"{name} {alias}: {moved.number}, before {moved.previous or 'nothing'}")


@main.command()
@click.argument("name")
@click.argument("version")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(name: str, version: str, file: Path) -> None:
    """Write a VERSION (number or alias) of the model NAME to FILE; prints its SHA-256."""
    with _registry() as registry:
        data, digest = registry.artifact(name, version)
    file.write_bytes(data)
    click.echo(digest)


@main.command("train-shipped")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
def train_shipped(directory: Path | None) -> None:
    """Train the models that ship, into DIRECTORY (default: where they ship from)."""
    from service import classifier  # SciPy is slow to import, and serving does not need it

    target = classifier.SHIPPED if directory is None else directory
    for path in classifier.train_shipped(target):
        click.echo(path)


@main.command("write-examples")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def write_examples(directory: Path) -> None:
    """Write request bodies of the models' held-out rows into DIRECTORY."""
    from service import classifier

    for path in classifier.write_examples(directory):
        click.echo(path)
