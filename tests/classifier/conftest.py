"""A model small enough to be worked by hand."""

import numpy as np
import pytest

from service.classifier import Model


@pytest.fixture
def model():
    return Model(
        name="small",
        version=3,
        classes=("a", "b", "c"),
        feature_names=("height", "width"),
        coefficients=np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]),
        intercepts=np.array([0.0, 0.25, -0.5]),
        metadata={"data": {"licence": "CC0-1.0"}},
    )


@pytest.fixture
def binary():
    return Model(
        name="binary",
        version=1,
        classes=(0, 1),
        feature_names=("x",),
        coefficients=np.array([[2.0]]),
        intercepts=np.array([-1.0]),
    )
