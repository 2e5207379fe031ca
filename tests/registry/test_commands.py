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


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("promote", "mine", "champion", "9"), "has no such version"),
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
