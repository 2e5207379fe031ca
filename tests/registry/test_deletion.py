"""Deleting, restoring and purging, in both databases: what is served, listed and left."""

import threading
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from service.classifier import described
from service.errors import Code, NotFound, XentError
from service.registry import Registry
from service.registry.audit import entries
from service.registry.cards import write_missing_cards
from service.registry.clock import now
from service.registry.schema import cards, schema_version, versions
from service.wire import dump_json

from .conftest import model

Open = Callable[..., Registry]


@pytest.fixture
def three(registry: Registry) -> Registry:
    for value in (1, 2, 3):
        registry.register(model("mine", value))
    return registry


def listed(registry: Registry) -> list[int]:
    try:
        cards = registry.lists.versions("mine", None, 100).cards
    except NotFound:
        return []
    return [orjson.loads(card)["version"] for card in cards]


def default(registry: Registry) -> int | None:
    for card in map(orjson.loads, registry.lists.models(None, 100).cards):
        if card["name"] == "mine":
            return int(card["version"])
    return None


def code_of(call: Callable[[], object]) -> Code:
    with pytest.raises(XentError) as found:
        call()
    return found.value.code


class TestVersions:
    def test_what_is_deleted_is_neither_served_nor_listed_until_it_is_restored(
        self, three: Registry
    ) -> None:
        three.delete("mine", 3)
        assert code_of(lambda: three.find("mine", 3)) == Code.UNKNOWN_VERSION
        assert code_of(lambda: three.artifact("mine", 3)) == Code.UNKNOWN_VERSION
        assert code_of(lambda: three.delete("mine", 3)) == Code.UNKNOWN_VERSION
        assert three.find("mine").version == 2
        assert (listed(three), default(three)) == ([1, 2], 2)
        for _ in range(2):
            three.restore("mine", 3)
            assert three.find("mine").coefficients.item() == 3
            assert (listed(three), default(three)) == ([1, 2, 3], 3)
        told = [entry.action for entry in entries(three.store, None, 100)]
        assert told.count("version.restore") == 1

    def test_what_is_purged_is_gone_and_its_number_never_comes_again(self, three: Registry) -> None:
        assert code_of(lambda: three.purge("mine", 3)) == Code.NOT_DELETED
        three.delete("mine", 3)
        three.purge("mine", 3)
        for again in (three.purge, three.restore, three.delete):
            assert code_of(lambda: again("mine", 3)) == Code.UNKNOWN_VERSION  # noqa: B023
        assert three.register(model("mine", 4)).version == 4
        assert listed(three) == [1, 2, 4]

    def test_an_alias_holds_its_version(self, three: Registry) -> None:
        made = three.aliases.move("mine", "champion", 2, None)
        assert code_of(lambda: three.delete("mine", 2)) == Code.ALIASED
        assert three.find("mine", 2).version == 2
        three.aliases.delete("mine", "champion", made.change)
        three.delete("mine", 2)
        assert code_of(lambda: three.aliases.move("mine", "best", 2, None)) == Code.UNKNOWN_VERSION
        assert three.find("mine", 3).version == 3

    def test_without_a_version_there_is_no_model_but_its_numbers(self, three: Registry) -> None:
        for number in (1, 2, 3):
            three.delete("mine", number)
        assert code_of(lambda: three.find("mine")) == Code.UNKNOWN_MODEL
        assert default(three) is None
        three.purge("mine")
        assert code_of(lambda: three.restore("mine", 1)) == Code.UNKNOWN_VERSION
        assert code_of(lambda: three.purge("mine")) == Code.UNKNOWN_MODEL
        assert three.register(model("mine", 4)).version == 4
        assert three.find("mine").version == 4

    @pytest.mark.parametrize("call", ["delete", "restore", "purge"])
    def test_what_is_not_there_or_ships(self, three: Registry, call: str) -> None:
        act = getattr(three, call)
        assert code_of(lambda: act("yours")) == (Code.UNKNOWN_MODEL)
        assert code_of(lambda: act("mine", 9)) == Code.UNKNOWN_VERSION
        for number in (None, 1):
            assert code_of(lambda: act("iris", number)) == Code.SHIPPED_MODEL  # noqa: B023
        assert listed(three) == [1, 2, 3]


class TestModels:
    def test_a_model_is_deleted_and_restored_with_all_that_it_has(self, three: Registry) -> None:
        three.aliases.move("mine", "champion", 1, None)
        three.delete("mine", 2)
        three.delete("mine")
        for ask in (three.find, three.artifact, three.delete):
            assert code_of(lambda: ask("mine")) == Code.UNKNOWN_MODEL  # noqa: B023
        assert code_of(lambda: three.aliases.find("mine", "champion")) == Code.UNKNOWN_MODEL
        assert code_of(lambda: three.restore("mine", 1)) == Code.UNKNOWN_VERSION
        assert default(three) is None
        for call in (lambda: three.check("mine"), lambda: three.register(model("mine"))):
            assert code_of(call) == Code.MODEL_DELETED
        for _ in range(2):
            three.restore("mine")
            assert (listed(three), default(three)) == ([1, 3], 3)
        assert three.find("mine", "champion").version == 1

    def test_a_purged_model_leaves_its_name_and_no_number(self, three: Registry) -> None:
        three.aliases.move("mine", "champion", 1, None)
        assert code_of(lambda: three.purge("mine")) == Code.NOT_DELETED
        three.delete("mine")
        three.purge("mine")
        for again in (three.restore, three.purge, three.delete):
            assert code_of(lambda: again("mine")) == Code.UNKNOWN_MODEL  # noqa: B023
        three.check("mine")
        assert three.register(model("mine", 9)).version == 4
        assert listed(three) == [4]
        assert code_of(lambda: three.aliases.find("mine", "champion")) == Code.UNKNOWN_ALIAS


