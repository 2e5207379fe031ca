"""The call that the page on dialects makes of the service."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dialects.md"


def test_example(example: Any, check: Callable[[Any], None]) -> None:
    check(example)
