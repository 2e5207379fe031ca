"""The server process, or several of them under one that watches."""

import gc
import os
import signal
import sys
from contextlib import suppress
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import uvicorn
from pydantic import BaseModel
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from service.settings import Settings

# Workers that parse a large body hold the interpreter for a while; they are not dead.
WORKER_TIMEOUT = 30
GRACE = 25
KEEP_ALIVE = 5
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        settings: of this process; workers read theirs from the same environment.
    """
    for name in THREADS:
        # Read when NumPy is imported, which is later. The threads are Xent's own; those of BLAS
        # wait for each other in busy loops where other work shares the cores.
        os.environ.setdefault(name, "1")
    # A folder of somebody else's figures would be added to ours.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    options: dict[str, Any] = {
        "app": "service.app:served_app",
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "http": "service.api.protocol:Protocol",
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE,
        "timeout_graceful_shutdown": GRACE,
        "timeout_worker_healthcheck": WORKER_TIMEOUT,
    }
    if settings.workers == 1:
        server = uvicorn.Server(Config(**options))
        with suppress(KeyboardInterrupt):  # it stopped as it was told, and says by what
            server.run()
        if not server.started:
            sys.exit(STARTUP_FAILURE)
        return
    with TemporaryDirectory(prefix="xent-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        config = Config(**options)
        Supervisor(config, [config.bind_socket()]).run()


class Config(uvicorn.Config):
    """Loads the application fast: a server is ready sooner after a crash."""

    def load(self) -> None:
        """Imports and builds it."""
        # FastAPI's models of an OpenAPI document are built when somebody asks for it.
        BaseModel.model_config["defer_build"] = True
        # What is made here stays: a fifth of the time went into looking for garbage in it, and each
        # full collection would look again.
        gc.disable()
        super().load()
        gc.freeze()
        gc.enable()


class Supervisor(Multiprocess):
    """Starts the workers, replaces one that dies, and passes signals on at once.

    uvicorn looks at its signals twice a second, and not while it waits for a busy worker.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)

    def init_processes(self) -> None:
        """Starts the workers."""
        super().init_processes()
        self._let_go()

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.signal_queue.append(number)
        for process in self.processes:
            if process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    def terminate_all(self) -> None:
        """Lets go of the port as well: what nobody answers must not look as if it were open."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Replaces workers that are dead, and drops what they alone had in flight."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        self._let_go()
        gone = before - {process.pid for process in self.processes}
        if gone:
            from prometheus_client.multiprocess import mark_process_dead  # slow to import

            for pid in gone:
                mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def _let_go(self) -> None:
        """Closes the workers' ends of the lines to them.

        While this process holds them too, one that dies before it has answered whether it lives
        leaves the line open, and is waited for as long as a busy one.
        """
        for process in self.processes:
            process.child_conn.close()
