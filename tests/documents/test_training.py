"""The page on training: what it does over HTTP runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_example(example: Any, check: Callable[[Any], None]) -> None:
    check(example)
