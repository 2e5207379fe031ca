"""Places where no database can be, or none that can be written, or a damaged one."""

import logging
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.errors import NotFound, Unauthenticated, Unavailable, XentError
from service.registry import Keys, Registry
from service.registry import mirror as room

from .conftest import model

Open = Callable[..., Registry]
NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """Ours, while we are a user whom the modes of files bind, which the superuser is not."""
    found = Path(tempfile.mkdtemp())
    superuser = os.geteuid() == 0
    if superuser:
        registry = Registry({}, 10**6, f"sqlite:///{found / 'imports'}")
        registry.register(model("mine"))
        registry.end()
        for path in (found, *found.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield found
    if superuser:
        os.seteuid(0)
    found.chmod(0o700)
    shutil.rmtree(found)


def refused(url: str, opened: Open, match: str) -> None:
    with pytest.raises(Unavailable, match=match):
        opened(url).register(model("mine"))


def test_a_folder_that_cannot_be_made(folder: Path, opened: Open) -> None:
    folder.chmod(0o500)
    refused(f"sqlite:///{folder / 'data' / 'xent.db'}", opened, "PermissionError")


def test_a_folder_that_cannot_be_written(folder: Path, opened: Open) -> None:
    url = f"sqlite:///{folder / 'xent.db'}"
    folder.chmod(0o500)
    refused(url, opened, "SQLITE_CANTOPEN")
    folder.chmod(0o700)
    opened(url).register(model("mine", 1.5))
    (folder / "xent.db-journal").unlink()
    folder.chmod(0o500)
    refused(url, opened, "SQLITE_CANTOPEN|SQLITE_READONLY")
    assert opened(url).find("mine").coefficients.item() == 1.5


def test_a_file_that_cannot_be_written_is_read(folder: Path, opened: Open) -> None:
    url = f"sqlite:///{folder / 'xent.db'}"
    opened(url).register(model("mine", 1.5))
    (folder / "xent.db").chmod(0o400)
    refused(url, opened, "SQLITE_READONLY")
    assert opened(url).find("mine").coefficients.item() == 1.5
    (folder / "xent.db").chmod(0o600)
    assert opened(url).register(model("mine")).version == 2


def test_a_file_that_cannot_be_read(folder: Path, opened: Open) -> None:
    url = f"sqlite:///{folder / 'xent.db'}"
    opened(url).register(model("mine", 1.5))
    (folder / "xent.db").chmod(0)
    refused(url, opened, "SQLITE_CANTOPEN")


def test_a_folder_that_cannot_be_entered_may_have_keys_and_lets_nobody_in(
    folder: Path, opened: Open
) -> None:
    url = f"sqlite:///{folder / 'xent.db'}"
    Keys(opened(url).store).create("laptop", ["read"])
    folder.chmod(0)
    registry = opened(url)
    assert registry.store.exists
    keys = Keys(registry.store)
    keys.start()
    try:
        with pytest.raises(Unavailable, match="nobody can be let in"):
            _ = keys.exist
        with pytest.raises(Unavailable, match="SQLITE_CANTOPEN"):
            keys.page(None, 10)
        folder.chmod(0o700)
        keys.refresh()
        assert keys.exist
    finally:
        keys.end()


def test_what_is_not_there_makes_no_file(tmp_path: Path, opened: Open) -> None:
    registry = opened(f"sqlite:///{tmp_path / 'data' / 'xent.db'}")
    for call in (registry.delete, registry.restore, registry.purge):
        for number in (None, 1):
            with pytest.raises(NotFound):
                call("mine", number)
    assert not list(tmp_path.iterdir())


def test_a_copy_that_was_put_back_is_read_from_the_start(tmp_path: Path, opened: Open) -> None:
    file, copy = tmp_path / "xent.db", tmp_path / "copy"
    url = f"sqlite:///{file}"
    writer, reader = opened(url), opened(url)
    writer.register(model("mine", 1.5))
    shutil.copy(file, tmp_path / "without keys")
    kept, _ = Keys(writer.store).create("kept", ["read"])
    shutil.copy(file, copy)
    keys = Keys(reader.store)
    _, lost = keys.create("lost", ["read"])
    writer.register(model("mine", 2.5))
    writer.register(model("yours", 2.5))
    assert reader.find("mine", 2).coefficients.item() == 2.5
    keys.refresh()
    shutil.copy(copy, file)
    keys.refresh()
    with pytest.raises(Unauthenticated):
        keys.find(lost)
    assert [key.id for key in keys.page(None, 9).keys] == [kept.id]
    assert keys.exist
    for name, version in (("mine", 2), ("yours", None)):
        with pytest.raises(NotFound):
            reader.find(name, version)
    assert reader.find("mine").coefficients.item() == 1.5
    opened(url).register(model("mine", 3.5))
    assert reader.find("mine", 2).coefficients.item() == 3.5
    keys.refresh()
    shutil.copy(tmp_path / "without keys", file)
    keys.refresh()
    assert keys.exist


def test_a_folder_where_the_file_should_be(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "xent.db").mkdir()
    refused(f"sqlite:///{tmp_path / 'xent.db'}", opened, "SQLITE_CANTOPEN")


def test_a_file_where_the_folder_should_be(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "file").write_text("in the way")
    url = f"sqlite:///{tmp_path / 'file' / 'xent.db'}"
    refused(url, opened, "FileExistsError|NotADirectoryError")


def test_a_file_that_is_no_database_is_kept(tmp_path: Path, opened: Open) -> None:
    file = tmp_path / "xent.db"
    file.write_bytes(b"precious " * 1000)
    refused(f"sqlite:///{file}", opened, "SQLITE_NOTADB")
    assert file.read_bytes() == b"precious " * 1000


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_file_gives_what_was_stored_or_a_clear_error(
    seed: int, tmp_path: Path, opened: Open
) -> None:
    file = tmp_path / "xent.db"
    url = f"sqlite:///{file}"
    writer = opened(url)
    for value in range(8):
        writer.register(model(f"mine-{value % 2}", value))
    writer.aliases.move("mine-0", "champion", 1, None)
    chance = random.Random(seed)
    content = bytearray(file.read_bytes())
    page = 4096 * chance.randrange(len(content) // 4096)
    content[page : page + 4096] = chance.randbytes(4096) if seed % 2 else bytes(4096)
    file.write_bytes(content)
    reader = opened(url)
    for name, version in (("mine-0", 1), ("mine-0", 4), ("mine-1", 2), ("mine-0", "champion")):
        try:
            found = reader.find(name, version)
        except XentError:
            continue
        wanted = 1 if version == "champion" else version
        assert (found.name, found.version) == (name, wanted)
        assert found.coefficients.item() == 2 * (wanted - 1) + int(name[-1])
    for call in (
        lambda: reader.lists.models(None, 10),
        lambda: reader.lists.versions("mine-0", None, 10),
        lambda: reader.register(model("mine-0")),
    ):
        with suppress(XentError):
            call()


def test_the_log_tells_once_that_the_database_is_lost_and_once_that_it_is_found(
    tmp_path: Path,
    opened: Open,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "POLL_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "xent")
    file = tmp_path / "xent.db"
    opened(f"sqlite:///{file}").register(model("mine", 1.5))
    whole = file.read_bytes()
    file.write_bytes(b"nothing of the kind" * 1000)
    registry = opened(f"sqlite:///{file}")
    registry.start()
    (lost,) = caplog.records
    assert (lost.levelname, lost.getMessage()) == ("WARNING", "the store cannot be read")
    assert "SQLITE_NOTADB" in lost.reason
    with pytest.raises(Unavailable):
        registry.find("mine")
    file.write_bytes(whole)
    while len(caplog.records) < 2:
        registry._mirror._ending.wait(0.01)
    assert caplog.records[1].getMessage() == "the store is read again"
    assert registry.find("mine").coefficients.item() == 1.5
