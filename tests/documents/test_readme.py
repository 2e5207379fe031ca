"""The README: its examples run, and its tables are those of the code."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "README.md"
TEXT = PAGE.read_text("utf-8")


def test_example(example: Any, check: Callable[[Any], None]) -> None:
    check(example)


def test_every_block_is_run_or_is_a_command_that_other_tests_hold(
    fenced: Callable[[Path], list[Any]],
) -> None:
    blocks = [block for block in fenced(PAGE) if block.language in ("sh", "python")]
    others = [line for block in blocks if not block.calls for line in block.text.splitlines()]
    assert "make run" in others
    assert [line for line in others if not re.match(r"make |docker ", line)] == []


def test_the_settings_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(XENT_\w+)` \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)
    assert rows == [
        ((PREFIX + name).upper(), default_of(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def default_of(value: object) -> str:
    return "none" if value in ((), None) else f"`{value}`"


def test_the_calls_are_those_that_are_served() -> None:
    table = TEXT.partition("\n## The calls\n")[2].partition("\n## ")[0]
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
    served = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) [^`]+)`", table)) == served


def test_the_image_is_built_and_run_as_the_dockerfile_says() -> None:
    commands = re.findall(
        r"^# (docker .+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert commands
    assert re.findall(r"^(docker .+)$", TEXT, re.MULTILINE) == commands
