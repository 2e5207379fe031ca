"""The page on abstention runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "abstention.md"


def test_example(example: Any, check: Callable[[Any], None]) -> None:
    check(example)
