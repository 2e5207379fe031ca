"""A server in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def started(log: Path, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m service` on a free port, with these settings alone; killed at the end.

    Args:
        log: where it writes; its data are beside it.
        settings: environment variables.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("XENT_")}
    own = {"XENT_PORT": "0", "XENT_DATA_DIR": f"{log}-data"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env={**inherited, **own, **settings},
            cwd=ROOT,
            stderr=stream,
            stdout=stream,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
