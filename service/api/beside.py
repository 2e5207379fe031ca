"""The process beside a server, for bodies whose parsing would hold its loop.

The server writes a request to the other's standard input and reads the answer from its standard
output, each as one pickled head and the bytes that it announces. Both are the same program on the
same machine, and nothing of a client's is ever unpickled.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

import numpy as np

from service.api.call import Call, Content, Done, perform
from service.api.media import Form
from service.classifier import Model, from_bytes, to_bytes
from service.errors import Code, Unavailable, XentError
from service.settings import Settings

# At most this much moves at once, so that no copy holds the interpreter for long.
PIECE = 2**20
# After a request that leaves more than this behind, the process ends, and the next such request
# starts a new one: memory of many small objects is not given back otherwise.
KEPT_BYTES = 512 * 2**20

# A large request yields to the small ones, which the server answers meanwhile on the same cores.
NICENESS = 5

# How often the process looks whether its server is there.
WATCH_SECONDS = 1.0


Find = Callable[..., Model]
# What the process beside does: path, parameters, body, form and the file of a model, or nothing
Job = Callable[[str, dict[str, Any], bytes, Form, bytes], Done]


class Fault(Exception):
    """What went wrong unforeseen in the process beside; its traceback is the text."""


class Beside:
    """One process that performs calls, one at a time; it starts when it is first needed.

    Args:
        settings: that it works under.
        entry: of the function that it runs, as `module:name`.
    """

    def __init__(self, settings: Settings, entry: str) -> None:
        module, _, name = entry.partition(":")
        self._command = [sys.executable, "-c", f"import {module}; {module}.{name}()"]
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._held: Model | None = None  # the model that the process has

    def perform(
        self,
        path: str,
        parameters: Mapping[str, Any],
        body: Content,
        form: Form,
        model: Model | None = None,
    ) -> Done:
        """Does what `service.api.call.perform` does; blocks, and is for one thread at a time.

        Args:
            path: of the route.
            parameters: of the path.
            body: as it was sent.
            form: of the body and of its answer.
            model: that the request is about; it is sent along where the process has another.

        Raises:
            XentError: whatever is wrong with the body.
            Unavailable: the process died of it, as when memory ran out.
            Fault: something unforeseen.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            file = b"" if model is None or model is self._held else to_bytes(model)
            pickle.dump((path, parameters, form, file, len(body)), process.stdin)
            _write(process.stdin, body)
            outcome, size = pickle.load(process.stdout)  # noqa: S301 our own process
            content = _read(process.stdout, size)
        except (OSError, EOFError, pickle.UnpicklingError):
            self.end()
            text = "the process that worked on the request has ended; try again, or with less"
            raise Unavailable(Code.OVERLOADED, text) from None
        except BaseException:
            self.end()  # half an exchange: the next one would be answered with the rest of it
            raise
        if model is not None:
            self._held = model
        if isinstance(outcome, Done):
            return replace(outcome, content=content)
        raise outcome

    def kill(self) -> None:
        """Ends the process from another thread: the one that waits for it gets `Unavailable`."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        self._held = None
        if process is None:
            return
        process.kill()  # it keeps nothing
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with suppress(OSError):  # what could not be written any more
                stream.close()
        process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None and process.poll() is None:
            return process
        self.end()
        pipe = subprocess.PIPE
        process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe)  # noqa: S603
        assert process.stdin is not None
        pickle.dump((os.getpid(), self._settings), process.stdin)
        self._process = process
        return process


class Carried:
    """The model that came along with the request, whatever it is asked for."""

    def __init__(self) -> None:
        self.model: Model | None = None

    def find(self, name: str, version: int | str | None = None) -> Model:
        """The model."""
        assert self.model is not None
        return self.model


def scoring(calls: Mapping[str, Call], carried: Carried, settings: Settings) -> Job:
    """What the process for large bodies does.

    Args:
        calls: by path.
        carried: takes the models that are sent along.
        settings: with the limits.
    """
    os.nice(NICENESS)

    def job(
        path: str, parameters: Mapping[str, Any], body: bytes, form: Form, model: bytes
    ) -> Done:
        if model:
            carried.model = from_bytes(model)
        return perform(calls[path], parameters, body, form, settings)

    return job


def work(job_of: Callable[[Settings], Job]) -> None:
    """Performs calls from standard input until it ends.

    Args:
        job_of: how to perform one, under the settings of the server.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to all of a group: the server tells the end
    receive = sys.stdin.buffer
    send = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not break the answers
    server, settings = pickle.load(receive)  # noqa: S301 our own process
    threading.Thread(target=_end_after, args=(server,), daemon=True).start()
    job = job_of(settings)
    while resident_bytes() < KEPT_BYTES:
        try:
            path, parameters, form, model, size = pickle.load(receive)  # noqa: S301
        except EOFError:
            return
        outcome = _outcome(job, path, parameters, receive.read(size), form, model)
        content: Content = b""
        if isinstance(outcome, Done):
            content, outcome = outcome.content, replace(outcome, content=b"")
        pickle.dump((outcome, len(content)), send)
        _write(send, content)
        del content, outcome


def _end_after(server: int) -> None:
    """Ends the process once the server is gone: killed, it has told nobody to end.

    The end of the standard input is seen between requests only, and a training may take an hour.

    Args:
        server: its process id; it may be gone already.
    """
    while os.getppid() == server:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


def _outcome(job: Job, *request: Any) -> Any:
    try:
        return job(*request)
    except XentError as error:
        return error
    except Exception:  # noqa: BLE001 the server logs and answers it, as one of its own
        return Fault(traceback.format_exc())


def resident_bytes() -> int:
    """How much memory this process holds, where the system tells; otherwise 0."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _write(stream: IO[bytes], content: Content) -> None:
    view = memoryview(content)
    for start in range(0, len(view), PIECE):
        stream.write(view[start : start + PIECE])
    stream.flush()


def _read(stream: IO[bytes], size: int) -> memoryview:
    content = np.empty(size, np.uint8).data
    place = 0
    while place < size:
        count = stream.readinto(content[place : place + PIECE])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        place += count
    return content
