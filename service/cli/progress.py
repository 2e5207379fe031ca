"""One line on the terminal that says how far a command is; nothing where nobody looks.

Why not tqdm or rich: docs/decisions/0001.
"""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

INTERVAL = 0.2
WIDTH = 20
ERASED = "\r\033[K"


@dataclass(slots=True)
class Progress:
    """How far the work is; whoever does it moves these on.

    Attributes:
        rows: that are done.
        share: of the work that is done, from 0 to 1; 0 where nobody knows.
    """

    rows: int = 0
    share: float = 0.0

    def line(self, what: str, seconds: float) -> str:
        """What a person reads after so many seconds of the work `what`."""
        parts = [what]
        if self.share:
            bar = "#" * round(WIDTH * min(self.share, 1.0))
            parts = [f"{what} [{bar:.<{WIDTH}}] {self.share:4.0%}"]
        if self.rows:
            parts.append(f"{self.rows:,} rows, {self.rows / max(seconds, 1e-9):,.0f} rows/s")
        if self.share:
            parts.append(f"{_clock(seconds / self.share - seconds)} left")
        else:
            parts.append(_clock(seconds))
        return ", ".join(parts)


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Shows on the standard error, where that is a terminal, how far the block is.

    Args:
        what: is done, as "fitting".
    """
    done = Progress()
    if not sys.stderr.isatty():
        yield done
        return
    ended, start = threading.Event(), time.monotonic()

    def show() -> None:
        while not ended.wait(INTERVAL):
            line = done.line(what, time.monotonic() - start)
            width = shutil.get_terminal_size().columns - 1  # a longer one would wrap, and stay
            click.echo(f"{ERASED}{line[:width]}", nl=False, err=True)
        click.echo(ERASED, nl=False, err=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
