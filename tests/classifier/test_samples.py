"""The rows of a fit at the door: what is too large to be squared and summed is refused by name."""

import numpy as np
import pytest

from service.classifier import Options, train
from service.errors import Code, InvalidInput

LABELS = np.array(["a", "b", "a"])


@pytest.mark.parametrize("value", [1e76, -1e308])
def test_a_feature_beyond_training_is_named(value):
    with pytest.raises(InvalidInput) as caught:
        train(np.array([[1.0, 2.0], [3.0, value], [5.0, 6.0]]), LABELS)
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.code) == ("/inputs/1/1", Code.INFINITE_VALUE)


def test_a_weight_beyond_training_is_named():
    with pytest.raises(InvalidInput) as caught:
        train(np.array([[1.0], [3.0], [5.0]]), LABELS, sample_weights=np.array([1.0, 1.0, 1e308]))
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.code) == ("/sample_weights/2", Code.WEIGHT_OVERFLOW)


@pytest.mark.parametrize("scale", [1e-170, 1e-9, 1.0, 5e5, 1e70])
def test_a_standardised_fit_does_not_depend_on_the_unit_of_a_feature(scale):
    steps, labels = np.arange(6.0)[:, None], np.array(list("aaabbb"))
    options = Options(standardize=True)
    one = train(steps, labels, options=options).parts["train"].log_loss
    other = train(steps * scale, labels, options=options).parts["train"].log_loss
    assert other == pytest.approx(one, rel=1e-12)


def test_a_feature_far_from_0_that_varies_is_not_taken_for_a_constant():
    """Nanoseconds since 1970, whose steps are known to 256 ns."""
    steps, labels = np.arange(6.0)[:, None] * 5e5, np.array(list("aaabbb"))
    options = Options(standardize=True)
    one = train(steps, labels, options=options).parts["train"].log_loss
    other = train(steps + 1.7e18, labels, options=options).parts["train"].log_loss
    assert other == pytest.approx(one, rel=1e-3)
