"""Entropies and divergences against closed forms; the accuracy program measures their digits."""

import math

import mpmath
import numpy as np
import pytest

from service.numerics import (
    as_pair,
    entropy_from_logs,
    expm1_minus,
    jensen_shannon,
    kullback_leibler,
)

IMPOSSIBLE = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])


@pytest.fixture
def pair():
    rng = np.random.default_rng(5)
    return rng.dirichlet(np.ones(6), 50), rng.dirichlet(np.ones(6), 50)


def test_disjoint_and_equal_rows():
    p, q = IMPOSSIBLE
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    assert kullback_leibler(p, as_pair(q)).tolist() == [math.inf, 0.0]
    assert jensen_shannon(p, as_pair(q)).tolist() == [math.log(2), 0.0]
    assert entropy_from_logs(log_p).tolist() == [0.0, math.log(2)]


@pytest.mark.parametrize("digit", [3, 6, 9, 12, 15])
def test_ten_digits_of_nearly_equal_rows(pair, digit):
    p = pair[0]
    q = p * (1.0 + np.random.default_rng(6).uniform(-1.0, 1.0, p.shape) * 10.0**-digit)
    divergence = kullback_leibler(p, as_pair(q))
    assert (divergence >= 0.0).all()
    with mpmath.workprec(300):
        for row, a, b in zip(divergence, p.tolist(), q.tolist(), strict=True):
            terms = [(mpmath.mpf(x), mpmath.mpf(y)) for x, y in zip(a, b, strict=True)]
            exact = mpmath.fsum(x * mpmath.log(x / y) - x + y for x, y in terms)
            assert abs(row - exact) <= 1e-15 * exact


def test_entropy_of_logs_is_that_of_their_probabilities(pair):
    p = pair[0]
    np.testing.assert_allclose(entropy_from_logs(np.log(p)), -(p * np.log(p)).sum(1), rtol=1e-14)


def test_series_meet_their_neighbours():
    x = around(-1.0, 0.0, 1.0, 5e-324, -1e-200)
    with mpmath.workprec(2500):
        exact = [float(mpmath.expm1(mpmath.mpf(v)) - mpmath.mpf(v)) for v in x.tolist()]
    np.testing.assert_allclose(expm1_minus(x), exact, rtol=1e-15)
    p, ratios = 0.3, around(0.5, 1.0, 2.0)
    with mpmath.workprec(2500):
        pairs = [(mpmath.mpf(p), mpmath.mpf(p * r)) for r in ratios.tolist()]
        exact = [float(a * mpmath.log(a / b) - a + b) for a, b in pairs]
    found = kullback_leibler(np.full((ratios.size, 1), p), as_pair(p * ratios[:, None]))
    np.testing.assert_allclose(found, exact, rtol=6e-16)


@pytest.mark.parametrize("low", [0.1, 0.4, 0.55, 0.9])
def test_terms_far_from_equal_are_rounded_two_or_three_times(low):
    rng = np.random.default_rng(3)
    p = rng.random((2000, 1))
    q = p * np.where(rng.random(p.shape) < 0.5, low, 1.0 / low) * (1.0 + 0.1 * rng.random(p.shape))
    found = kullback_leibler(p, as_pair(q))
    for value, a, b in zip(found.tolist(), p[:, 0].tolist(), q[:, 0].tolist(), strict=True):
        with mpmath.workprec(200):
            x, y = mpmath.mpf(a), mpmath.mpf(b)
            exact = x * mpmath.log(x / y) - x + y
            assert abs(value - exact) <= 3.3 * np.spacing(float(exact))


def around(*edges: float) -> np.ndarray:
    """The edges and the numbers next to them."""
    x = np.array(edges)
    return np.concatenate([np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)])


def test_a_large_term_does_not_cost_the_digits_of_many_small_ones():
    truth, uniform = np.eye(1, 1000), np.full((1, 1000), 1e-3)
    with mpmath.workprec(200):
        share = mpmath.mpf(1e-3)
        exact = -mpmath.log(share) - 1 + 1000 * share
    assert abs(kullback_leibler(truth, as_pair(uniform))[0] - float(exact)) <= np.spacing(
        float(exact)
    )
