"""An evaluation report as one HTML page that needs no other file."""

from dataclasses import replace
from functools import cache
from importlib.resources import files
from math import isnan
from typing import TYPE_CHECKING

from service import __version__
from service.errors import Missing
from service.evaluation.pictures import words
from service.evaluation.pictures.charts import class_losses, confusion, reliability
from service.evaluation.pictures.definitions import figures, remarks
from service.evaluation.report import ClassReport, Report, SliceReport

if TYPE_CHECKING:
    from jinja2 import Template

# Longer tables are cut to their worst lines, and say so: the page stays below 300 kB.
SHOWN = 40
SHOWN_SLICES = 8


def render(report: Report, title: str) -> str:
    """The page: figures with their definitions, pictures, tables; light, dark or printed.

    Args:
        report: of any size; long tables are cut to their worst lines.
        title: of what was evaluated.

    Returns:
        HTML of at most 300 kB, the same for the same report.

    Raises:
        Missing: matplotlib or Jinja is not installed.
    """
    charts = [reliability(report), confusion(report), class_losses(report)]
    classes = sorted(report.per_class, key=_badness)[:SHOWN]
    columns = sorted((report.slices or {}).items())
    calibration = report.calibration
    filled = tuple(b for b in calibration.bins if b.count)
    return _template().render(
        report=report,
        title=title,
        version=__version__,
        figures=list(figures(report)),
        remarks=remarks(report),
        charts=[chart for chart in charts if chart is not None],
        classes=classes,
        slices=[
            (name, len(values), sorted(values, key=_badness)[:SHOWN_SLICES])
            for name, values in columns
        ],
        calibration=replace(calibration, bins=filled[:SHOWN]),
        filled=len(filled),
        worst=report.worst[:SHOWN],
    )


def _badness(part: ClassReport | SliceReport) -> tuple[bool, float]:
    """Puts the largest loss first, and what has no rows last."""
    return isnan(part.log_loss), -part.log_loss


@cache
def _template() -> "Template":
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError:
        raise Missing.package("pictures", "A page") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": words.number, "name": words.name}
    text = files("service.evaluation.pictures").joinpath("page.html").read_text("utf-8")
    return environment.from_string(text)
