"""The registry: versions counted per name, found by number and alias, within its room."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from sqlalchemy import event

from service.errors import Code, Conflict, NotFound
from service.registry import Page, Registry, cards

from .conftest import model


def test_versions_are_counted_from_1_and_the_newest_is_the_default(registry: Registry) -> None:
    for number in (1, 2, 3):
        registered = registry.register(model("mine", number))
        assert (registered.version, registered.metadata["fit"]["objective"]) == (number, number)
        assert registry.find("mine") is registered
        assert registry.find("mine", "default") is registered
    assert registry.find("mine", "2") is registry.find("mine", 2)
    assert registry.find("mine", 2).coefficients == [[2.0]]
    assert registry.register(model("other")).version == 1


def test_models_that_ship_are_found_and_stay(registry: Registry) -> None:
    assert registry.find("iris").version == registry.find("iris", 1).version == 1
    with pytest.raises(Conflict) as found:
        registry.register(model("iris"))
    assert found.value.code == Code.SHIPPED_MODEL
    assert len(registry.lists.versions("iris", None, 10).cards) == 1


def test_the_aliases_of_a_model_that_ships_need_no_database(
    opened: Callable[..., Registry],
) -> None:
    registry = opened("postgresql://nobody@127.0.0.1:1/none")
    default = registry.aliases.find("iris", "default")
    assert (default.number, default.previous) == (1, None)
    page = registry.aliases.page("iris", None, 9)
    assert (page.aliases, page.moved, page.next) == ({"default": default}, {}, None)
    assert registry.aliases.page("iris", "default", 9).aliases == {}


@pytest.mark.parametrize("version", [0, -1, 2, 2**70, "newest", "01", "2", "+1", "\u0661", ""])
def test_what_is_not_there_is_not_found(registry: Registry, version: int | str) -> None:
    registry.register(model("mine"))
    with pytest.raises(NotFound) as found:
        registry.find("mine", version)
    assert found.value.code == Code.UNKNOWN_VERSION
    for absent in (
        lambda: registry.find("yours", version),
        lambda: registry.find("yours"),
        lambda: registry.lists.versions("yours", None, 1),
    ):
        with pytest.raises(NotFound) as found:
            absent()
        assert found.value.code == Code.UNKNOWN_MODEL


def names(page: Page) -> list[tuple[str, int]]:
    return [(card["name"], card["version"]) for card in map(orjson.loads, page.cards)]


def test_pages_are_in_order_and_lead_to_all(registry: Registry) -> None:
    for name in ("zebra", "mine", "mine"):
        registry.register(model(name))
    seen, after = [], None
    while True:
        page = registry.lists.models(after, 2)
        seen += names(page)
        if page.next is None:
            break
        assert len(page.cards) == 2
        after = page.next
    assert seen == [("digits", 1), ("iris", 1), ("mine", 2), ("zebra", 1)]
    assert registry.lists.models("zebra", 5) == Page((), None)
    first = registry.lists.versions("mine", None, 1)
    assert (names(first), first.next) == ([("mine", 1)], "1")
    last = registry.lists.versions("mine", 1, 1)
    assert (names(last), last.next) == ([("mine", 2)], None)
    assert registry.lists.versions("mine", 2**70, 5).cards == ()


def test_threads_get_versions_of_their_own(registry: Registry) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(
            pool.map(lambda value: registry.register(model("mine", value)).version, range(80))
        )
    assert sorted(numbers) == list(range(1, 81))
    assert {registry.find("mine", number).version for number in numbers} == set(range(1, 81))


def test_postgresql_reads_no_more_of_a_list_than_is_shown(
    fresh_url: Callable[[str], str], opened: Callable[..., Registry]
) -> None:
    registry = opened(fresh_url("postgresql"))
    registry.register(model("first"))
    many = "FROM generate_series(1, 5000) AS n"
    with registry.store.writing() as connection:
        for statement in (
            f"INSERT INTO models (name, latest, change, newest) SELECT 'm' || n, 1, 1, 1 {many}",
            "INSERT INTO versions (name, number, artifact, digest, created) "
            f"SELECT 'm' || n, 1, '', '', 0 {many}",
            "INSERT INTO cards (name, number, card) "  # as long as they are
            f"SELECT 'm' || n, 1, convert_to(repeat('x', 1500), 'UTF8') {many}",
            "ANALYZE",
        ):
            connection.exec_driver_sql(statement)
    read = (
        "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables "
        "WHERE relname IN ('models', 'cards')"
    )
    for after in ("", "m2"):
        with registry.store.reading() as connection:
            before = connection.exec_driver_sql(read).scalar_one()
            assert len(cards.defaults_after(connection, after, 100)) == 100
            assert connection.exec_driver_sql(read).scalar_one() - before <= 300


def test_what_others_change_while_it_looks_is_not_seen_in_part(
    fresh_url: Callable[[str], str], opened: Callable[..., Registry]
) -> None:
    """PostgreSQL lets them: a promoted model must not be served by its newest version."""
    url = fresh_url("postgresql")
    registry, other = opened(url), opened(url)
    for value in (1, 2):
        registry.register(model("mine", value))
    registry.aliases.move("mine", "default", 1, None)
    other.register(model("another"))
    changed: list[int] = []

    def change(*arguments: object) -> None:
        if "FROM aliases" in str(arguments[2]) and not changed:
            changed.append(0)
            changed[0] = other.register(model("mine", 3)).version

    event.listen(registry.store._database.engine, "after_cursor_execute", change)
    assert registry.find("mine").version == 1
    assert changed == [3]
