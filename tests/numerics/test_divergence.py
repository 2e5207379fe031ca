"""Entropies and divergences against closed forms; the accuracy program measures their digits."""

import math

import mpmath
import numpy as np
import pytest

from service.numerics import (
    entropy,
    entropy_from_logs,
    expm1_minus,
    jensen_shannon,
    jensen_shannon_from_logs,
    kullback_leibler,
    kullback_leibler_from_logs,
    log1p_minus,
)

IMPOSSIBLE = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])


@pytest.fixture
def pair():
    rng = np.random.default_rng(5)
    return rng.dirichlet(np.ones(6), 50), rng.dirichlet(np.ones(6), 50)


def test_disjoint_and_equal_rows():
    p, q = IMPOSSIBLE
    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    assert kullback_leibler(p, q).tolist() == [math.inf, 0.0]
    assert kullback_leibler_from_logs(log_p, log_q).tolist() == [math.inf, 0.0]
    assert jensen_shannon(p, q).tolist() == [math.log(2), 0.0]
    assert jensen_shannon_from_logs(log_p, log_q).tolist() == [math.log(2), 0.0]
    assert entropy(p).tolist() == [0.0, math.log(2)]
    assert entropy_from_logs(log_p).tolist() == [0.0, math.log(2)]


@pytest.mark.parametrize("digit", [3, 6, 9, 12, 15])
def test_ten_digits_of_nearly_equal_rows(pair, digit):
    p = pair[0]
    q = p * (1.0 + np.random.default_rng(6).uniform(-1.0, 1.0, p.shape) * 10.0**-digit)
    divergence = kullback_leibler(p, q)
    assert (divergence >= 0.0).all()
    with mpmath.workprec(300):
        for row, a, b in zip(divergence, p.tolist(), q.tolist(), strict=True):
            terms = [(mpmath.mpf(x), mpmath.mpf(y)) for x, y in zip(a, b, strict=True)]
            exact = mpmath.fsum(x * mpmath.log(x / y) - x + y for x, y in terms)
            assert abs(row - exact) <= 1e-15 * exact


def test_logs_and_probabilities_agree(pair):
    p, q = pair
    log_p, log_q = np.log(p), np.log(q)
    np.testing.assert_allclose(entropy_from_logs(log_p), entropy(p), rtol=1e-14)
    np.testing.assert_allclose(
        kullback_leibler_from_logs(log_p, log_q), kullback_leibler(p, q), rtol=1e-12
    )
    np.testing.assert_allclose(
        jensen_shannon_from_logs(log_p, log_q), jensen_shannon(p, q), rtol=1e-12
    )


def test_logs_keep_what_probabilities_cannot_hold():
    log_p = np.array([[-1e-3, -7.0]])
    log_q = log_p + np.array([[1e-12, 3e-12]])
    with mpmath.workprec(300):
        rows = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(log_p[0], log_q[0], strict=True)]
        exact = mpmath.fsum(
            mpmath.exp(a) * (a - b) - mpmath.exp(a) + mpmath.exp(b) for a, b in rows
        )
        assert abs(kullback_leibler_from_logs(log_p, log_q)[0] - exact) <= 1e-15 * exact


def test_series_meet_their_neighbours():
    edges = np.array([-1.0, -0.5, 0.0, 1.0, 5e-324, -1e-200])
    x = np.concatenate([np.nextafter(edges, -1.0)[1:], edges, np.nextafter(edges, 2.0)])
    for function, plain in ((log1p_minus, mpmath.log1p), (expm1_minus, mpmath.expm1)):
        with mpmath.workprec(2500):
            exact = [
                plain(mpmath.mpf(v)) - mpmath.mpf(v)
                if v > -1 or plain is mpmath.expm1
                else -mpmath.inf
                for v in x.tolist()
            ]
        np.testing.assert_allclose(function(x), [float(v) for v in exact], rtol=1e-15)


def test_a_large_term_does_not_cost_the_digits_of_many_small_ones():
    truth, uniform = np.eye(1, 1000), np.full((1, 1000), 1e-3)
    with mpmath.workprec(200):
        share = mpmath.mpf(1e-3)
        exact = -mpmath.log(share) - 1 + 1000 * share
    assert abs(kullback_leibler(truth, uniform)[0] - float(exact)) <= np.spacing(float(exact))
