"""Processes killed in the middle of writes, and many writers at once.

The tests are short; `make hostile` runs the same with the counts of docs/registry.md.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.evaluation import evaluate
from service.registry import Evaluations, Registry, Store
from service.wire import dump_json

from .conftest import model
from .ledger import check
from .pusher import rows

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


def killed(writer: str, url: str, kills: int) -> list[list[str]]:
    """What was acknowledged by processes that were killed."""
    process = run("kills.py", writer, url, str(kills))
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return [line.split() for line in output.splitlines()]


def kill_repeatedly(url: str, kills: int) -> tuple[int, int]:
    """How many writes were acknowledged by processes that were killed, and versions there are."""
    lines = killed("writer", url, kills)
    acknowledged = [(kind, int(number), float(value)) for kind, number, value in lines]
    return len(acknowledged), check(url, acknowledged)


def test_killed_writers_lose_nothing_that_was_acknowledged(url: str) -> None:
    acknowledged, versions = kill_repeatedly(url, 4)
    assert acknowledged >= 4
    assert versions >= 4


@pytest.mark.hostile
def test_two_thousand_kills(url: str) -> None:
    acknowledged, versions = kill_repeatedly(url, 1000)  # of each database
    sys.stdout.write(f"{acknowledged} acknowledged, {versions} versions, none lost\n")


def kill_pushers(url: str, kills: int) -> tuple[int, int]:
    """How many batches were acknowledged by processes that were killed, and how many counted.

    Each that was acknowledged is counted, and each that is counted is so whole and once: the report
    has the bits of one evaluation of all their rows.
    """
    lines = killed("pusher", url, kills)
    store = Store(url)
    evaluations = Evaluations(store, 10, 10**6)
    (id,) = {line[2] for line in lines}
    acknowledged = {int(line[1]) for line in lines}
    found = evaluations.find(id)
    whole = dump_json(evaluate(**rows(0, found.batches or 0), worst=3))
    assert acknowledged <= set(range(found.batches or 0))
    assert found.report == whole
    evaluations.running.close(id)
    assert evaluations.find(id).report == whole
    store.end()
    return len(acknowledged), found.batches or 0


def test_killed_pushers_count_every_batch_once(url: str) -> None:
    acknowledged, counted = kill_pushers(url, 4)
    assert counted >= acknowledged >= 4


@pytest.mark.hostile
def test_two_thousand_kills_of_pushers(url: str) -> None:
    acknowledged, counted = kill_pushers(url, 1000)  # of each database
    sys.stdout.write(f"{acknowledged} batches acknowledged, {counted} counted, all once\n")


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
