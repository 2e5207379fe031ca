"""Every figure that is answered says what it is, and where its definition stands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")
ANCHORS = {
    re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
}


def parts(document: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema of an answer and those that it refers to."""
    schemas = document["components"]["schemas"]
    seen, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name, schemas[name]
        waiting += re.findall(r"'#/components/schemas/(\w+)'", str(schemas[name]))


def test_every_member_of_the_report_and_of_a_comparison_is_defined(document):
    found = dict(parts(document, "ReportAnswer")) | dict(parts(document, "CompareAnswer"))
    assert {"ReportAnswer", "ClassAnswer", "BinAnswer", "CompareAnswer"} <= found.keys()
    for name, schema in found.items():
        place = re.search(r"docs/evaluation\.md#(\S+)", schema["description"])
        assert place, name
        assert place[1] in ANCHORS, f"{name}: {place[1]}"
        for member, described in schema["properties"].items():
            assert described.get("description"), f"{name}.{member}"
