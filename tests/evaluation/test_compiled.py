"""With compiled loops an evaluation adds up the same numbers as without, to the byte."""

import importlib.util

import numpy as np
import pytest

from service import evaluation
from service.evaluation import State, outcomes, score, scoring, sums, tables, totals
from service.evaluation.outcomes import Predicted

if not importlib.util.find_spec("numba"):
    pytest.skip("needs Numba, the extra fast", allow_module_level=True)

from service.evaluation import compiled


def probabilities(rng, classes, rows):
    """Rows with certain, impossible, tiny and equal classes among them."""
    weights = rng.random((rows, classes)) ** rng.choice([1.0, 8.0, 60.0], (rows, 1))
    weights[::9] = 1.0
    weights[1::9, 1:] = 0.0
    weights[2::9, 0] = 1e-12
    return weights / weights.sum(axis=1, keepdims=True)


def logits_of(kind, rng, classes, rows):
    logits = rng.normal(size=(rows, classes)) * 3
    if kind == "ties":
        return np.round(logits / 2)
    if kind == "float32":
        return logits.astype(np.float32)
    if kind == "sharp":  # of losses so small that their cubes vanish, too
        return logits * rng.choice([1.0, 10.0, 120.0], (rows, 1))
    if kind == "shifted":
        return logits + rng.choice([-1000.0, 0.0, 500.0], (rows, 1))
    if kind == "huge":
        return logits * 1e100
    if kind == "impossible":
        logits[rng.random(logits.shape) < 0.2] = -np.inf
        logits[:, 0] = 0.0
        logits[::7, classes // 2] = np.inf
    return logits


def weights_of(rng, rows):
    return np.ldexp(rng.random(rows), rng.integers(-300, 300, rows)) * (rng.random(rows) < 0.9)


def state_of(bins=7, top_k=5, **batch):
    scored, classes = score(bins=bins, top_k=top_k, **batch)
    state = State(classes, bins=bins, top_k=top_k)
    state.add(scored)
    return state


@pytest.fixture(autouse=True)
def every_number_of_rows(monkeypatch):
    """Machine code adds few rows, too."""
    monkeypatch.setattr(sums, "WORTH", 0)


@pytest.fixture
def with_and_without(monkeypatch, computing):
    """States by machine code and by NumPy, of the same exponentials."""

    def run(**batch):
        computing("compiled")
        fast = state_of(**batch)
        for module in (outcomes, scoring, sums, tables, totals):
            monkeypatch.setattr(module, "machine_code", lambda: None)
        return fast, state_of(**batch)

    return run


@pytest.mark.parametrize("classes", [1, 2, 10, 64, 70, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_states_have_the_same_bytes(classes, weighted, computing):
    rng = np.random.default_rng(classes)
    p = probabilities(rng, classes, 3000)
    labels = rng.integers(0, classes, len(p))
    batch = {"probabilities": p, "labels": labels, "slices": {"part": labels % 3}}
    if weighted:
        batch["sample_weights"] = weights_of(rng, len(p))
    states = []
    for arithmetic in ("numpy", "compiled"):
        computing(arithmetic)
        states.append(state_of(**batch))
    assert states[0].to_bytes() == states[1].to_bytes()
    assert repr(states[0].finish(curves=True)) == repr(states[1].finish(curves=True))
    assert states[0].infinite > 0 or classes == 1


@pytest.mark.parametrize("normalize", ["off", "renormalize"])
def test_rows_with_several_large_probabilities_have_the_same_bytes(normalize, computing):
    rng = np.random.default_rng(1)
    p, labels = rng.random((5000, 4)), rng.integers(0, 4, 5000)
    p[::50] = 1.0
    states = []
    for arithmetic in ("numpy", "compiled"):
        computing(arithmetic)
        states.append(state_of(probabilities=p, labels=labels, normalize=normalize).to_bytes())
    assert states[0] == states[1]


@pytest.mark.parametrize("classes", [1, 3, 64, 65, 257])
@pytest.mark.parametrize(
    "kind", ["plain", "ties", "float32", "sharp", "shifted", "huge", "impossible"]
)
def test_states_of_logits_have_the_same_bytes(kind, classes, with_and_without):
    rng = np.random.default_rng(classes)
    logits, labels = logits_of(kind, rng, classes, 700), rng.integers(0, classes, 700)
    fast, plain = with_and_without(logits=logits, labels=labels, bins=15, top_k=2)
    assert fast.to_bytes() == plain.to_bytes()


@pytest.mark.parametrize("rows", [1, 255, 257, 140_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_strips_and_blocks_of_any_length_have_the_same_bytes(rows, weighted, with_and_without):
    rng = np.random.default_rng(rows)
    batch = {
        "logits": logits_of("plain", rng, 2, rows),
        "labels": rng.integers(0, 2, rows),
        "row_ids": rng.permutation(rows),
    }
    if weighted:
        batch["sample_weights"] = weights_of(rng, rows) + 1e-9
    fast, plain = with_and_without(**batch)
    assert fast.to_bytes() == plain.to_bytes()


def test_without_a_state_rows_are_judged_alike(computing):
    rng = np.random.default_rng(3)
    p, labels = probabilities(rng, 5, 2000), rng.integers(0, 5, 2000)
    batches = []
    for arithmetic in ("numpy", "compiled"):
        computing(arithmetic)
        batches.append(score(probabilities=p, labels=labels, bins=None)[0])
    for name in ("predicted", "losses", "probabilities", "confidences"):
        assert np.array_equal(getattr(batches[0], name), getattr(batches[1], name))
    assert batches[1].outcomes is batches[1].totals is batches[1].block is None


def test_loops_are_compiled_with_those_of_the_losses(computing):
    computing("numpy")
    evaluation.compile_loops()
    assert evaluation.engine.machine_code() is compiled


@pytest.mark.parametrize("number", [-1, 2, 2**40])
def test_numbers_without_a_place_are_refused(number):
    wrong, right = np.array([0, number]), np.zeros(2, np.int64)
    values, p = np.full(2, 0.5), np.full((2, 2), 0.5)
    table, words = np.zeros(2, np.int64), np.zeros((200, 2), np.int64)
    filled = compiled.Sums(*[table] * 11, *[words] * 6)
    tabulated = compiled.Tables(*[table] * 7)

    def rows(position):
        numbers = [wrong if i == position else right for i in range(5)]
        return compiled.Rows(*numbers, *[values] * 3)

    calls = [
        lambda: compiled.add(wrong, values, words),
        lambda: compiled.add_pairs(wrong, right, words[:2]),
        lambda: compiled.add_pairs(right, wrong, words[:2]),
        *(lambda i=i: compiled.add_rows(rows(i), filled) for i in range(4)),
        lambda: compiled.judge(p, p, values, wrong, 2, Predicted.of_rows(2)),
        lambda: compiled.tabulate(p, wrong, right, right, 2, tabulated),
        lambda: compiled.tabulate(p, right, wrong, right, 2, tabulated),
        lambda: compiled.tabulate(p, right, right, wrong, 2, tabulated),
    ]
    for call in calls:
        with pytest.raises(IndexError, match=r"0\.\.1"):
            call()
    assert not table.any()
    assert not words.any()


def test_a_probability_that_is_rounded_beyond_1_is_in_the_last_bin():
    p, label = np.array([[0.0], [1.0 + 2.0**-51]]), np.array([1])
    tables = {name: np.zeros(6, np.int64) for name in ("classwise", "classwise_true")}
    nothing = np.zeros(0, np.int64)
    filled = compiled.Tables(*(tables.get(name, nothing) for name in compiled.Tables._fields))
    compiled.tabulate(p, label, label, np.array([2]), 3, filled)
    assert tables["classwise_true"].tolist() == [0, 0, 0, 0, 0, 1]
    assert np.flatnonzero(tables["classwise"]).tolist() == [3, 5]
