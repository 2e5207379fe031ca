"""What a process does again and again beside its requests."""

import logging
import threading
from collections.abc import Callable

from service.errors import XentError

_LOG = logging.getLogger("xent")


class Repeated:
    """Work in a thread of its own, until it is ended.

    Args:
        work: what is done; a database that cannot be used now is tried again the next time.
        seconds: between two times.
        name: of the thread.
    """

    def __init__(self, work: Callable[[], None], seconds: float, name: str) -> None:
        self._work = work
        self._seconds = seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins, after the first of the pauses."""
        self._thread.start()

    def end(self) -> None:
        """Waits for what is being done, and does no more."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self._work()
            except XentError:
                pass  # the mirror of the store tells the log that it cannot be used
            except Exception as error:  # noqa: BLE001 a thread that ended would be missed by nobody
                more = {"task": self._thread.name, "reason": type(error).__name__}
                _LOG.warning("what is done again and again failed", extra=more)
