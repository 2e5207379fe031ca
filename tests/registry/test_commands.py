"""Promoting, rolling back and exporting by command, beside a registry that looks on."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.registry import Registry

from .conftest import model


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("XENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("XENT_DATABASE_URL", raising=False)

    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, result.output

    return invoke


def test_promote_roll_back_and_export(
    run: Callable[..., tuple[int, str]],
    tmp_path: Path,
    fresh_url: Callable[[str], str],
    opened: Callable[..., Registry],
) -> None:
    registry = opened(fresh_url("sqlite"))
    for value in range(2):
        registry.register(model("mine", value))
    assert run("promote", "mine", "champion", "1") == (0, "mine champion: 1, before nothing\n")
    assert run("promote", "mine", "champion", "2") == (0, "mine champion: 2, before 1\n")
    assert registry.find("mine", "champion").version == 2
    assert run("roll-back", "mine", "champion") == (0, "mine champion: 1, before 2\n")
    assert registry.find("mine", "champion").version == 1
    file = tmp_path / "mine.safetensors"
    code, printed = run("download", "mine", "champion", str(file))
    assert (code, printed.strip()) == (0, sha256(file.read_bytes()).hexdigest())
    assert registry.artifact("mine", 1) == (file.read_bytes(), printed.strip())


def test_delete_restore_and_purge(
    run: Callable[..., tuple[int, str]],
    fresh_url: Callable[[str], str],
    opened: Callable[..., Registry],
) -> None:
    registry = opened(fresh_url("sqlite"))
    for value in range(2):
        registry.register(model("mine", value))
    assert run("delete", "mine", "2") == (0, "mine 2: deleted\n")
    assert registry.find("mine").version == 1
    assert registry.lists.deleted(("", 0), 9).things[0].number == 2
    header, line = run("deleted")[1].splitlines()
    assert header.split()[:2] == ["name", "version"]
    assert line.split()[:2] == ["mine", "2"]
    assert run("restore", "mine", "2") == (0, "mine 2: restored\n")
    assert run("deleted")[1].splitlines() == ["name  version  deleted (UTC)"]
    assert registry.find("mine").version == 2
    code, text = run("purge", "mine")
    assert (code, "is not deleted" in text) == (1, True)
    assert run("delete", "mine") == (0, "mine: deleted\n")
    assert run("deleted")[1].splitlines()[1].split()[:2] == ["mine", "all"]
    assert run("purge", "mine") == (0, "mine: purged\n")
    assert registry.register(model("mine")).version == 3


def test_promote_if_better(
    run: Callable[..., tuple[int, str]],
    tmp_path: Path,
    fresh_url: Callable[[str], str],
    opened: Callable[..., Registry],
) -> None:
    registry = opened(fresh_url("sqlite"))
    for value in (0, 3):
        registry.register(model("mine", value))
    run("promote", "mine", "champion", "1")
    rows = tmp_path / "rows.csv"
    lines = [f"{x / 10},{'b' if x > 0 else 'a'}" for x in range(-20, 21) if x]
    rows.write_text("\n".join(["x,y", *lines]) + "\n")
    gate = ("promote", "mine", "champion", "2", "--if-better", str(rows), "--label", "y")
    code, text = run(*gate, "--margin", "5")
    assert (code, text.startswith("NOT SHOWN TO BE BETTER: log loss 0.693147")) == (4, True)
    assert registry.find("mine", "champion").version == 1
    code, text = run(*gate)
    assert (code, text.splitlines()[-1]) == (0, "mine champion: 2, before 1")
    assert registry.find("mine", "champion").version == 2
    assert run(*gate)[0] == 4
    assert run(*gate[:-2])[0] == 2
    assert run("promote", "mine", "other", *gate[3:])[0] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("promote", "mine", "champion", "9"), "mine has no version 9, or it is deleted"),
        (("promote", "yours", "champion", "1"), "no model of that name"),
        (("promote", "iris", "champion", "1"), "is a model that ships"),
        (("promote", "mine", "Champion", "1"), "must match"),
        (("promote", "mine", "7", "1"), "must match"),
        (("roll-back", "mine", "champion"), "is not set"),
        (("download", "mine", "9", "x"), "has no such version"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Callable[..., tuple[int, str]],
    fresh_url: Callable[[str], str],
    opened: Callable[..., Registry],
    arguments: tuple[str, ...],
    text: str,
) -> None:
    opened(fresh_url("sqlite")).register(model("mine"))
    code, printed = run(*arguments)
    assert code == 1
    assert text in printed
    assert "Traceback" not in printed
