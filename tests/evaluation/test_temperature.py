"""The temperature: against a fine search, its bounds, and that it never costs."""

import math

import mpmath
import numpy as np
import pytest

from service.classifier import fit_temperature


def drawn(rows=400, classes=4, factor=3.0, seed=2):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 2.0
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits * factor, np.eye(classes)[labels]


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0, 50.0])
def test_the_slope_is_zero_at_the_temperature(factor):
    logits, truth = drawn(rows=60, factor=factor)
    found = fit_temperature(logits, truth)
    with mpmath.workdps(40):
        b, slope, bend = mpmath.mpf(1) / mpmath.mpf(found.temperature), 0, 0
        for row, label in zip(logits.tolist(), truth.argmax(axis=1).tolist(), strict=True):
            weights = [mpmath.exp(b * z) for z in row]
            p = [weight / sum(weights) for weight in weights]
            mean = sum(q * z for q, z in zip(p, row, strict=True))
            slope += mean - row[label]
            bend += sum(q * (z - mean) ** 2 for q, z in zip(p, row, strict=True))
        # The Newton step that is left, relative to b.
        assert abs(slope / bend / b) < 1e-12
    assert found.after <= found.before
    assert not found.bounded


def test_the_log_losses_are_the_means_of_the_losses():
    logits, truth = drawn()
    weights = np.linspace(0.0, 2.0, len(logits))
    found = fit_temperature(logits, truth, weights)
    for temperature, loss in ((1.0, found.before), (found.temperature, found.after)):
        z = logits / temperature
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        expected = -(weights @ (truth * log_p).sum(axis=1)) / weights.sum()
        assert loss == pytest.approx(expected, rel=1e-12)
    repeated = fit_temperature(logits, 2.0 * truth, weights)
    assert repeated.temperature == pytest.approx(found.temperature, rel=1e-12)


def test_logits_that_are_always_right_or_useless_meet_a_bound():
    right = np.array([[2.0, 0.0], [0.0, 3.0]])
    sure = fit_temperature(right, np.eye(2))
    assert sure.bounded
    assert (sure.temperature, sure.after) == (1.0, sure.before)
    assert sure.after <= sure.before
    wrong = fit_temperature(right, np.eye(2)[::-1])
    assert wrong.bounded
    assert wrong.temperature == 2.0**20
    assert wrong.after == pytest.approx(math.log(2), rel=1e-5)


def test_equal_logits_gain_nothing():
    found = fit_temperature(np.zeros((3, 2)), np.eye(2)[[0, 1, 1]])
    assert found.before == found.after == pytest.approx(math.log(2), rel=1e-15)


def test_logits_at_the_ends_of_float64_have_a_temperature():
    z = np.array([[1.7e308, -1.7e308], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [3e307, 0.0]])
    wrong = fit_temperature(z, np.eye(2)[[1, 1, 1, 1, 1]])
    assert (wrong.temperature, wrong.before, wrong.bounded) == (2.0**20, math.inf, True)
    # right wherever it is sure; of the others 2 of 3
    found = fit_temperature(z, np.eye(2)[[0, 1, 1, 1, 0]])
    assert found.temperature == pytest.approx(1 / math.log(2), rel=1e-9)
    assert found.after == pytest.approx((3 * math.log(3) - 2 * math.log(2)) / 5, rel=1e-14)


def test_losses_that_overflow_together_have_a_mean():
    z = np.array([[1e308, 0.0], [1e308, 0.0], [1e308, 0.0]])
    found = fit_temperature(z, np.eye(2)[[1, 1, 1]])
    assert (found.before, found.temperature) == (1e308, 2.0**20)
    assert found.after == pytest.approx(1e308 / 2**20)
