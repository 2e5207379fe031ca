"""Digits of the optimum that do not depend on where they were computed."""

import mpmath
import numpy as np
import pytest

from service.classifier import Options, fit, load_dataset
from service.classifier.objective import Objective
from service.classifier.refine import refine


def start(objective, found, noise=0.0):
    parameters = np.column_stack([found.coefficients, found.intercepts])
    rng = np.random.default_rng(1)
    return parameters * (1.0 + noise * rng.normal(size=parameters.shape))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_result_is_the_optimum_to_the_last_digit(classes):
    # A saturated model: the optimum is the logarithms of the counts.
    counts = [[20, 5, 3], [4, 12, 9]]
    inputs = np.repeat([[0.0], [1.0]], classes, axis=0)
    labels = np.tile(np.arange(classes), 2)
    weights = np.array([row[:classes] for row in counts], dtype=float).ravel()
    found = fit(inputs, labels, classes=classes, sample_weights=weights, options=Options(l2=0.0))
    objective = Objective(inputs, labels, weights, classes, 0.0)
    stored, norm = refine(objective, start(objective, found, noise=1e-9), 12)
    with mpmath.workdps(40):
        logs = [[mpmath.log(n) for n in row[:classes]] for row in counts]
        base = [row[0] if classes == 2 else sum(row) / classes for row in logs]
        rows = range(1, 2) if classes == 2 else range(classes)
        for k in rows:
            intercept = logs[0][k] - base[0]
            slope = logs[1][k] - base[1] - intercept
            expected = [float(mpmath.nstr(value, 12)) for value in (slope, intercept)]
            assert stored[k - rows[0]].tolist() == expected
    assert norm < 1e-11


def test_the_start_leaves_no_trace():
    iris = load_dataset("iris")
    found = fit(iris.inputs, iris.labels, classes=3, options=Options(l2=0.1))
    objective = Objective(iris.inputs, iris.labels, np.ones(150), 3, 0.1)
    one, _ = refine(objective, start(objective, found), 15)
    other, _ = refine(objective, start(objective, found, noise=1e-7), 15)
    assert one.tobytes() == other.tobytes()
    assert not np.signbit(one[one == 0.0]).any()
