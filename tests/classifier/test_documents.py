"""The page on training: its code runs, and it names every option and every figure."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from service.classifier import Calibration, Fit, Inference, Options, fit, load_dataset
from service.classifier.options import SOLVERS
from service.classifier.parts import Part

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")


def test_the_examples_run_and_print_what_is_known(capsys):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["('setosa',)", "[ 0.6514 -1.4001] [0.3337 0.2632]", "3.94 0.0473"]
    iris = load_dataset("iris")
    best = fit(iris.inputs, iris.labels, classes=3)
    agree = (iris.inputs @ names["coefficients"].T + names["intercepts"]).argmax(axis=1)
    assert (
        agree == (iris.inputs @ best.coefficients.T + best.intercepts).argmax(axis=1)
    ).mean() > 0.9
    assert np.isfinite(names["descent"].average).all()


@pytest.mark.parametrize("described", [Options, Fit, Part, Calibration, Inference])
def test_every_option_and_every_figure_is_named(described):
    missing = [field.name for field in fields(described) if f"`{field.name}`" not in PAGE]
    assert missing in ([], ["reference"])  # the index of `reference_class`


def test_every_solver_is_explained():
    assert all(f"`{solver}`" in PAGE or f'`"{solver}"`' in PAGE for solver in SOLVERS)
