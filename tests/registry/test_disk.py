"""Disks that fail at every step, fill up or lose their power, under SQLite."""

import math
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from service.errors import NotFound, StoreFull, Unavailable
from service.registry import Registry

from .conftest import model
from .disk import CHANGES, ERRORS, Disk, failing_disk
from .ledger import check


class Writer:
    """Writes to a registry that looks for changes on its own, and notes what was acknowledged.

    To be ended: a connection that nobody closes is told of from Python 3.13 on.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.acknowledged: list[tuple[str, int, float]] = []
        self.registry = Registry({}, 10**6, url)
        # as if it polled: find() answers from memory alone
        self.registry._mirror._poller = threading.current_thread()

    def close(self) -> None:
        self.registry._mirror._poller = None
        self.registry.end()

    def register(self) -> None:
        value = float(len(self.acknowledged))
        number = self.registry.register(model("mine", value)).version
        self.acknowledged.append(("version", number, value))

    def promote(self) -> None:
        try:
            seen = self.registry.aliases.find("mine", "champion").change
        except NotFound:
            seen = None
        moved = self.registry.aliases.move("mine", "champion", 1, seen)
        self.acknowledged.append(("alias", moved.number, moved.change))


def fail_every_step(disk: Disk, work: Callable[[int], None], stride: int = 1) -> int:
    """Until the n-th operation is more than the work needs; how many it needed about."""
    nth = 1
    while True:
        work(nth)
        if not disk.failed:
            return nth - 1
        nth += stride


ROOT = Path(__file__).resolve().parents[2]
KINDS = [*ERRORS, "full"]


def quick(*kinds: str) -> list[Any]:
    """All kinds, of which only these are in the default run."""
    return [k if k in kinds else pytest.param(k, marks=pytest.mark.hostile) for k in KINDS]


@pytest.mark.parametrize(
    "times",
    [pytest.param(1, id="once"), pytest.param(math.inf, id="for good", marks=pytest.mark.hostile)],
)
@pytest.mark.parametrize("kind", quick("write", "sync", "truncate", "delete", "open", "full"))
def test_whichever_step_fails_nothing_is_claimed_or_half_done_and_scoring_goes_on(
    kind: str, times: float, fresh_url: Callable[[str], str]
) -> None:
    full = kind == "full"
    with failing_disk() as disk, closing(Writer(fresh_url("sqlite"))) as writer:
        writer.register()

        def work(nth: int) -> None:
            with disk.fails("write" if full else kind, nth=nth, times=times, full=full):
                with suppress(StoreFull if full else Unavailable):
                    writer.register()
                    writer.promote()
                assert writer.registry.find("mine", 1).coefficients.item() == 0
            check(writer.url, writer.acknowledged)

        steps = fail_every_step(disk, work)
    assert steps >= {"delete": 0, "truncate": 2, "open": 3}.get(kind, 8)


@pytest.mark.parametrize("kind", quick("sync"))
def test_a_start_that_fails_at_any_step_may_be_tried_again(kind: str, tmp_path: Path) -> None:
    full = kind == "full"
    with failing_disk() as disk:

        def work(nth: int) -> None:
            fails = disk.fails("write" if full else kind, nth=nth, full=full)
            with closing(Writer(f"sqlite:///{tmp_path / str(nth) / 'xent.db'}")) as writer:
                with fails, suppress(StoreFull if full else Unavailable):
                    writer.register()
                writer.register()
                assert check(writer.url, writer.acknowledged) in (1, 2)

        assert fail_every_step(disk, work) >= (kind != "delete")


def lose_power(folder: Path, *, new: bool, tries: int, stride: int) -> int:
    """At steps of two versions and a promotion, in a new database or not; counts the cuts."""
    chance = random.Random(7)
    cuts = 0
    with closing(Writer(f"sqlite:///{folder / 'given.db'}")) as given:
        given.register()
    with failing_disk() as disk:

        def work(nth: int) -> None:
            nonlocal cuts
            for turn in range(tries):
                file = folder / f"{nth}-{turn}.db"
                with closing(Writer(f"sqlite:///{file}")) as writer:
                    if not new:
                        shutil.copy(folder / "given.db", file)
                        writer.acknowledged = list(given.acknowledged)
                    with disk.fails(*CHANGES, nth=nth, times=math.inf, cut=True):
                        try:
                            for write in (writer.register, writer.register, writer.promote):
                                write()
                        except Unavailable:
                            cuts += 1
                        disk.lose(chance)
                check(writer.url, writer.acknowledged)

        fail_every_step(disk, work, stride)
    return cuts


def test_no_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    assert lose_power(tmp_path, new=False, tries=1, stride=3) > 10


@pytest.mark.hostile
def test_no_power_cut_of_many_loses_what_was_acknowledged(tmp_path: Path) -> None:
    cuts = lose_power(tmp_path, new=True, tries=20, stride=1)
    sys.stdout.write(f"{cuts} power cuts, nothing lost\n")


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of 320 kB, in a space of names of its own."""
    mounted = f'mount -t tmpfs -o size=320k none "{tmp_path}"'
    space = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*space, mounted]).returncode != 0:
        pytest.skip("nothing may be mounted here")
    command = f'{mounted} && exec "{sys.executable}" -m tests.registry.fill "{tmp_path}"'
    done = subprocess.run([*space, command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = map(int, done.stdout.split())
    assert 2 < first < second
