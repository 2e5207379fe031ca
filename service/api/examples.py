"""The examples of the OpenAPI document, which the tests execute."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the answer it gets.

    Attributes:
        name: of the example, a word.
        summary: what it shows.
        path: to be called, parameters filled in.
        body: the request object, or `None` for GET.
        status: of the answer.
        answer: the answer object.
    """

    name: str
    summary: str
    path: str
    body: dict[str, Any] | None
    status: int
    answer: dict[str, Any]


def examples() -> dict[str, list[Example]]:
    """Every example, by operation id."""
    content = orjson.loads((files("service.api") / "examples.json").read_bytes())
    return {name: [Example(**entry) for entry in entries] for name, entries in content.items()}
