"""PostgreSQL that is restarted, ended, cut off, slow, silent, full or no longer the first."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import make_url

from service.errors import StoreFull, Unavailable
from service.registry import Registry
from service.registry import postgresql as room

from .conftest import model
from .ledger import check
from .proxy import Proxy

RECOVERY_SECONDS = 3.0
ENDING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname LIKE 'test_%';"
)


class Used:
    """A registry that polls, under one thread that scores and one that writes, all the time."""

    def __init__(self, url: str) -> None:
        self.registry = Registry({}, 10**6, url)
        self.acknowledged: list[tuple[str, int, float]] = []
        self.unconfirmed = 0
        self.last = 0.0
        self.stopped = False
        self.scored, self.slowest = 0, 0.0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._score), threading.Thread(target=self._write)]

    def __enter__(self) -> "Used":
        self.register()
        self.registry.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = not all(thread.is_alive() for thread in self._threads)
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.registry.end()

    def register(self) -> None:
        value = float(len(self.acknowledged))
        number = self.registry.register(model("mine", value)).version
        self.acknowledged.append(("version", number, value))
        self.last = time.monotonic()

    def recovered(self, fault: str) -> None:
        """Writes are acknowledged again, soon enough after a fault has ended."""
        ended = time.monotonic()
        while self.last <= ended:
            assert time.monotonic() - ended < RECOVERY_SECONDS
            time.sleep(0.01)
        sys.stdout.write(f"{fault}: written to again after {self.last - ended:.2f} s\n")

    def _score(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            assert self.registry.find("mine", 1).coefficients.item() == 0
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.scored += 1
            time.sleep(0.001)

    def _write(self) -> None:
        while not self._over.is_set():
            try:
                self.register()
            except Unavailable:
                self.unconfirmed += 1
            time.sleep(0.01)


@pytest.fixture
def proxy(postgresql: Any) -> Iterator[Proxy]:
    folder = make_url(postgresql.get_uri()).query["host"]
    running = Proxy(f"{folder}/.s.PGSQL.5432")
    running.start()
    yield running
    running.end()


@pytest.fixture
def direct(fresh_url: Callable[[str], str]) -> str:
    return fresh_url("postgresql")


@pytest.fixture
def through(direct: str, proxy: Proxy) -> str:
    name = make_url(direct).database
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}"


def kept(used: Used, url: str) -> None:
    """Each write was made once, or reported failed; scoring never stopped."""
    versions = check(url, used.acknowledged)
    assert len(used.acknowledged) <= versions <= len(used.acknowledged) + used.unconfirmed
    assert used.scored > 10
    assert used.slowest < 1
    assert not used.stopped


def test_its_processes_ended(postgresql: Any, direct: str) -> None:
    with Used(direct) as used:
        for _ in range(3):
            postgresql.psql(ENDING)
            used.recovered("its processes ended")
    kept(used, direct)


def test_restarted(postgresql: Any, direct: str) -> None:
    with Used(direct) as used:
        postgresql.stop()
        time.sleep(0.2)
        postgresql.start()
        used.recovered("restarted")
    kept(used, direct)
    assert used.unconfirmed > 0


def test_cut_off(direct: str, through: str, proxy: Proxy) -> None:
    with Used(through) as used:
        for seconds in (0.0, 0.3):
            proxy.cut()
            time.sleep(seconds)
            proxy.listen()
            used.recovered("cut off")
    kept(used, direct)
    assert used.unconfirmed > 0


def test_slow(direct: str, through: str, proxy: Proxy) -> None:
    with Used(through) as used:
        proxy.delay = 0.05
        time.sleep(1)
        proxy.delay = 0
        used.recovered("slow")
    kept(used, direct)


@pytest.mark.parametrize(
    ("patience", "seconds"), [(1.0, 0.0), pytest.param(6.0, 20.0, marks=pytest.mark.hostile)]
)
def test_silent(
    patience: float,
    seconds: float,
    direct: str,
    through: str,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "ANSWER_SECONDS", patience)
    with Used(through) as used:
        with proxy.silent():
            begun = time.monotonic()
            while used.unconfirmed == 0:
                assert time.monotonic() - begun < 12
                time.sleep(0.05)
            time.sleep(seconds)
        used.recovered("silent")
    kept(used, direct)


@pytest.mark.parametrize("direction", ["asked", "answered"])
def test_cut_at_every_message_of_a_write(
    direction: str, direct: str, through: str, proxy: Proxy
) -> None:
    registry = Registry({}, 10**6, through)
    acknowledged = [("version", registry.register(model("mine", 0.0)).version, 0.0)]
    nth = unconfirmed = 0
    while True:
        nth += 1
        proxy.cut_at = {direction: nth}
        try:
            number = registry.register(model("mine", float(nth))).version
            acknowledged.append(("version", number, float(nth)))
        except Unavailable:
            unconfirmed += 1
        if proxy.cut_at[direction] > 0:
            break
    versions = check(direct, acknowledged)
    assert len(acknowledged) <= versions <= len(acknowledged) + unconfirmed
    assert unconfirmed >= 4
    registry.end()


def raising(registry: Registry, state: str) -> None:
    """Lets every version be refused with a state of SQL."""
    with registry.store.writing() as connection:
        for statement in (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$",
            "CREATE TRIGGER refuse BEFORE INSERT ON versions EXECUTE FUNCTION refuse()",
        ):
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("53100", StoreFull),
        ("53200", Unavailable),  # out of memory
        ("58030", Unavailable),  # an error of its disk
        ("57014", Unavailable),  # cancelled, as after statement_timeout
        ("40P01", Unavailable),  # a deadlock
    ],
)
def test_errors_of_the_server(state: str, expected: type[Exception], direct: str) -> None:
    registry = Registry({}, 10**6, direct)
    registry.register(model("mine"))
    raising(registry, state)
    with pytest.raises(expected):
        registry.register(model("mine"))
    with registry.store.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse ON versions")
    assert registry.register(model("mine")).version == 2
    registry.end()


@pytest.mark.parametrize(
    ("option", "least", "most"),
    [
        ("&options=-c%20lock_timeout%3D300", 0.3, 3),
        pytest.param("", 5, 8, marks=pytest.mark.hostile),  # as it is set
    ],
)
def test_a_lock_that_nobody_gives_back_is_waited_for_within_bounds(
    option: str, least: float, most: float, direct: str
) -> None:
    holder, registry = (Registry({}, 10**6, direct + option) for _ in range(2))
    registry.register(model("mine"))
    with holder.store.writing() as connection:
        connection.exec_driver_sql("UPDATE changes SET value = value")
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            registry.register(model("mine"))
        assert least < time.monotonic() - begun < most
    assert registry.register(model("mine")).version == 2
    for one in (holder, registry):
        one.end()


@contextmanager
def read_only(postgresql: Any, name: str) -> Iterator[None]:
    postgresql.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on; {ENDING}")
    try:
        yield
    finally:
        postgresql.psql(f"ALTER DATABASE {name} RESET default_transaction_read_only; {ENDING}")


def test_no_longer_the_first_of_its_replicas(postgresql: Any, direct: str) -> None:
    with Used(direct) as used:
        with read_only(postgresql, str(make_url(direct).database)):
            time.sleep(0.3)
            with pytest.raises(Unavailable):
                used.registry.register(model("mine"))
        used.recovered("no longer the first")
    kept(used, direct)
