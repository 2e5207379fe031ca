"""An evaluation report as one HTML page that needs no other file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from math import isnan
from typing import TYPE_CHECKING

from service import __version__
from service.errors import Missing
from service.evaluation.parts import SliceReport
from service.evaluation.pictures import definitions, words
from service.evaluation.pictures.canvas import Picture
from service.evaluation.pictures.definitions import Figure
from service.evaluation.pictures.gallery import draw
from service.evaluation.report import Report

if TYPE_CHECKING:
    from jinja2 import Template

# Longer tables are cut, and say so: the page stays below 300 kB.
SHOWN = 40
SHOWN_SLICES = 8


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: a question, the figures that answer it, and their pictures.

    Attributes:
        title: of the part.
        question: that it answers.
        figures: with their definitions.
        pictures: each with its table.
    """

    title: str
    question: str
    figures: tuple[Figure, ...]
    pictures: tuple[Picture, ...]


# What matters most comes first.
SECTIONS: tuple[tuple[str, str, Callable[[Report], Iterable[Figure]], tuple[str, ...]], ...] = (
    ("Log loss", "How good are the probabilities, and which rows cost what?",
     definitions.losses, ("losses",)),
    ("Calibration", "Can the probabilities be believed?",
     definitions.calibration, ("reliability",)),
    ("Classes", "Which classes fare badly, and what are they taken for?",
     definitions.decisions, ("class-losses", "confusion")),
    ("Ranking and abstention", "Do probabilities put rows in order, and would answering only the "
     "surer ones help?", definitions.orders, ("roc", "precision-recall", "risk-coverage")),
)  # fmt: skip


def check_installed() -> None:
    """Looks for what `render` needs.

    Raises:
        Missing: matplotlib or Jinja is not installed.
    """
    if any(find_spec(name) is None for name in ("matplotlib", "jinja2")):
        raise Missing.package("pictures", "A page")


def render(report: Report, title: str, notes: Sequence[str] = ()) -> str:
    """The page: figures with their definitions, pictures, tables; light, dark or printed.

    Args:
        report: of any size, with its curves for all pictures; long tables are cut.
        title: of what was evaluated.
        notes: sentences on what the report is not of, as rows that were left out.

    Returns:
        HTML of at most 300 kB, the same for the same report.

    Raises:
        Missing: as `check_installed` does.
    """
    check_installed()
    sections = []
    for heading, question, figures, names in SECTIONS:
        drawn = (draw(report, name) for name in names)
        pictures = tuple(picture for picture in drawn if picture is not None)
        sections.append(Section(heading, question, tuple(figures(report)), pictures))
    return _template().render(
        report=report,
        title=title,
        version=__version__,
        remarks=[*notes, *definitions.remarks(report)],
        sections=sections,
        slices=[
            (name, len(values), sorted(values, key=_badness)[:SHOWN_SLICES])
            for name, values in sorted((report.slices or {}).items())
        ],
        worst=report.worst[:SHOWN],
        shown=SHOWN,
    )


def _badness(part: SliceReport) -> tuple[bool, float]:
    """Puts the largest loss first, and what has no rows last."""
    return isnan(part.log_loss), -part.log_loss


def _cell(value: object) -> str:
    """A cell of a table: words as they are, numbers and ranges in four digits."""
    return value if isinstance(value, str) else words.number(value)  # type: ignore[arg-type]


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": words.number, "name": words.name, "cell": _cell}
    text = files("service.evaluation.pictures").joinpath("page.html").read_text("utf-8")
    return environment.from_string(text)
