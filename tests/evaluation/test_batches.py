"""Batches of a running evaluation: merged in any order they are the whole, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Code, InvalidInput
from service.evaluation import Intake, Options, Policies, State, evaluate, union_of_values
from service.wire import dump_json

OPTIONS = Options.of(classes=["a", "b", "c"], bins=7, worst=4)


def rows_of(seed, count):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 3), scale=4.0)
    logits[rng.random(count) < 0.1, 0] = -np.inf
    return {
        "logits": logits,
        "labels": np.array(list("abc"), object)[rng.integers(0, 3, count)],
        "sample_weights": rng.integers(0, 4, count) / 3.0,
        "row_ids": [f"row {i}" for i in range(count)],
        "slices": {"where": [f"w{i}" for i in rng.integers(0, 3, count)]},
    }


def some(rows, chosen):
    return {
        "logits": rows["logits"][chosen],
        "labels": rows["labels"][chosen],
        "sample_weights": rows["sample_weights"][chosen],
        "row_ids": [rows["row_ids"][i] for i in chosen],
        "slices": {"where": [rows["slices"]["where"][i] for i in chosen]},
    }


def batch(options, key, **members):
    return options.score(key, **members)


@pytest.mark.no_cover  # the tests below cover the lines; traced it takes twice as long
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 9), min_size=30, max_size=30),
       tree=st.randoms(use_true_random=False))  # fmt: skip
def test_any_interleaving_of_batches_is_the_whole(seed, cuts, tree):
    rows = rows_of(seed, 30)
    rows["sample_weights"][0] = 1.0
    states = [
        batch(OPTIONS, f"k{k}", **some(rows, np.flatnonzero(np.array(cuts) == k)))
        for k in sorted(set(cuts))
    ]
    while len(states) > 1:  # two of them, whichever, through the store and together
        tree.shuffle(states)
        state = State.from_bytes(states.pop().to_bytes())
        state.merge(states.pop())
        states.append(state)
    whole = evaluate(classes=["a", "b", "c"], bins=7, worst=4, **rows)
    assert dump_json(states[0].finish()) == dump_json(whole)  # NaN included


def test_rows_are_named_by_the_key_where_they_have_no_ids():
    state = batch(
        OPTIONS, "day-1", logits=np.array([[0.0, 1.0, 2.0]] * 2), labels=np.array(["a", "b"])
    )
    assert [row.row for row in state.finish().worst] == ["day-1/0", "day-1/1"]


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"logits": np.zeros((2, 4))}, "/logits", Code.SHAPE_MISMATCH),
        ({"logits": np.zeros(0)}, "/logits", Code.SHAPE_MISMATCH),
        ({"labels": np.array(["a", "x"])}, "/labels/1", Code.UNKNOWN_LABEL),
        ({"labels": np.array(["a"])}, "/labels", Code.SHAPE_MISMATCH),
        ({"row_ids": [1, 1]}, "/row_ids/1", Code.INVALID_OPTION),
        ({"row_ids": [1]}, "/row_ids", Code.SHAPE_MISMATCH),
        ({"slices": {"s": ["x"]}}, "/slices/s", Code.SHAPE_MISMATCH),
        ({"probabilities": np.zeros((2, 3))}, "/probabilities", Code.CONFLICTING_MEMBERS),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(members, pointer, code):
    fitting = {"logits": np.zeros((2, 3)), "labels": np.array(["a", "b"])}
    with pytest.raises(InvalidInput) as error:
        batch(OPTIONS, "k", **{**fitting, **members})
    assert (error.value.faults[0].pointer, error.value.code) == (pointer, code)


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({}, "/classes"),
        ({"class_count": 0}, "/classes"),
        ({"classes": ["a", "a"]}, "/classes/1"),
        ({"classes": ["a", "b"], "class_count": 3}, "/class_count"),
        ({"class_count": 3, "bins": 0}, "/bins"),
        ({"class_count": 3, "worst": 1001}, "/worst"),
        ({"class_count": 3, "top_k": 0}, "/top_k"),
        ({"class_count": 3, "normalize": "x"}, "/normalize"),
        ({"class_count": 3, "clip": 0.5}, "/clip"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, pointer):
    with pytest.raises(InvalidInput) as error:
        Options.of(**options)
    assert error.value.faults[0].pointer == pointer


def test_values_of_columns_come_together():
    known = {"a": ["x"], "b": [1]}
    assert union_of_values(known, {"a": ["y", "x"], "c": [True]}) == {
        "a": ["x", "y"], "b": [1], "c": [True],
    }  # fmt: skip
    for more, code in (
        ({"b": ["x"]}, Code.INVALID_OPTION),
        ({"b": [True]}, Code.INVALID_OPTION),  # equal to 1, and another kind
        ({"a": [str(i) for i in range(1000)]}, Code.TOO_MANY_SLICES),
        ({str(i): ["x"] for i in range(20)}, Code.TOO_MANY_SLICES),
    ):
        with pytest.raises(InvalidInput) as error:
            union_of_values(known, more)
        assert error.value.code == code


def test_rows_of_no_weight_alone_leave_their_columns_empty():
    members = {"logits": np.zeros((2, 3)), "labels": np.array(["a", "b"])}
    nothing = batch(OPTIONS, "k", **members, sample_weights=np.zeros(2), slices={"s": ["x", "y"]})
    assert (nothing.count, nothing.ignored) == (0, 2)
    nothing.merge(batch(OPTIONS, "l", **members, slices={"s": ["x", "x"]}))
    assert [entry.value for entry in nothing.finish().slices["s"]] == ["x"]


def test_true_is_not_the_1_of_the_batches_before():
    intake = Intake(Policies())
    rows = {"logits": np.zeros((1, 2)), "labels": np.array([0])}
    intake.add({**rows, "slices": {"a": [1]}})
    with pytest.raises(InvalidInput) as error:
        intake.add({**rows, "slices": {"a": [True]}})
    assert error.value.faults[0].pointer == "/slices/a"
    assert intake.state.count == 1
