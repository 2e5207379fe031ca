"""Exact sums against Python's fractions."""

import random
from fractions import Fraction

import numpy as np
import pytest

from service.evaluation import sums as module
from service.evaluation.sums import ExactSums


@pytest.fixture(autouse=True)
def every_number_of_rows(monkeypatch):
    """Machine code adds few rows, too, where it is in use."""
    monkeypatch.setattr(module, "WORTH", 0)


def exact(sums, group):
    return Fraction(sums.integers.get(group, 0)) * Fraction(2) ** sums.exponent


def wild(rng, size):
    """Numbers over the whole range of float64, subnormal ones and zeros among them."""
    values = np.ldexp(rng.random(size) + 0.5, rng.integers(-1073, 1023, size))
    values[::7] = 5e-324
    values[1::11] = 0.0
    values[2::13] = np.finfo(float).max
    return values


def expected(groups, values, weights=None):
    totals = {}
    for i, group in enumerate(groups.tolist()):
        weight = Fraction(1) if weights is None else Fraction(float(weights[i]))
        totals[group] = totals.get(group, Fraction(0)) + Fraction(float(values[i])) * weight
    return totals


@pytest.mark.parametrize("arithmetic", ["numpy", "compiled"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [4, 3_000_000], ids=["table", "sorted"])
def test_sums_and_products_are_exact_over_the_whole_range(size, weighted, arithmetic, computing):
    computing(arithmetic)
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 4, 300) * (size // 4)
    values = wild(rng, 300)
    weights = wild(rng, 300)[::-1] if weighted else None
    sums = ExactSums(size)
    sums.add(groups, values, weights)
    for group, total in expected(groups, values, weights).items():
        assert exact(sums, group) == total


@pytest.mark.parametrize("size", [3, 2_000_000], ids=["table", "sorted"])
def test_count_adds_one_for_each_row(size):
    sums = ExactSums(size)
    sums.add(np.array([2]), np.array([2.0**-60]))
    sums.count(np.array([0, 2, 2, 0, 2]))
    assert [exact(sums, g) for g in range(3)] == [2, 0, 3 + Fraction(2) ** -60]


def test_a_long_array_is_added_in_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 64)
    rng = np.random.default_rng(2)
    groups, values, weights = rng.integers(0, 3, 1000), wild(rng, 1000), rng.random(1000)
    sums = ExactSums(3)
    sums.add(groups, values, weights)
    assert {g: exact(sums, g) for g in range(3)} == expected(groups, values, weights)


def test_a_full_chunk_of_the_largest_pieces_is_exact():
    sums = ExactSums(1)
    value = 2.0 - 2.0**-52
    sums.add(np.zeros(module.CHUNK, np.int64), np.full(module.CHUNK, value))
    assert exact(sums, 0) == Fraction(value) * module.CHUNK


def test_order_and_parts_do_not_matter():
    rng = np.random.default_rng(3)
    groups, values = rng.integers(0, 5, 400), wild(rng, 400)
    values[50] = np.inf
    whole = ExactSums(5)
    whole.add(groups, values)
    order = rng.permutation(400)
    parts = []
    for some in np.array_split(order, 9):
        part = ExactSums(5)
        part.add(groups[some], values[some])
        parts.append(part)
    random.Random(4).shuffle(parts)
    merged = ExactSums(5)
    for part in parts:
        merged.merge(part)
    assert merged == whole
    assert merged.to_json() == whole.to_json()
    parts[0].count(np.array([0]))
    assert merged == whole
    merged.count(np.array([0]))
    assert merged != whole


def test_infinities_are_counted_and_leave_the_rest_exact():
    sums = ExactSums(2)
    sums.add(np.array([0, 1, 1, 1]), np.array([1.0, np.inf, 2.0, np.inf]), np.full(4, 0.5))
    assert sums.infinite == {1: 2}
    assert [exact(sums, 0), exact(sums, 1)] == [Fraction(1, 2), 1]


def test_stored_sums_are_read_back_and_are_comparable():
    rng = np.random.default_rng(5)
    sums = ExactSums(6)
    sums.add(rng.integers(0, 5, 50), wild(rng, 50))
    sums.add(np.array([3]), np.array([np.inf]))
    back = ExactSums.from_json(sums.to_json(), 6)
    assert back == sums
    assert back.scaled(-2000) == sums.scaled(-2000)
    assert sums != "a sum"


@pytest.mark.parametrize(
    "change",
    [
        {"size": 3},
        {"more": 1},
        {"sums": [[2, "1", 0]]},
        {"sums": [[-1, "1", 0]]},
        {"sums": [[True, "1", 0]]},
        {"sums": [[0, "1", 100_000]]},
        {"sums": [[0, "1", 0.5]]},
        {"sums": [[0, "0", 0]]},
        {"sums": [[0, "xyz", 0]]},
        {"infinite": [[0, 0]]},
        {"infinite": [[2, 1]]},
    ],
)
def test_stored_sums_that_are_none_are_refused(change):
    with pytest.raises(ValueError, match=r"expected|sum|literal"):
        ExactSums.from_json({**ExactSums(2).to_json(), **change}, 2)


def test_sums_that_wait_merge_without_overflow_however_many_they_are():
    largest, total = 2**53 - 1, ExactSums(2)
    for _ in range(1500):  # int64 holds the sum of 2**10 of them
        part = ExactSums(2)
        part.table(0, largest)[1] += largest
        total.merge(part)
        total.table(0, largest)[1] += largest
    assert exact(total, 1) == 3000 * largest
    assert exact(total, 0) == 0
    assert total == ExactSums.from_json(total.to_json(), 2)


@pytest.mark.parametrize("arithmetic", ["numpy", "compiled"])
def test_many_full_chunks_of_the_largest_pieces_are_exact(arithmetic, computing):
    computing(arithmetic)
    sums, value = ExactSums(2), 1.0 - 2.0**-53
    ones, values = np.ones(module.CHUNK, np.int64), np.full(module.CHUNK, value)
    for _ in range(100):
        sums.add(ones, values)
    assert exact(sums, 1) == Fraction(value) * module.CHUNK * 100


@pytest.mark.parametrize("arithmetic", ["numpy", "compiled"])
@pytest.mark.parametrize("size", [1, 5])
def test_ordinary_values_beside_faint_ones_are_exact(size, arithmetic, computing):
    computing(arithmetic)
    rng = np.random.default_rng(6)
    groups = rng.integers(0, size, 3000)
    values = rng.normal(size=3000) * 2.0 ** rng.integers(-130, 30, 3000)
    sums = ExactSums(size)
    sums.add(groups, values)
    sums.add(groups, values, values)
    once, squares = expected(groups, values), expected(groups, values, values)
    assert {g: exact(sums, g) for g in once} == {g: once[g] + squares[g] for g in once}
