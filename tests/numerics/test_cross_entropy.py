"""Losses and gradients against closed forms, mpmath and each other."""

import math
import subprocess
import sys
import tracemalloc

import mpmath
import numpy as np
import pytest

from service.numerics import cross_entropy, log_softmax, soft_cross_entropy, softmax
from service.numerics.cross_entropy import SHRINK

ONE = np.ones(1)
SHAPES = [(7, 1), (2000, 2), (500, 3), (300, 10), (40, 64), (40, 65), (9, 1001)]


@pytest.fixture(autouse=True, params=["numpy", "compiled"])
def arithmetic(request, computing):
    computing(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_a_confident_prediction_has_a_loss_and_a_gradient():
    loss, gradient = cross_entropy(np.array([[0.0, -40.0]]), np.array([0]), scale=ONE)
    assert loss[0] == 4.248354255291589e-18
    assert gradient.tolist() == [[-4.248354255291589e-18, 4.248354255291589e-18]]


@pytest.mark.parametrize("k", [1, 2, 4, 8, 1024])
@pytest.mark.parametrize("offset", [0.0, 1e8, -700.0])
def test_the_uniform_loss_in_bits_is_exact(k, offset):
    logits = np.full((3, k), offset)
    labels = np.array([0, k - 1, k // 2])
    assert cross_entropy(logits, labels, bits=True)[0].tolist() == [math.log2(k)] * 3
    targets = np.full((3, k), 1.0 / k)
    assert soft_cross_entropy(logits, targets, bits=True)[0].tolist() == [math.log2(k)] * 3


@pytest.mark.parametrize("margin", [1.0, 40.0, 300.0, 600.0])
def test_loss_against_the_textbook_at_2500_bits(margin):
    logits = np.array([[0.3, margin, -1.7]])
    with mpmath.workprec(2500):
        z = [mpmath.mpf(x) for x in logits[0].tolist()]
        total = mpmath.fsum(mpmath.exp(x) for x in z)
        for label in range(3):
            exact = -mpmath.log(mpmath.exp(z[label]) / total)
            loss = cross_entropy(logits, np.array([label]))[0][0]
            assert abs(loss - exact) <= 4 * np.spacing(float(exact))


@pytest.mark.parametrize("largest", [1e308, 1.7e308])
def test_differences_beyond_float64(largest):
    logits = np.array([[largest, -largest], [-largest, largest]])
    loss, gradient = cross_entropy(logits, np.array([1, 1]), scale=np.ones(2))
    assert loss.tolist() == [math.inf, 0.0]
    assert gradient.tolist() == [[1.0, -1.0], [0.0, 0.0]]
    assert softmax(logits).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert log_softmax(logits).tolist() == [[0.0, -math.inf], [-math.inf, 0.0]]
    loss, _ = cross_entropy(logits, np.array([1, 1]), temperature=largest)
    assert loss == pytest.approx([math.log1p(math.exp(2)), math.log1p(math.exp(-2))], rel=1e-15)


def test_a_difference_within_float64_whose_remainder_is_not():
    logits = np.array([[float.fromhex("0x1.0e4f709fd647bp+1022"), np.finfo(np.float64).max]])
    temperature = float.fromhex("0x1.b577a25c44697p+1014")
    with mpmath.workprec(200):
        low, high = (mpmath.mpf(z) for z in logits[0].tolist())
        exact = mpmath.exp((low - high) / mpmath.mpf(temperature))
    assert softmax(logits, temperature)[0].tolist() == pytest.approx([float(exact), 1.0], rel=1e-15)


def test_a_coefficient_brings_an_overflowing_distance_back():
    logits, targets = np.array([[1.5e308, -1.5e308]]), np.array([[0.75, 0.25]])
    assert soft_cross_entropy(logits, targets)[0][0] == 0.75e308
    assert math.frexp(SHRINK)[0] == 0.5


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-3, 0.7, 1.0, 3.0, 1e308])
def test_extreme_temperatures_give_numbers(temperature):
    logits = np.array([[0.0, temperature, -np.inf], [1.0, 1.0, 1.0], [1e308, -1e308, 5e-324]])
    loss, gradient = cross_entropy(
        logits, np.array([1, 2, 0]), temperature=temperature, scale=np.full(3, 1e-3)
    )
    assert loss[0] == pytest.approx(math.log1p(math.exp(-1)), rel=1e-15)
    assert loss[1] == pytest.approx(math.log(3), rel=1e-15)
    assert not np.isnan(loss).any()
    assert not np.isnan(gradient).any()


def test_an_impossible_label():
    logits = np.array([[0.0, -np.inf, 0.0]])
    loss, gradient = cross_entropy(logits, np.array([1]), scale=ONE)
    assert loss[0] == math.inf
    assert gradient.tolist() == [[0.5, -1.0, 0.5]]
    loss, gradient = soft_cross_entropy(logits, np.array([[1.0, 0.0, 0.0]]), scale=ONE)
    assert loss[0] == pytest.approx(math.log(2), rel=1e-15)
    assert gradient.tolist() == [[-0.5, 0.0, 0.5]]


def test_no_rows_and_one_class():
    loss, gradient = cross_entropy(np.empty((0, 3)), np.empty(0, int), scale=np.empty(0))
    assert loss.shape == (0,)
    assert gradient.shape == (0, 3)
    loss, gradient = soft_cross_entropy(np.empty((0, 3)), np.empty((0, 3)), scale=np.empty(0))
    assert loss.shape == (0,)
    assert gradient.shape == (0, 3)
    loss, gradient = cross_entropy(np.array([[-800.0]]), np.array([0]), scale=ONE)
    assert (loss.tolist(), gradient.tolist()) == ([0.0], [[0.0]])


def test_the_largest_number_of_classes(rng):
    logits = rng.standard_normal((2, 131072))
    loss, gradient = cross_entropy(logits, np.array([5, 131071]), scale=np.ones(2))
    exact = [
        math.log(math.fsum(np.exp(z - z[y]))) for z, y in zip(logits, [5, 131071], strict=True)
    ]
    assert loss == pytest.approx(exact, rel=1e-14)
    assert abs(math.fsum(gradient[0])) < 1e-15


@pytest.mark.parametrize(("n", "k"), SHAPES)
@pytest.mark.parametrize("spread", [1.0, 40.0, 400.0])
def test_a_row_does_not_depend_on_its_batch(rng, n, k, spread):
    logits = spread * rng.standard_normal((n, k))
    labels, scale = rng.integers(0, k, n), rng.random(n)
    targets = rng.dirichlet(np.ones(k), n)
    order = rng.permutation(n)
    loss, gradient = cross_entropy(logits, labels, scale=scale)
    again = cross_entropy(logits[order], labels[order], scale=scale[order])
    assert np.array_equal(again[0], loss[order])
    assert np.array_equal(again[1], gradient[order])
    soft, slope = soft_cross_entropy(logits, targets, scale=scale)
    for part in (slice(3, 4), slice(2, 4), slice(0, 3)):
        hard = cross_entropy(logits[part], labels[part], scale=scale[part])
        assert np.array_equal(hard[0], loss[part])
        assert np.array_equal(hard[1], gradient[part])
        some = soft_cross_entropy(logits[part], targets[part], scale=scale[part])
        assert np.array_equal(some[0], soft[part])
        assert np.array_equal(some[1], slope[part])
        assert np.array_equal(log_softmax(logits[part]), log_softmax(logits)[part])
    assert np.array_equal(softmax(logits[order]), softmax(logits)[order])


@pytest.mark.parametrize("k", [2, 300])
def test_threads_change_no_bit(rng, k):
    n = 1_200_000 // k
    logits, labels, scale = rng.standard_normal((n, k)), rng.integers(0, k, n), rng.random(n)
    one = cross_entropy(logits, labels, scale=scale)
    three = cross_entropy(logits, labels, scale=scale, threads=3)
    assert np.array_equal(one[0], three[0])
    assert np.array_equal(one[1], three[1])
    assert np.array_equal(softmax(logits), softmax(logits, threads=2))


FORKED = """
import os, signal
import numpy as np
from service.numerics import softmax
logits = np.zeros((200_000, 2))
softmax(logits, threads=2)
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if (softmax(logits, threads=2) == 0.5).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_threads_of_its_own():
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize(("n", "k"), SHAPES)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_one_hot_targets_equal_labels(rng, n, k, temperature):
    logits = 60.0 * rng.standard_normal((n, k))
    labels, scale = rng.integers(0, k, n), rng.random(n)
    hard = cross_entropy(logits, labels, temperature=temperature, scale=scale)
    soft = soft_cross_entropy(logits, np.eye(k)[labels], temperature=temperature, scale=scale)
    np.testing.assert_allclose(soft[0], hard[0], rtol=2e-15)
    np.testing.assert_allclose(soft[1], hard[1], rtol=4e-15, atol=1e-320)


@pytest.mark.parametrize(("n", "k"), SHAPES)
def test_shifts_permutations_and_sums(rng, n, k):
    logits = np.round(rng.standard_normal((n, k)) * 64.0) / 16.0  # exact under the shift
    labels, scale = rng.integers(0, k, n), rng.random(n)
    loss, gradient = cross_entropy(logits, labels, scale=scale)
    for shift in (2.0**20, -(2.0**20)):
        moved, slope = cross_entropy(logits + shift, labels, scale=scale)
        np.testing.assert_allclose(moved, loss, rtol=2e-15)
        np.testing.assert_allclose(slope, gradient, rtol=3e-15)
    order = rng.permutation(k)
    permuted, slope = cross_entropy(logits[:, order], np.argsort(order)[labels], scale=scale)
    np.testing.assert_allclose(permuted, loss, rtol=2e-15)
    np.testing.assert_allclose(slope, gradient[:, order], rtol=3e-15)
    sums = np.array([math.fsum(row) for row in gradient])
    assert (np.abs(sums) <= 2e-15 * np.abs(gradient).max(axis=1)).all()


def test_gradient_is_the_complex_step_derivative(rng):
    logits, targets = rng.standard_normal((20, 5)), rng.dirichlet(np.ones(5), 20)
    _, gradient = soft_cross_entropy(logits, targets, temperature=1.3, scale=np.ones(20))
    for j in range(5):
        z = logits.astype(complex)
        z[:, j] += 1e-30j
        z /= 1.3
        loss = (targets * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z)).sum(axis=1)
        np.testing.assert_allclose(gradient[:, j], loss.imag / 1e-30, rtol=1e-13, atol=1e-15)


def test_float32_logits_are_computed_in_float64(rng):
    logits = (30.0 * rng.standard_normal((300, 10))).astype(np.float32)
    labels, scale = rng.integers(0, 10, 300), np.ones(300)
    wide = cross_entropy(logits.astype(np.float64), labels, scale=scale)
    narrow = cross_entropy(logits, labels, scale=scale)
    assert np.array_equal(narrow[0], wide[0])
    assert np.array_equal(narrow[1], wide[1])
    rounded = cross_entropy(logits, labels, scale=scale, dtype=np.float32)
    assert np.array_equal(rounded[1], wide[1].astype(np.float32))
    assert np.array_equal(softmax(logits), softmax(logits.astype(np.float64)))


@pytest.mark.parametrize("exponent", [-1000, -500, 500, 1000])
def test_extreme_scales_keep_the_digits(rng, exponent):
    logits, labels = rng.standard_normal((30, 4)), rng.integers(0, 4, 30)
    targets, scale = rng.dirichlet(np.ones(4), 30), 2.0**exponent
    for function, truth in ((cross_entropy, labels), (soft_cross_entropy, targets)):
        plain = function(logits, truth, scale=np.ones(30))[1]
        scaled = function(logits, truth, scale=np.full(30, scale))[1]
        assert np.array_equal(scaled, plain * scale)
    heavy = soft_cross_entropy(logits, targets * 1e300, scale=np.full(30, 1e-300))[1]
    np.testing.assert_allclose(
        heavy, soft_cross_entropy(logits, targets, scale=np.ones(30))[1], rtol=1e-13, atol=1e-16
    )


def test_the_state_of_numpy_and_the_input_are_left_alone(rng):
    before = np.geterr()
    logits = np.array([[1e308, -1e308, -np.inf], [1.0, 2.0, 3.0]])
    copy = logits.copy()
    cross_entropy(logits, np.array([0, 1]), temperature=0.3, scale=np.ones(2))
    soft_cross_entropy(logits, np.full((2, 3), 0.5), scale=np.ones(2))
    assert np.geterr() == before
    assert np.array_equal(logits, copy)


@pytest.mark.parametrize("k", [2, 500])
@pytest.mark.parametrize("n", [1_000_000, 4_000_000])
@pytest.mark.parametrize(("dtype", "threads"), [("float64", 1), ("float32", 1), ("float32", 2)])
def test_memory_beyond_the_answer_is_a_few_blocks(rng, k, n, dtype, threads):
    logits = np.resize(rng.standard_normal(10_007).astype(dtype), (n // k, k))
    labels, scale = np.zeros(n // k, int), np.ones(n // k)
    tracemalloc.start()
    answer = cross_entropy(logits, labels, scale=scale, threads=threads, dtype=dtype)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - sum(a.nbytes for a in answer) < threads * 16 * 2**20


def test_the_buffer_of_numpy_is_left_alone(rng):
    before = np.getbufsize()
    cross_entropy(rng.standard_normal((9, 100)), np.zeros(9, int), scale=np.ones(9))
    assert np.getbufsize() == before
