"""A server that is compared: how it is started, what it is sent, how it is stopped."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bodies import JSON, plain_form

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
SERVER_CORE, CLIENT_CORE = "0", "1"
START_SECONDS = 90


@dataclass
class Server:
    """A server on core 0.

    Attributes:
        name: in the tables.
        command: starts it, in one worker process; {python}, {bin} (the folder of that), {apps},
            {port} and {scratch} are filled in.
        predict: the path of a prediction.
        loss: the path of a loss with gradient, or None.
        form: makes the body of a prediction out of rows.
        environment: beyond that of this program.
        python: the interpreter of the environment that it is installed in.
        prepare: a command that makes `scratch`, the folder of its model, or None.
    """

    name: str
    command: list[str]
    predict: str = "/predict"
    loss: str | None = None
    form: Callable[[Any], bytes] = plain_form
    environment: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    prepare: list[str] | None = None
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None
    scratch: str = ""

    def start(self, probe: bytes) -> float:
        """Starts it and returns the seconds until a prediction was answered with 200."""
        self.port = _free_port()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (open until the server ends)
        if self.prepare is not None and not Path(self.scratch).exists():
            subprocess.run(
                self._filled(self.prepare),
                env=self._environ(),
                check=True,
                stdout=self.log,
                stderr=subprocess.STDOUT,
            )
        began = time.perf_counter()
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *self._filled(self.command)],
            cwd=ROOT,
            env=self._environ(),
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while time.perf_counter() - began < START_SECONDS:
            try:
                if self.post(self.predict, probe, JSON)[0] == 200:
                    return time.perf_counter() - began
            except OSError:
                if self.process.poll() is not None:
                    break
            time.sleep(0.005)
        text = self.output()
        self.stop()
        raise RuntimeError(f"{self.name} does not answer a prediction with 200:\n{text}")

    def output(self) -> str:
        """The end of what it printed."""
        assert self.log is not None
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def stop(self) -> None:
        """Ends its processes."""
        if self.process is None:
            return
        family = self.family()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):  # then it is ended below, with all that is left
            self.process.wait(20)
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def freeze(self, still: bool) -> None:
        """Stops the clock of its processes, or lets it run again."""
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if still else signal.SIGCONT)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def post(self, path: str, body: bytes, media: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body, {"Content-Type": media})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def family(self) -> dict[int, tuple[float, float]]:
        """Its process and all below it: resident bytes and seconds of the processor, by id."""
        assert self.process is not None
        page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
        parents, used = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                pid = int(folder.name)
                parents[pid] = int(fields[1])
                used[pid] = int(fields[21]) * page, (int(fields[11]) + int(fields[12])) / tick
        family, known = {self.process.pid}, 0
        while len(family) > known:
            known = len(family)
            family |= {pid for pid, parent in parents.items() if parent in family}
        return {pid: used[pid] for pid in family if pid in used}

    def resident(self) -> float:
        """Resident megabytes (10^6 bytes) of all its processes."""
        return sum(size for size, _ in self.family().values()) / 1e6

    def worked(self) -> float:
        """Seconds of the processor that its processes have used."""
        return sum(seconds for _, seconds in self.family().values())

    def _filled(self, command: list[str]) -> list[str]:
        values = {
            "python": self.python,
            "bin": str(Path(self.python).parent),
            "apps": str(APPS),
            "port": str(self.port),
            "scratch": self.scratch,
        }
        return [part.format(**values) for part in command]

    def _environ(self) -> dict[str, str]:
        path = f"{Path(self.python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        own = {"PYTHONPATH": str(APPS), "PORT": str(self.port), "PATH": path}
        ports = {"port": self.port, "second": _free_port(), "third": _free_port()}
        filled = {name: value.format(**ports) for name, value in self.environment.items()}
        return {**os.environ, **threads, **own, **filled}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
