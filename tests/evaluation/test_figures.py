"""The formulas of the report against closed forms and mpmath."""

import math

import mpmath
import numpy as np
import pytest

from service.evaluation.bins import bin_edges, bin_numbers
from service.evaluation.figures import prior_baseline, ratio, skill


def entropy(supports):
    with mpmath.workprec(400):
        total = mpmath.mpf(sum(supports))
        return float(-sum(s / total * mpmath.log(s / total) for s in supports if s))


@pytest.mark.parametrize(
    "supports",
    [
        [1, 1],
        [3, 0, 5],
        [10**9, 1],
        [10**30, 1, 1],
        [1, 10**400],
        [7 << 2000, 3 << 2000, 1 << 2000],
        list(range(1, 500)),
    ],
)
def test_prior_baseline_is_the_entropy(supports):
    assert prior_baseline(supports) == pytest.approx(entropy(supports), rel=4e-16, abs=0)


def test_prior_baseline_of_a_single_class_is_zero():
    assert prior_baseline([0, 12, 0]) == 0


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"),
    [
        (1, 3, 1 / 3),
        (0, 5, 0.0),
        (5, 0, math.inf),
        (10**400, 1, math.inf),
        (10**400, 3 * 10**400, 1 / 3),
        (1, 10**400, 0.0),
    ],
)
def test_ratio_rounds_once_and_saturates(numerator, denominator, value):
    assert ratio(numerator, denominator) == value


def test_zero_over_zero_is_nan():
    assert math.isnan(ratio(0, 0))
    assert math.isnan(skill(0.0, 0.0))


@pytest.mark.parametrize(
    ("loss", "baseline", "value"),
    [(0.0, 2.0, 1.0), (2.0, 2.0, 0.0), (3.0, 2.0, -0.5), (1.0, 0.0, -math.inf)],
)
def test_skill(loss, baseline, value):
    assert skill(loss, baseline) == value


@pytest.mark.parametrize("bins", [1, 2, 10, 15, 1000])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(bins):
    edges = bin_edges(bins)
    assert edges.tolist() == [k / bins for k in range(bins + 1)]
    assert bin_numbers(edges, bins).tolist() == [0, *range(bins)]
    above = np.nextafter(edges[:-1], 1)
    assert bin_numbers(above, bins).tolist() == list(range(bins))
