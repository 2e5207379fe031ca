"""The command line, over the same functions as the service."""

from service.cli.commands import main

__all__ = ["main"]
