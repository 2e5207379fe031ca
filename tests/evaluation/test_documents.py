"""The page on the report: its code runs, and it names every figure."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np

from service.evaluation import Calibration, CalibrationBin, ClassReport, Report, WorstRow, evaluate

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")


def test_the_example_gives_the_report_of_all_rows():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    whole = evaluate(
        logits=np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]), labels=np.array([0, 1, 0])
    )
    assert repr(names["report"]) == repr(whole)


def test_every_figure_of_the_report_has_its_heading():
    headed = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    named = {name for heading in headed for name in heading.split(", ")}
    assert {field.name for field in fields(Report)} <= named


def test_every_part_of_a_figure_is_explained():
    for part in (Calibration, CalibrationBin, ClassReport, WorstRow):
        for field in fields(part):
            assert re.search(
                rf"`{field.name}`|^ +{field.name} +=|^    {field.name} =", PAGE, re.MULTILINE
            ), field
