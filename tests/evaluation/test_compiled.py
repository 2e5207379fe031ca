"""With compiled loops the sums of given probabilities are those of NumPy, to the byte."""

import importlib.util

import numpy as np
import pytest

from service.evaluation import State, score

if not importlib.util.find_spec("numba"):
    pytest.skip("needs Numba, the extra fast", allow_module_level=True)

from service.numerics import compiled_sums


def probabilities(rng, classes, rows):
    """Rows with certain, impossible, tiny and equal classes among them."""
    weights = rng.random((rows, classes)) ** rng.choice([1.0, 8.0, 60.0], (rows, 1))
    weights[::9] = 1.0
    weights[1::9, 1:] = 0.0
    weights[2::9, 0] = 1e-12
    return weights / weights.sum(axis=1, keepdims=True)


def state_of(p, labels, **options):
    batch, classes = score(probabilities=p, labels=labels, bins=7, **options)
    state = State(classes, bins=7)
    state.add(batch)
    return state


@pytest.mark.parametrize("classes", [2, 10, 70, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_states_have_the_same_bytes(classes, weighted, computing):
    rng = np.random.default_rng(classes)
    p = probabilities(rng, classes, 3000)
    labels = rng.integers(0, classes, len(p))
    slices = {"part": labels % 3}
    weights = np.ldexp(rng.random(len(p)), rng.integers(-300, 300, len(p))) if weighted else None
    states = []
    for arithmetic in ("numpy", "compiled"):
        computing(arithmetic)
        states.append(state_of(p, labels, sample_weights=weights, slices=slices))
    assert states[0].to_bytes() == states[1].to_bytes()
    assert states[0].infinite > 0


def test_rows_with_several_large_probabilities_have_the_same_bytes(computing):
    rng = np.random.default_rng(1)
    p, labels = rng.random((5000, 4)), rng.integers(0, 4, 5000)
    p[::50] = 1.0
    states = []
    for arithmetic in ("numpy", "compiled"):
        computing(arithmetic)
        states.append(state_of(p, labels, normalize="off").to_bytes())
    assert states[0] == states[1]


def test_numbers_without_a_place_are_refused():
    table, nothing = np.zeros(2, np.int64), np.empty(0, np.int64)
    with pytest.raises(IndexError, match=r"0\.\.1"):
        compiled_sums.add_levels(np.array([0, 2]), np.ones(2), (1.0, 0.5, 0.25), [table] * 3)
    for labels, cells in (([2], [0]), ([0], [1]), ([0], [-1])):
        with pytest.raises(IndexError, match="number"):
            compiled_sums.tabulate(
                np.full((2, 1), 0.5),
                np.array(labels),
                np.array(cells),
                bins=1,
                unit=2.0**-36,
                small=2.0**-12,
                ranking=compiled_sums.Ranking(48, 0, 0, 1),
                tables=compiled_sums.Tables(*[nothing] * 4, *[table] * 3),
            )
    assert not table.any()
