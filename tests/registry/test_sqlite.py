"""The connection to a SQLite file that is kept: while all goes well, and for the same file."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from service.errors import NotFound
from service.registry import Registry

from .conftest import model

Open = Callable[..., Registry]


@pytest.fixture
def url(fresh_url: Callable[[str], str]) -> str:
    return fresh_url("sqlite")


@pytest.fixture
def file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def registry(url: str, opened: Open) -> Registry:
    """With a version, so that there is a file."""
    found = opened(url)
    found.register(model("mine"))
    return found


@pytest.fixture
def copy(registry: Registry, file: Path, tmp_path: Path) -> Path:
    """Of the file as it was then."""
    return Path(shutil.copyfile(file, tmp_path / "copy.db"))


def counted(registry: Registry) -> list[None]:
    """Grows by one for each connection that is opened from now on."""
    opened: list[None] = []
    engine = registry.store._database.engine
    event.listen(engine, "connect", lambda connection, record: opened.append(None))
    return opened


def test_one_connection_serves_a_process_that_alone_writes(registry: Registry) -> None:
    connections = counted(registry)
    for value in range(5):
        registry.register(model("mine", value))
        registry.aliases.move("mine", f"a{value}", 1, None)
    assert len(connections) <= 1


def test_one_that_saw_an_error_is_not_used_again(registry: Registry) -> None:
    registry.register(model("mine"))
    connections = counted(registry)
    for times in range(1, 4):
        with pytest.raises(NotFound):
            registry.aliases.move("mine", "a", 99, None)
        registry.register(model("mine"))
        assert len(connections) == times


def test_one_to_a_file_that_others_wrote_to_is_not_used_again(
    url: str, registry: Registry, opened: Open
) -> None:
    other, connections = opened(url), counted(registry)
    for times in range(1, 4):
        other.register(model("mine"))
        assert registry.register(model("mine")).version == 2 * times + 1
        assert len(connections) == times


@pytest.mark.parametrize("put", [shutil.copyfile, os.replace])
def test_a_file_that_is_put_in_its_place_is_noticed_at_once(
    put: Callable[[Path, Path], None], registry: Registry, file: Path, copy: Path
) -> None:
    for _ in range(3):
        registry.register(model("mine"))
    put(copy, file)
    assert registry.register(model("mine")).version == 2
    assert registry.find("mine").version == 2


def test_a_copy_that_has_come_by_as_many_changes_is_not_taken_for_the_file(
    registry: Registry, file: Path, copy: Path, url: str, opened: Open
) -> None:
    registry.register(model("mine", 1))
    shutil.copyfile(copy, file)  # in its place, so that the file is the same by its number
    opened(url).register(model("mine", 2))
    with registry.store.reading() as connection:
        card = connection.exec_driver_sql("SELECT card FROM cards WHERE number = 2").scalar_one()
    assert b'"objective":2' in card


def test_models_are_served_while_a_copy_that_is_behind_is_read(
    registry: Registry, file: Path, copy: Path
) -> None:
    registry.register(model("another"))
    registry.start()
    served: list[int] = []

    def ask(*arguments: object) -> None:
        if "artifact" in str(arguments[2]) and not served:
            served.append(0)
            served[0] = registry.find("mine").version

    event.listen(registry.store._database.engine, "before_cursor_execute", ask)
    os.replace(copy, file)
    deadline = time.monotonic() + 10
    while not served and time.monotonic() < deadline:
        time.sleep(0.01)
    registry.end()
    assert served == [1]
    with pytest.raises(NotFound):
        registry.find("another")
