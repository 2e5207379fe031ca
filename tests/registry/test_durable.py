"""What lasts, what others see, and what happens when the database does not play along."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import MetaData, create_engine, event, update

from service.classifier import from_bytes, to_bytes
from service.errors import Code, Conflict, Damaged, NotFound, Stale, StoreFull, Unavailable
from service.registry import Registry, WouldWait
from service.registry import mirror as room
from service.registry.database import Database
from service.registry.migrations import STEPS
from service.registry.schema import METADATA, versions

from .conftest import model

Open = Callable[..., Registry]


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_what_was_registered_is_there_for_the_next_process(url: str, opened: Open) -> None:
    first = opened(url)
    for value in (1.5, 2.5):
        first.register(model("mine", value))
    second = opened(url)
    assert [second.find("mine", n).coefficients.item() for n in (1, 2)] == [1.5, 2.5]
    assert second.register(model("mine")).version == 3
    assert first.find("mine").version == 3


def test_nothing_is_written_and_sqlalchemy_not_needed_until_something_is_kept(
    fresh_url: Callable[[str], str], opened: Open
) -> None:
    url = fresh_url("sqlite")
    registry = opened(url)
    registry.start()
    assert registry.find("iris").version == 1
    with pytest.raises(NotFound):
        registry.find("mine")
    assert not file_of(url).parent.exists()
    assert "_database" not in vars(registry.store)


def test_others_see_a_version_and_an_alias_within_two_seconds(
    url: str, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "POLL_SECONDS", 0.02)
    writer, other = opened(url), opened(url)
    other.start()
    writer.register(model("mine", 1.0))
    assert _soon(lambda: other.find("mine").version == 1)
    writer.register(model("mine", 2.0))
    assert _soon(lambda: other.find("mine").version == 2)
    writer.aliases.move("mine", "default", 1, None)
    assert _soon(lambda: other.find("mine").version == 1)
    assert other.find("mine", 2).coefficients.item() == 2.0


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except NotFound:
            pass
        time.sleep(0.01)
    return False


def test_a_loop_is_never_made_to_wait(registry: Registry) -> None:
    registry.register(model("mine"))
    registry.start()

    async def ask() -> None:
        assert registry.find("iris").version == 1
        assert registry.find("mine").version == 1
        for call in (
            lambda: registry.register(model("mine")),
            lambda: registry.lists.models(None, 1),
            lambda: registry.lists.versions("mine", None, 1),
            lambda: registry.artifact("mine"),
            lambda: registry.aliases.move("mine", "champion", 1, None),
        ):
            with pytest.raises(WouldWait):
                call()

    asyncio.run(ask())
    assert registry.find("mine").version == 1


def test_memory_is_bounded_and_what_was_let_go_is_read_again(url: str, opened: Open) -> None:
    registry = opened(url, 20_000)  # two models and a half
    registry.start()
    for value in range(6):
        registry.register(model("mine", value))
    assert len(registry._mirror._recent._versions) == 2
    for number in (1, 6, 1, 3):
        assert registry.find("mine", number).coefficients.item() == number - 1
    assert len(registry._mirror._recent._versions) == 2


def test_memory_counts_what_a_model_keeps_of_held_out_rows(url: str, opened: Open) -> None:
    registry = opened(url, 10**6)
    shipped = registry.find("digits")
    size = len(to_bytes(shipped))
    for _ in range(20):
        registry.register(replace(shipped, name="mine"))
    kept = registry._mirror._recent._versions
    assert 10**6 / (size + 20_000) - 1 <= len(kept) <= 10**6 / size


def test_what_aliases_stand_for_is_read_aside_at_the_start_while_changes_are_followed(
    url: str, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "POLL_SECONDS", 0.05)
    writer, reader = opened(url), opened(url)
    for number in range(30):
        writer.register(model(f"mine-{number:02}"))
    load = reader._mirror._load

    def slow(name: str, number: int) -> Any:
        time.sleep(0.02)
        return load(name, number)

    monkeypatch.setattr(reader._mirror, "_load", slow)
    ready = threading.Event()
    reader.start(ready.set)
    writer.register(model("late", 7))
    deadline = time.monotonic() + 1
    while "late" not in reader._mirror._entries:  # nobody has asked for it
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(reader._mirror._recent._versions) < 30
    assert not ready.is_set()
    assert ready.wait(20)
    assert len(reader._mirror._recent._versions) == 31


def test_a_page_of_models_is_read_with_one_question(url: str, opened: Open) -> None:
    writer = opened(url)
    for value in range(12):
        writer.register(model(f"mine-{value:02}", value))
    writer.aliases.move("mine-03", "default", 1, None)
    writer.register(model("mine-03", 99))
    reader = opened(url)
    asked: list[str] = []
    with reader.store._database.reading():
        pass  # the schema is there
    event.listen(
        reader.store._database.engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *_: asked.append(statement),
    )
    page = reader.lists.models("iris", 11)
    shown = [orjson.loads(card) for card in page.cards]
    assert [card["name"] for card in shown] == [f"mine-{value:02}" for value in range(11)]
    assert [card["version"] for card in shown] == [1] * 11
    assert [card["fit"]["objective"] for card in shown] == list(range(11))
    assert page.next == "mine-10"
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1


class TestAliases:
    def test_move_and_roll_back(self, registry: Registry) -> None:
        for value in range(3):
            registry.register(model("mine", value))
        one = registry.aliases.move("mine", "champion", 1, None)
        two = registry.aliases.move("mine", "champion", 3, one.change)
        assert registry.find("mine", "champion").version == 3
        assert registry.aliases.find("mine", "champion") == two
        back = registry.aliases.roll_back("mine", "champion", two.change)
        assert (back.number, back.previous) == (1, 3)
        assert registry.find("mine", "champion").version == 1
        assert registry.find("mine").version == 3

    def test_sent_twice_a_promotion_leaves_the_way_back(self, registry: Registry) -> None:
        for value in (1.0, 2.0):
            registry.register(model("mine", value))
        one = registry.aliases.move("mine", "champion", 1, None)
        two = registry.aliases.move("mine", "champion", 2, one.change)
        again = registry.aliases.move("mine", "champion", 2, two.change)
        assert (again.number, again.previous) == (2, 1)
        assert registry.aliases.roll_back("mine", "champion", again.change).number == 1

    def test_the_default_may_be_set_and_then_stays(self, registry: Registry) -> None:
        registry.register(model("mine", 0))
        registry.aliases.move("mine", "default", 1, None)
        registry.register(model("mine", 1))
        assert registry.find("mine").version == 1
        (card,) = registry.lists.models("iris", 9).cards
        assert orjson.loads(card)["version"] == 1

    def test_who_looked_too_early_changes_nothing(self, registry: Registry) -> None:
        registry.register(model("mine"))
        registry.register(model("mine"))
        now = registry.aliases.move("mine", "champion", 1, None)
        for seen in (None, now.change - 1, now.change + 1):
            with pytest.raises(Stale):
                registry.aliases.move("mine", "champion", 2, seen)
        assert registry.find("mine", "champion").version == 1

    def test_what_makes_no_sense(self, registry: Registry) -> None:
        registry.register(model("mine"))
        for name, number, error, code in (
            ("mine", 2, NotFound, Code.UNKNOWN_VERSION),
            ("yours", 1, NotFound, Code.UNKNOWN_VERSION),
            ("iris", 1, Conflict, Code.SHIPPED_MODEL),
        ):
            with pytest.raises(error) as found:
                registry.aliases.move(name, "champion", number, None)
            assert found.value.code == code
        now = registry.aliases.move("mine", "champion", 1, None)
        with pytest.raises(Conflict) as nothing:
            registry.aliases.roll_back("mine", "champion", now.change)
        assert nothing.value.code == Code.NOTHING_BEFORE
        with pytest.raises(NotFound):
            registry.aliases.find("mine", "challenger")


class TestArtifacts:
    def test_the_file_is_the_model(self, registry: Registry) -> None:
        registry.register(model("mine", 4.25))
        data, digest = registry.artifact("mine", 1)
        assert from_bytes(data).coefficients.item() == 4.25
        assert len(digest) == 64
        assert from_bytes(registry.artifact("iris")[0]).name == "iris"

    @pytest.mark.parametrize("harm", ["cut short", "one bit"])
    def test_a_damaged_file_is_never_served(
        self,
        harm: str,
        fresh_url: Callable[[str], str],
        opened: Open,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        url = fresh_url("sqlite")
        opened(url).register(model("mine", 4.25))
        with sqlite3.connect(file_of(url)) as connection:
            data = bytearray(connection.execute("SELECT artifact FROM versions").fetchone()[0])
            if harm == "one bit":
                data[-3] ^= 1
            else:
                del data[-8:]
            connection.execute("UPDATE versions SET artifact = ?", (bytes(data),))
        connection.close()
        registry = opened(url)
        for ask in (registry.find, registry.artifact) * 2:
            with pytest.raises(Damaged) as found:
                ask("mine")
            assert found.value.code == Code.DAMAGED_ARTIFACT
        (record,) = caplog.records  # it is logged once
        assert (record.levelname, record.__dict__["version"]) == ("ERROR", 1)

    def test_no_alias_moves_to_a_damaged_file_whoever_has_it_in_memory(
        self, registry: Registry
    ) -> None:
        for value in (1, 2, 3):
            registry.register(model("mine", value))
        two = registry.aliases.move("mine", "champion", 2, None)
        one = registry.aliases.move("mine", "champion", 1, two.change)
        pinned = registry.aliases.move("mine", "default", 1, None)
        with registry.store.writing() as connection:
            harmed = update(versions).where(versions.c.number > 1).values(artifact=b"another")
            connection.execute(harmed)
        assert registry.find("mine", 2).coefficients.item() == 2
        for call in (
            lambda: registry.aliases.move("mine", "champion", 2, one.change),
            lambda: registry.aliases.roll_back("mine", "champion", one.change),
            lambda: registry.aliases.move("mine", "shadow", 3, None),
            lambda: registry.aliases.roll_back("mine", "default", pinned.change),
            lambda: registry.aliases.delete("mine", "default", pinned.change),
        ):
            with pytest.raises(Damaged) as found:
                call()
            assert found.value.code == Code.DAMAGED_ARTIFACT
        assert dict(registry.aliases.page("mine", None, 9).aliases) == {
            "champion": one,
            "default": pinned,
        }
        registry.aliases.delete("mine", "champion", one.change)  # then it stands for nothing


class TestFaults:
    def test_the_schema_that_the_steps_make_is_the_one_that_queries_use(self, url: str) -> None:
        database = Database(url)
        with database.reading():
            pass  # the schema is there
        found = MetaData()
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        found.reflect(engine)  # which takes catalogs as text
        engine.dispose()
        assert set(found.tables) == set(METADATA.tables)
        for name, table in METADATA.tables.items():
            made = found.tables[name]
            assert [c.name for c in made.columns] == [c.name for c in table.columns]
            assert {c.name for c in made.primary_key} == {c.name for c in table.primary_key}
            for column in table.columns:
                assert made.c[column.name].nullable == column.nullable, column
                ours, theirs = column.type.python_type, made.c[column.name].type.python_type
                assert ours is theirs, column
        database.close()

    def test_a_database_of_a_newer_xent_is_left_alone(self, url: str, opened: Open) -> None:
        registry = opened(url)
        registry.register(model("mine"))
        with registry.store._database.writing() as connection:
            connection.exec_driver_sql(f"UPDATE schema_version SET step = {len(STEPS) + 1}")
        with pytest.raises(Unavailable, match="too old"):
            opened(url).register(model("mine"))

    def test_without_a_database_what_ships_is_served_and_nothing_is_claimed(
        self, opened: Open
    ) -> None:
        registry = opened("postgresql://nobody:hunter2@127.0.0.1:1/none")
        registry.start()
        assert registry.find("iris").version == 1
        for call in (lambda: registry.find("mine"), lambda: registry.register(model("mine"))):
            with pytest.raises(Unavailable) as found:
                call()
            assert found.value.code == Code.STORE_UNAVAILABLE
            assert "hunter2" not in str(found.value)

    def test_a_full_disk_is_told_from_other_faults_and_nothing_is_half_done(
        self, fresh_url: Callable[[str], str], opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = fresh_url("sqlite")
        registry = opened(url)
        registry.register(model("mine"))
        registry.store.end()  # the connection that is kept has all the room there is
        connect: Any = sqlite3.connect

        def limited(*args: Any, **options: Any) -> Any:
            connection = connect(*args, **options)
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return connection

        with monkeypatch.context() as patch:
            patch.setattr(registry.store._database.engine.dialect.loaded_dbapi, "connect", limited)
            patch.setattr(sqlite3.dbapi2, "connect", limited)
            stored = 1
            with pytest.raises(StoreFull):  # noqa: PT012 some room is left in the last page
                for _ in range(100):
                    registry.register(model("mine"))
                    stored += 1
            assert registry.find("mine").version == stored
        registry.store.end()
        assert registry.register(model("mine")).version == stored + 1
