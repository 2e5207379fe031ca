"""`xent`, or `python -m service`: serve, and the commands that make the files that ship."""

import json
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import click
from pydantic import ValidationError

from service import __version__
from service.errors import InvalidInput, XentError
from service.logs import configure_logging
from service.settings import PREFIX, Settings


class Commands(click.Group):
    """Loads the commands on models when one is wanted: serving needs none of them."""

    LATER: ClassVar = {
        "train": "training",
        **dict.fromkeys(("predict", "models"), "models"),
        **dict.fromkeys(("export", "import"), "exchange"),
        "evaluate": "evaluate",
        "compare": "gate",
        **dict.fromkeys(
            ("promote", "roll-back", "download", "delete", "deleted", "restore", "purge"),
            "registry",
        ),
        **dict.fromkeys(("keys", "audit"), "keys"),
        "evaluations": "evaluations",
    }
    """Their names, and the modules that hold them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, those of the commands on models first."""
        return [*self.LATER, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in self.LATER:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"service.cli.{self.LATER[cmd_name]}")
        wanted = "import_model" if cmd_name == "import" else cmd_name.replace("-", "_")
        command: click.Command = getattr(module, wanted)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Errors in what was given end the command with exit code 1 and one line."""
        try:
            return super().invoke(ctx)
        except XentError as error:
            from service.evaluation.pictures.words import printable  # names of others, as columns'

            told = error.faults if isinstance(error, InvalidInput) else [error]
            lines = "\n".join(printable(each.detail) for each in told)
            raise click.ClickException(lines) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@click.group(cls=Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name="xent")
@click.pass_context
def main(context: click.Context) -> None:
    """Softmax, cross-entropy and log loss over HTTP. Without a command: serve.

    Exit codes: 0 done, 1 bad data or files, 2 wrong usage, 3 a fit that did not converge,
    4 a candidate that is not shown to be better.
    """
    if context.invoked_subcommand is None:
        context.invoke(serve)


@main.command()
def serve() -> None:
    """Serve until SIGTERM or SIGINT; XENT_ environment variables are the settings."""
    from service.api import server  # the other commands need none

    settings = read_settings()
    configure_logging(settings.log_level)  # the process that starts the workers has lines as well
    # uvicorn finishes what it has begun and then raises the signal again: a stop that was asked
    # for is no failure. Before uvicorn listens to it, the signal ends the start.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server.serve(settings)


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from service.app import create_app  # the other commands need no web framework

    document = create_app(read_settings()).openapi()
    click.echo(json.dumps(document, indent=2))


def read_settings() -> Settings:
    """Those of the environment; a wrong one ends the command."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{str(entry['loc'][0]).upper()}: {entry['msg']}"
            for entry in error.errors(include_url=False, include_input=False)
        ]
        raise click.ClickException("\n".join(wrong)) from None


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
