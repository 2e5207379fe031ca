"""The page on the losses runs, and its table is the catalogue."""

import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.api.schemas.losses import constraints_of, request_model
from service.losses import CATALOGUE, Loss

PAGE = Path(__file__).resolve().parents[2] / "docs" / "losses.md"
TEXT = PAGE.read_text("utf-8")


def test_example(example: Any, check: Callable[[Any], None]) -> None:
    check(example)


def interval(
    minimum: float | None = None, maximum: float = math.inf, exclusiveMinimum: float = 0
) -> str:
    low = f"({exclusiveMinimum:g}" if minimum is None else f"[{minimum:g}"
    return f"{low}, Infinity)" if maximum == math.inf else f"{low}, {maximum:g}]"


def row(loss: Loss) -> str:
    constraints = constraints_of(request_model(loss))
    own = ", ".join(
        f"`{name}` = {parameter.default:g} in {interval(**constraints[name])}"
        for name, parameter in inspect.signature(loss.function).parameters.items()
        if name != "members"
    )
    units = ", ".join(loss.units)
    name = f"[`{loss.name}`](#{loss.name})"
    return f"| {name} | `{loss.formula}` | {loss.range} | {own} | {units} |"


def test_the_table_is_the_catalogue() -> None:
    assert re.findall(r"^\| \[`.*\|$", TEXT, re.MULTILINE) == [row(loss) for loss in CATALOGUE]


def test_every_loss_has_a_section_that_calls_it() -> None:
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", TEXT, re.MULTILINE))
    for loss in CATALOGUE:
        assert f"/v1/losses/{loss.name} " in sections[loss.name]
