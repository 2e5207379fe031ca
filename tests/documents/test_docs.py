"""The page on cross-entropy runs, what it says of other libraries is so, and the index is whole."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "cross-entropy.md"
TEXT = PAGE.read_text("utf-8")
COUNTERPART = re.compile(r"^\| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", re.MULTILINE)


def test_example(example: Any, check: Callable[[Any], None]) -> None:
    check(example)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")  # what other libraries deprecate is not ours to fail for
def test_other_libraries_answer_what_the_page_says(fenced: Callable[[Path], list[Any]]) -> None:
    names: dict[str, Any] = {}
    exec(next(block.text for block in fenced(PAGE) if "import torch" in block.text), names)
    wrong = []
    for library, call, shown in COUNTERPART.findall(TEXT):
        values = np.atleast_1d(np.squeeze(np.asarray(eval(call, names), dtype=float)))
        agree = len(values) == len(shown.split(", ")) and all(
            rounds_to(float(value), text)
            for value, text in zip(values, shown.split(", "), strict=True)
        )
        if not agree:
            wrong.append(f"{library}: {call} gives {values}, not {shown}")
    assert wrong == []


def rounds_to(value: float, text: str) -> bool:
    """Whether a value, rounded to the digits of a text, is what the text says."""
    mantissa, _, exponent = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - digits)
    return math.isclose(value, float(text), rel_tol=1e-7, abs_tol=unit / 2 if digits else 0.0)


def test_every_section_with_a_call_has_its_counterparts() -> None:
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", TEXT, re.MULTILINE))
    for name in ("Sigmoid", "Softmax", "Binary cross-entropy", "Categorical cross-entropy"):
        libraries = " ".join(library for library, _, _ in COUNTERPART.findall(sections[name]))
        for library in ("PyTorch", "Keras", "scikit-learn"):
            assert library in libraries, f"{name} does not name {library}"


def test_every_link_to_a_section_finds_its_heading() -> None:
    pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    links = [
        ((page.parent / target).resolve() if target else page, anchor)
        for page in pages
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8"))
    ]
    assert links
    for target, anchor in links:
        headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
        anchors = [
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
        ]
        assert anchor in anchors, f"{target.name}#{anchor}"


def test_the_index_names_every_page_and_every_decision() -> None:
    linked = set(re.findall(r"\]\(([^)#:]+)\)", (DOCS / "README.md").read_text("utf-8")))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"README.md"}
    assert pages <= linked
