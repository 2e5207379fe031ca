"""Separable data are said to be, and data that overlap are not."""

import numpy as np
import pytest

from service.classifier import Options, fit, load_dataset
from service.classifier import separation as module

FREE = Options(l2=0.0)


def separable(inputs, labels, **rest):
    labels = np.asarray(labels)
    return fit(inputs, labels, classes=int(labels.max()) + 1, options=FREE, **rest).separable


def test_iris_is_separable_and_two_of_its_classes_are_not():
    iris = load_dataset("iris")
    assert separable(iris.inputs, iris.labels) is True
    two = iris.labels > 0
    assert separable(iris.inputs[two], iris.labels[two] - 1) is False


@pytest.mark.parametrize(
    ("inputs", "labels", "expected"),
    [
        ([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1], True),  # completely
        ([0.0, 1.0, 1.0, 2.0], [0, 0, 1, 1], True),  # quasi: a tie at 1
        ([0.0, 2.0, 1.0, 3.0], [0, 0, 1, 1], False),
        ([0.0, 0.0, 0.0, 1.0], [0, 1, 2, 2], True),  # 1 is only ever 2
        ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 5.0], [0, 0, 1, 1, 2, 2, 2], False),
        ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0, 0, 1, 1, 2, 2], False),
        ([1.0, 1.0, 1.0, 1.0], [0, 0, 1, 1], False),  # nothing to separate by
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_small_cases_are_decided(inputs, labels, expected, scale):
    assert separable(np.array(inputs)[:, None] * scale, labels) is expected


def test_most_fits_need_no_linear_program(monkeypatch):
    monkeypatch.setattr(module, "LARGEST_PROGRAM", 0)
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(500, 4)), rng.integers(0, 3, 500)
    assert separable(inputs, labels) is False
    assert separable(np.array([[0.0], [1.0], [2.0]]), [0, 0, 1]) is True
    # A tie needs it, and where it is too large the answer is that it is not known.
    assert separable(np.array([[0.0], [1.0], [1.0], [2.0]]), [0, 0, 1, 1]) is None


def test_counts_that_overlap_are_not_separable():
    found = fit(
        np.array([[0.0], [1.0]]), targets=np.array([[3, 1], [1, 3]]), classes=2, options=FREE
    )
    assert found.separable is False
    apart = fit(
        np.array([[0.0], [1.0]]), targets=np.array([[3, 0], [0, 3]]), classes=2, options=FREE
    )
    assert apart.separable is True
    penalised = fit(np.array([[0.0], [1.0]]), np.array([0, 1]), classes=2)
    assert penalised.separable is False
