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
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import IO, Any

import numpy as np

from service.api.call import Content, Done, perform
from service.api.media import Form
from service.api.operation import Operation
from service.errors import Code, Unavailable, XentError
from service.settings import Settings

# At most this much moves at once, so that no copy holds the interpreter for long.
PIECE = 2**20
# After a request that leaves more than this behind, the process ends, and the next such request
# starts a new one: memory of many small objects is not given back otherwise.
KEPT_BYTES = 512 * 2**20

# A large request yields to the small ones, which the server answers meanwhile on the same cores.
NICENESS = 5


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

    def perform(self, path: str, parameters: dict[str, Any], body: Content, form: Form) -> Done:
        """Does what `service.api.operation.perform` does; blocks, and is for one thread at a time.

        Raises:
            XentError: whatever is wrong with the body.
            Unavailable: the process died of it, as when memory ran out.
            Fault: something unforeseen.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((path, parameters, form, len(body)), process.stdin)
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
        if isinstance(outcome, Done):
            return replace(outcome, content=content)
        raise outcome

    def end(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # it keeps nothing
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            _close(stream)
        process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None and process.poll() is None:
            return process
        self.end()
        pipe = subprocess.PIPE
        process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe)  # noqa: S603
        assert process.stdin is not None
        pickle.dump(self._settings, process.stdin)
        self._process = process
        return process


def work(routes_of: Callable[[Settings], Iterable[Any]]) -> None:
    """Performs calls from standard input until it ends.

    Args:
        routes_of: the routes of the application under some settings.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to all of a group: the server tells the end
    os.nice(NICENESS)
    receive = sys.stdin.buffer
    send = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not break the answers
    settings: Settings = pickle.load(receive)  # noqa: S301 our own process
    calls = {
        route.path: route.call for route in routes_of(settings) if isinstance(route, Operation)
    }
    while resident_bytes() < KEPT_BYTES:
        try:
            path, parameters, form, size = pickle.load(receive)  # noqa: S301
        except EOFError:
            return
        outcome = _outcome(calls[path], parameters, receive.read(size), form, settings)
        content: Content = b""
        if isinstance(outcome, Done):
            content, outcome = outcome.content, replace(outcome, content=b"")
        pickle.dump((outcome, len(content)), send)
        _write(send, content)
        del content, outcome


def _outcome(call: Any, parameters: Any, body: bytes, form: Form, settings: Settings) -> Any:
    try:
        return perform(call, parameters, body, form, settings)
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


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:  # what could not be written any more
        return
