"""Processes killed in the middle of writes, many writers at once, and disks that fail.

The tests are short; `make hostile` runs the same with the counts of docs/registry.md.
"""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from service.errors import NotFound, StoreFull, Unavailable
from service.registry import Registry

from .conftest import model

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def run(program: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(url: str, acknowledged: list[list[str]]) -> int:
    """What was acknowledged is there and whole, and nothing is half there; counts the versions."""
    registry = Registry({}, 10**6, url)
    try:
        found = []
        after: int | None = None
        while True:
            page = registry.versions("mine", after, 1000)
            found += page.models
            if page.next is None:
                break
            after = int(page.next)
    except NotFound:
        found = []
    assert [m.version for m in found] == list(range(1, len(found) + 1))
    for kind, number, value in acknowledged:
        if kind == "version":
            assert found[int(number) - 1].coefficients.item() == float(value)
    moves = [(int(change), int(n)) for kind, n, change in acknowledged if kind == "alias"]
    if moves:
        now = registry.aliases.find("mine", "champion")
        assert (now.change, now.number) >= max(moves)
        assert registry.find("mine", "champion").version == now.number
    registry.end()
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    return len(found)


def kill_repeatedly(url: str, kills: int) -> tuple[int, int]:
    """How many writes were acknowledged by processes that were killed, and versions there are."""
    process = run("kills.py", url, str(kills))
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    acknowledged = [line.split() for line in output.splitlines()]
    return len(acknowledged), check(url, acknowledged)


def test_killed_writers_lose_nothing_that_was_acknowledged(url: str) -> None:
    acknowledged, versions = kill_repeatedly(url, 4)
    assert acknowledged >= 4
    assert versions >= 4


@pytest.mark.hostile
def test_two_thousand_kills(url: str) -> None:
    acknowledged, versions = kill_repeatedly(url, 1000)  # of each database
    sys.stdout.write(f"{acknowledged} acknowledged, {versions} versions, none lost\n")


def write_together(url: str, processes: int, each: int) -> float:
    first = Registry({}, 10**6, url)
    first.register(model("other"))  # the schema
    first.end()
    begun = time.monotonic()
    running = [
        run("writer.py", url, f"mine-{i}" if i else "mine", str(each)) for i in range(processes)
    ]
    for process in running:
        output, errors = process.communicate(timeout=3600)
        assert process.returncode == 0, errors
        assert len(output.splitlines()) == 2 * each
    registry = Registry({}, 10**6, url)
    for i in range(processes):
        assert registry.find(f"mine-{i}" if i else "mine").version == each
    registry.end()
    return time.monotonic() - begun


def test_writers_in_several_processes_wait_for_each_other(url: str) -> None:
    write_together(url, 2, 5)


@pytest.mark.hostile
def test_eight_processes_write_a_thousand_times(url: str) -> None:
    seconds = write_together(url, 8, 500)  # a version and an alias each
    sys.stdout.write(f"8,000 writes of 8 processes in {seconds:.0f} s, none refused\n")


class Failing:
    """SQLite whose n-th statement that writes or commits fails, like a disk would make it."""

    def __init__(self, nth: int, code: int, name: str) -> None:
        self.left = nth
        self.code, self.name = code, name
        self.failed = False

    def connect(self, *args: Any, **options: Any) -> Any:
        plan = self

        class Cursor(sqlite3.Cursor):
            def execute(self, statement: str, *parameters: Any) -> Any:
                plan.step(statement)
                return super().execute(statement, *parameters)

        class Connection(sqlite3.Connection):
            def cursor(self, *_: Any) -> Any:
                return super().cursor(Cursor)

            def commit(self) -> None:
                plan.step("COMMIT")
                super().commit()

        return sqlite3.connect(*args, **options, factory=Connection)

    def step(self, statement: str) -> None:
        if statement.split()[0].upper() not in ("BEGIN", "INSERT", "UPDATE", "COMMIT", "SELECT"):
            return
        self.left -= 1
        if self.left == 0:
            self.failed = True
            error = sqlite3.OperationalError(self.name)
            error.sqlite_errorcode, error.sqlite_errorname = self.code, self.name
            raise error


def _connect(failing: Failing, dialect: Any, record: Any, args: Any, options: Any) -> Any:
    return failing.connect(*args, **options)


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [(778, "SQLITE_IOERR_WRITE", Unavailable), (1034, "SQLITE_IOERR_FSYNC", Unavailable),
     (13, "SQLITE_FULL", StoreFull)],
)  # fmt: skip
def test_whichever_step_fails_nothing_is_half_done_and_scoring_goes_on(
    code: int,
    name: str,
    expected: type[Exception],
    fresh_url: Callable[[str], str],
) -> None:
    url = fresh_url("sqlite")
    registry = Registry({}, 10**6, url)
    stored = registry.register(model("mine", 1)).version
    registry._mirror._poller = (
        threading.current_thread()
    )  # it polls: find() answers from memory alone
    engine = registry.store._database.engine
    nth = 0
    while True:
        nth += 1
        failing = Failing(nth, code, name)
        connect = partial(_connect, failing)
        event.listen(engine, "do_connect", connect)
        try:
            registered = registry.register(model("mine", 2)).version
        except expected:
            registered = None
        assert registry.find("mine", 1).coefficients.item() == 1
        event.remove(engine, "do_connect", connect)
        if registered is not None:
            stored += 1
            assert registered == stored
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            count = connection.execute("SELECT count(*), max(number) FROM versions").fetchone()
        connection.close()
        assert count == (stored, stored)
        if not failing.failed:
            break
    assert nth > 5


def test_a_killed_postgresql_stops_no_scoring_and_is_found_again(
    fresh_url: Callable[[str], str], postgresql: Any
) -> None:
    registry = Registry({}, 10**6, fresh_url("postgresql"))
    for value in range(3):
        registry.register(model("mine", value))
    registry.start()
    for turn in range(3):
        with ThreadPoolExecutor(1) as pool:
            cut = pool.submit(
                postgresql.psql,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname LIKE 'test_%';",
            )
            while not cut.done():
                assert registry.find("mine", 3).version == 3
        assert registry.register(model("mine")).version == 4 + turn
    registry.end()
