"""The page on dialects: its examples run, its tables are those of the code."""

import doctest
import json
from pathlib import Path

import pytest

from service.losses.dialects import CONVERSIONS, DIALECTS, RULES, SUPPORTED

PAGE = (Path(__file__).parents[3] / "docs" / "dialects.md").read_text("utf-8")
GOLDEN = Path(__file__).parent / "golden"


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def supported() -> list[str]:
    """The table of calls, as the page has it."""
    lines = [row("dialect", "loss", "from", "truth", "options", "reductions", "call")]
    lines.append("|---|---|---|---|---|---|---|")
    for dialect, losses in SUPPORTED.items():
        for loss, calls in losses.items():
            for call in calls:
                lists = (call.predictions, call.truths, sorted(call.options), call.reductions)
                lines.append(row(dialect, loss, *map(", ".join, lists), f"`{call.text}`"))
    return lines


def test_the_examples_print_what_the_page_says():
    test = doctest.DocTestParser().get_doctest(PAGE, {}, "dialects.md", "dialects.md", 0)
    results = doctest.DocTestRunner().run(test)
    assert (results.failed, results.attempted) == (0, 9)


def test_the_table_is_that_of_the_code():
    assert "\n".join(supported()) + "\n\n" in PAGE


def test_every_rule_is_explained():
    table = [row("rule", "what it says"), "|---|---|"]
    table += [row(f"`{rule.code}`", rule.text) for rule in RULES]
    assert "\n".join(table) + "\n\n" in PAGE


def test_every_conversion_is_explained():
    table = [row("rule", "made", "what it says"), "|---|---|---|"]
    table += [row(f"`{r.code}`", wanted, r.text) for (_, wanted), r in CONVERSIONS.items()]
    assert "\n".join(table) + "\n\n" in PAGE


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_versions_are_those_of_the_recorded_answers(dialect):
    versions = json.loads((GOLDEN / f"{dialect}.json").read_text())["versions"]
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{dialect}` |"))
    for package in ("torch", "keras", "scikit-learn", "tensorflow-cpu"):
        if package in versions:
            plain = package.removesuffix("-cpu") + " " + versions[package].split("+")[0]
            assert plain in line
