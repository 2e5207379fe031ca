"""The servers in turns, and the goals that their figures decide."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from bodies import JSON, Body, check_prediction, digits_rows
from load import Load, alternate, press, sequence, spread
from rivals import BARE, DECLARED, LOGGING, PLAIN, STARLETTE, XENT
from servers import Server

T = TypeVar("T")


@dataclass(frozen=True)
class Goal:
    """A goal, the figure that decides it, and whether it is met."""

    work: str
    text: str
    measured: str
    met: bool


@dataclass
class Bench:
    """The servers, each started when it is first needed, and how long they are asked."""

    servers: list[Server]
    folder: Path
    rounds: int
    seconds: float
    large: int
    goals: list[Goal] = field(default_factory=list)
    rates: dict[str, list[float]] = field(default_factory=dict)

    def named(self, *names: str) -> list[Server]:
        return [server for server in self.servers if server.name in names]

    @property
    def peers(self) -> list[Server]:
        own = {XENT, LOGGING, PLAIN, DECLARED, STARLETTE, BARE}
        return [server for server in self.servers if server.name not in own]

    @contextmanager
    def awake(self, server: Server) -> Iterator[None]:
        """It runs, and no other server does."""
        if server.process is None:
            row = digits_rows(1)
            server.start(server.form(row))
            check_prediction(server.post(server.predict, server.form(row), JSON)[1], row)
        else:
            server.freeze(False)
        try:
            yield
        finally:
            server.freeze(True)

    def call(self, server: Server, work: Callable[[], T]) -> Callable[[], T]:
        def run() -> T:
            with self.awake(server):
                return work()

        return run

    def press(
        self, bodies: dict[str, tuple[Server, str, Body]], connections: int
    ) -> dict[str, list[Load]]:
        """Loads of servers with a path and a body, by name, in turns after a warm one."""
        calls = {}
        for name, (server, path, body) in bodies.items():
            self.call(server, partial(press, server, path, body, connections, 1))()
            work = partial(press, server, path, body, connections, self.seconds)
            calls[name] = self.call(server, work)
        return alternate(calls, self.rounds)

    def press_large(self, server: Server, path: str, body: Body) -> Load:
        """A round with a large body on one connection, a little longer."""
        with self.awake(server):
            return sequence(server, path, body, 1.5 * self.seconds)

    def stop(self) -> None:
        for server in self.servers:
            if server.process is not None:
                server.freeze(False)
                server.stop()

    def goal(self, work: str, text: str, values: list[float], form: str, met: bool) -> None:
        self.goals.append(Goal(work, text, spread(values, form), met))