def test_what_can_be_restored_is_listed_page_by_page(registry: Registry) -> None:
    assert registry.lists.deleted(("", 0), 9).things == ()
    before = now()
    for name in ("mine", "mine-2", "mine.2", "mine_2", "whole"):
        for value in range(11 if name == "mine" else 2):
            registry.register(model(name, value))
    for number in (2, 10, 11, 3):
        registry.delete("mine", number)
    registry.purge("mine", 3)
    for name in ("mine_2", "mine-2", "mine.2"):
        registry.delete(name, 1)
    registry.delete("whole", 1)
    for name in ("whole", "mine.2"):
        registry.delete(name)
    registry.purge("mine.2")
    found: list[tuple[str, int]] = []
    place = "", 0
    while True:
        page = registry.lists.deleted(place, 2)
        assert all(before <= thing.at <= now() for thing in page.things)
        found += [(thing.name, thing.number) for thing in page.things]
        if not page.more:
            break
        place = found[-1]
    expected = [("mine", 2), ("mine", 10), ("mine", 11), ("mine-2", 1), ("mine_2", 1), ("whole", 0)]
    assert found == expected
    for name, number in found:
        registry.restore(name, number or None)
    left = [(thing.name, thing.number) for thing in registry.lists.deleted(("", 0), 9).things]
    assert left == [("whole", 1)]  # which was deleted before the model was


def test_others_let_go_of_it(url: str, opened: Open) -> None:
    writer, other = opened(url), opened(url)
    for value in (1, 2):
        writer.register(model("mine", value))
    other.start()
    assert {other.find("mine", number).version for number in (1, 2)} == {1, 2}
    writer.delete("mine", 2)
    other._mirror.refresh()
    assert other.find("mine").version == 1
    assert set(other._mirror._recent._versions) == {("mine", 1)}
    writer.delete("mine")
    other._mirror.refresh()
    assert code_of(lambda: other.find("mine")) == Code.UNKNOWN_MODEL
    assert other._mirror._recent._versions == {}
    assert other._mirror._recent._bytes == 0
    writer.restore("mine")
    other._mirror.refresh()
    assert other.find("mine").coefficients.item() == 1


def test_what_is_purged_is_not_damaged_for_those_who_have_not_heard_of_it(
    url: str, opened: Open
) -> None:
    writer, other = opened(url), opened(url)
    for value in (1, 2):
        writer.register(model("mine", value))
    other._mirror._poller = threading.current_thread()  # it looks when it is told to
    other._mirror.refresh()
    writer.delete("mine", 2)
    writer.purge("mine", 2)
    assert code_of(lambda: other.find("mine", 2)) == Code.UNKNOWN_VERSION
    assert code_of(lambda: other.artifact("mine", 2)) == Code.UNKNOWN_VERSION
    other._mirror._poller = None


def test_purging_removes_the_bytes(fresh_url: Callable[[str], str], opened: Open) -> None:
    url = fresh_url("sqlite")
    registry = opened(url)
    marked = model("mine", 1234.5678)
    registry.register(marked)
    file = Path(url.removeprefix("sqlite:///"))
    token = marked.coefficients.tobytes()
    assert token in file.read_bytes()
    registry.delete("mine")
    assert token in file.read_bytes()
    registry.purge("mine")
    assert token not in file.read_bytes()
    with registry.store.reading() as connection:
        assert connection.execute(versions.select()).one().artifact == b""


def test_versions_from_before_there_were_cards_are_listed(registry: Registry) -> None:
    for value in (7, 8):
        registry.register(model("mine", value))
    with registry.store.writing() as connection:  # as it was before
        connection.execute(cards.delete())
        damaged = versions.update().where(versions.c.number == 2).values(artifact=b"cut")
        connection.execute(damaged)
        write_missing_cards(connection)
    shown = [orjson.loads(card) for card in registry.lists.versions("mine", None, 9).cards]
    assert shown[0]["fit"] == {"objective": 7}
    assert shown[1] == {"name": "mine", "version": 2, "classes": [], "features": []}


def test_a_store_from_before_cards_told_of_files_is_brought_up(url: str, opened: Open) -> None:
    registry = opened(url)
    for value in (7, 8, 9):
        registry.register(model("mine", value))
    registry.delete("mine", 2)
    registry.purge("mine", 2)
    with registry.store.writing() as connection:  # as it was before
        for number in (1, 3):
            old = dump_json(described(registry.find("mine", number)))
            connection.execute(cards.update().where(cards.c.number == number).values(card=old))
        connection.execute(schema_version.update().values(step=5))
    expected = [registry.version("mine", number).card for number in (1, 3)]
    again = opened(url).lists.versions("mine", None, 9).cards
    assert [orjson.loads(card) for card in again] == orjson.loads(orjson.dumps(expected))
