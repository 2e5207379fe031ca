"""The sigmoid family against closed forms; the accuracy program measures its digits."""

import math

import numpy as np
import pytest

from service.numerics import binary_cross_entropy, log1mexp, log_sigmoid, sigmoid, softplus


def test_ends_of_the_line():
    x = np.array([-np.inf, -800.0, 0.0, 800.0, np.inf])
    assert sigmoid(x).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert softplus(x).tolist() == [0.0, 0.0, math.log(2), 800.0, math.inf]
    assert log_sigmoid(x).tolist() == [-math.inf, -800.0, -math.log(2), 0.0, 0.0]
    assert not np.signbit(log_sigmoid(x)[4])
    assert log1mexp(np.array([0.0, -np.inf, -1e-300])).tolist() == [
        -math.inf,
        0.0,
        math.log(1e-300),
    ]


def test_loss_and_gradient_by_hand():
    logits = np.array([[40.0, -40.0], [0.0, 1.5]])
    targets = np.array([[1.0, 0.0], [1.0, 0.25]])
    loss, gradient = binary_cross_entropy(logits, targets, scale=np.ones((2, 2)))
    assert loss[0].tolist() == [4.248354255291589e-18] * 2
    assert gradient[0].tolist() == [-4.248354255291589e-18, 4.248354255291589e-18]
    assert (loss[1, 0], gradient[1, 0]) == (math.log(2), -0.5)
    p = 1 / (1 + math.exp(-1.5))
    assert loss[1, 1] == pytest.approx(-0.25 * math.log(p) - 0.75 * math.log(1 - p), rel=1e-15)
    assert gradient[1, 1] == pytest.approx(p - 0.25, rel=1e-15)


def test_infinite_logits():
    logits = np.array([np.inf, -np.inf, np.inf, -np.inf])
    targets = np.array([1.0, 0.0, 0.0, 1.0])
    loss, gradient = binary_cross_entropy(logits, targets, scale=np.ones(4))
    assert loss.tolist() == [0.0, 0.0, math.inf, math.inf]
    assert gradient.tolist() == [0.0, 0.0, 1.0, -1.0]


def test_a_target_brings_an_overflowing_loss_back():
    logits, targets = np.array([-1.7e308]), np.array([0.25])
    assert binary_cross_entropy(logits, targets, bits=True)[0][0] == pytest.approx(
        0.25 * 1.7e308 / math.log(2), rel=1e-15
    )


def test_positive_weight_and_bits():
    logits, targets = np.array([0.0, 2.0, -3.0]), np.array([0.0, 1.0, 0.5])
    nats, slope = binary_cross_entropy(logits, targets, positive_weight=3.0, scale=np.ones(3))
    bits, steep = binary_cross_entropy(
        logits, targets, positive_weight=3.0, scale=np.ones(3), bits=True
    )
    assert bits[0] == 1.0
    np.testing.assert_allclose(bits, nats / math.log(2), rtol=1e-15)
    np.testing.assert_allclose(steep, slope / math.log(2), rtol=1e-15)
    one = binary_cross_entropy(logits, targets)[0]
    assert nats[1] == pytest.approx(3 * one[1], rel=1e-15)
    assert nats[0] == one[0]


def test_any_shape_and_threads():
    rng = np.random.default_rng(3)
    logits, targets = rng.standard_normal((3, 100, 1000)), rng.random((3, 100, 1000))
    scale = rng.random(logits.shape)
    one = binary_cross_entropy(logits, targets, scale=scale)
    two = binary_cross_entropy(logits, targets, scale=scale, threads=2)
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])
    view = binary_cross_entropy(logits[:, ::2], targets[:, ::2], scale=scale[:, ::2])
    assert np.array_equal(view[0], one[0][:, ::2])
    assert np.array_equal(view[1], one[1][:, ::2])
    assert binary_cross_entropy(np.float64(0.0), np.float64(1.0))[0].shape == ()
    assert binary_cross_entropy(np.empty((0, 2)), np.empty((0, 2)))[0].shape == (0, 2)
