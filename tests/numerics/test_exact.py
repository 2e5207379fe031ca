"""Exact sums against fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from service.numerics import ExactSum

LARGEST = np.finfo(np.float64).max


def exact(values, weights=None) -> ExactSum:
    answer = ExactSum()
    answer.add(np.asarray(values), None if weights is None else np.asarray(weights))
    return answer


def draw(seed: int, n: int = 3000, span: int = 1070) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.ldexp(rng.uniform(-1.0, 1.0, n), rng.integers(-span, min(span, 1000), n))


@pytest.mark.parametrize("span", [1, 50, 1070])
def test_sums_and_products_against_fractions(span):
    values, weights = draw(1, span=span), np.abs(draw(2, span=span))
    total = sum(map(Fraction, values.tolist()))
    assert exact(values).value == float(total)
    products = sum(
        Fraction(v) * Fraction(w) for v, w in zip(values.tolist(), weights.tolist(), strict=True)
    )
    norm = sum(map(Fraction, weights.tolist()))
    assert exact(values, weights).ratio(exact(weights)) == float(products / norm)


def test_any_order_and_any_parts_are_the_same_sum():
    values, weights = draw(3), np.abs(draw(4))
    whole = exact(values, weights)
    order = np.random.default_rng(5).permutation(values.size)
    assert exact(values[order], weights[order]) == whole
    parts = ExactSum()
    for start in range(0, values.size, 700):
        part = slice(start, start + 700)
        parts.merge(ExactSum.from_bytes(exact(values[part], weights[part]).to_bytes()))
    assert parts == whole
    assert parts.to_bytes() == whole.to_bytes()
    assert whole != exact(values)


def test_a_mean_survives_an_overflow_on_the_way():
    total = exact([LARGEST, LARGEST, LARGEST], [3.0, 1.0, 2.0])
    assert total.value == math.inf
    assert total.ratio(exact([3.0, 1.0, 2.0])) == LARGEST
    assert exact([-LARGEST, -LARGEST]).value == -math.inf
    assert exact([LARGEST, LARGEST, -LARGEST]).value == LARGEST


def test_the_smallest_products_count():
    tiny = exact([5e-324] * 3, [5e-324] * 3)
    assert tiny.value == 0.0
    assert tiny.ratio(exact([5e-324], [5e-324])) == 3.0
    assert exact([1e308, 1e-308, -1e308]).value == 1e-308
    assert exact([0.1] * 10).value == float(10 * Fraction(0.1))


def test_infinities_are_counted():
    assert exact([1.0, math.inf]).value == math.inf
    assert exact([1.0, math.inf], [2.0, 0.0]).value == 2.0
    assert exact([1.0, math.inf], [2.0, 1e-300]).ratio(exact([1.0])) == math.inf
    merged = exact([1.0])
    merged.merge(exact([math.inf]))
    assert merged == exact([math.inf, 1.0])
    assert merged != exact([1.0])
    assert "inf" in repr(merged)


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        ([math.nan], None),
        ([-math.inf], None),
        ([math.inf, -math.inf], None),
        ([1e308, math.nan, 5e-324], None),  # the slow path
        ([1.0, math.nan], [1.0, 0.0]),
        ([1.0, 2.0], [1.0, math.nan]),
        ([1.0, 2.0], [1.0, math.inf]),
        ([math.inf], [-1.0]),
        ([math.inf], [math.nan]),
        ([math.inf], [math.inf]),
        ([1.0] * 20_000 + [math.nan], None),  # not even its first parts are added
    ],
)
def test_what_has_no_place_in_a_sum_is_refused_and_changes_nothing(values, weights):
    total = exact([2.0, math.inf])
    with pytest.raises(ValueError, match="not -inf or NaN"):
        total.add(np.array(values), None if weights is None else np.array(weights))
    assert total == exact([2.0, math.inf])


def test_weights_are_not_spread_over_values():
    total = ExactSum()
    for weights in (np.ones(1), np.ones((3, 1)), np.ones(4)):
        with pytest.raises(ValueError, match="weights of shape"):
            total.add(np.ones(3), weights)
    assert total == ExactSum()


def test_empty_sums_and_zero_denominators():
    assert exact([]).value == 0.0
    assert math.isnan(exact([]).ratio(exact([])))
    assert exact([1.0]).ratio(exact([])) == math.inf
    assert exact([-1.0]).ratio(exact([])) == -math.inf
    assert exact([1e308]).ratio(exact([1e-308])) == math.inf


@pytest.mark.parametrize("data", [b"", b"1234567", b"12345678", bytes(8) + b"\x01\x00"])
def test_bytes_that_are_no_sum(data):
    with pytest.raises(ValueError, match="not an exact sum"):
        ExactSum.from_bytes(data)


def test_a_sum_is_no_key():
    assert exact([1.0]) != 1.0
    with pytest.raises(TypeError, match="unhashable"):
        hash(exact([1.0]))
