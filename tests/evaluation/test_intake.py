"""Batches into a state: the bytes of one batch, and every bad row found, with the rest scored."""

import numpy as np
import pytest

from service.errors import InvalidInput
from service.evaluation import Intake, Policies, evaluate, score
from service.evaluation import intake as module
from service.evaluation.intake import why_bad

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(size=(90, 3)) * 3
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
LABELS = RNG.integers(0, 3, 90)
SPOILED = {
    "logits": [
        (3, "logits", np.nan),
        (4, "logits", -np.inf),
        (9, "labels", 3),
        (10, "labels", -1),
        (50, "sample_weights", -1.0),
        (51, "sample_weights", np.nan),
        (89, "logits", [np.inf, np.inf, 0.0]),
    ],
    "probabilities": [
        (0, "probabilities", np.nan),
        (1, "probabilities", [1.5, -0.5, 0.0]),
        (2, "probabilities", 0.25),
        (77, "labels", 7),
        (88, "sample_weights", np.inf),
    ],
}


def batch_of(member, spoiled=False):
    batch = {
        member: (LOGITS if member == "logits" else PROBABILITIES).copy(),
        "labels": LABELS.copy(),
        "sample_weights": np.arange(90.0) + 0.5,
        "slices": {"part": [str(i % 4) for i in range(90)]},
    }
    for row, name, value in SPOILED[member] if spoiled else ():
        batch[name][row] = value
    return batch


@pytest.mark.parametrize("member", ["logits", "probabilities"])
@pytest.mark.parametrize("size", [1, 7, 90])
def test_batches_of_any_size_give_the_report_of_one(member, size, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 5)
    intake, batch = Intake(Policies(worst=3)), batch_of(member)
    for start in range(0, 90, size):
        assert intake.add(module.rows_of(batch, slice(start, start + size))) == []
    assert repr(intake.state.finish()) == repr(evaluate(**batch, worst=3))
    assert intake.rows == 90


@pytest.mark.parametrize("member", ["logits", "probabilities"])
@pytest.mark.parametrize("step", [4, 1000])
def test_collecting_leaves_out_just_the_rows_that_are_refused_alone(member, step, monkeypatch):
    monkeypatch.setattr(module, "ROWS", step)
    batch = batch_of(member, spoiled=True)
    intake = Intake(Policies(), collect=True)
    bad = intake.add(batch)
    assert bad == [row for row, _, _ in SPOILED[member]]
    good = np.delete(np.arange(90), bad)
    wanted = evaluate(**module.rows_of(batch, good), row_ids=good)
    assert repr(intake.state.finish()) == repr(wanted)
    for row, name, _ in SPOILED[member]:
        faults = why_bad(batch, row, intake.policies).faults
        assert faults[0].pointer.startswith(f"/{name}/0")
    with pytest.raises(AssertionError):
        why_bad(batch, int(good[0]), intake.policies)


@pytest.mark.parametrize("first", [0, 41])
def test_the_first_bad_row_ends_it_after_the_rows_before(first):
    batch = batch_of("probabilities")
    for row in (first, first + 3):
        batch["probabilities"][row] = 0.9
    intake = Intake(Policies())
    assert intake.add(batch) == [first]
    assert intake.rows == intake.state.count == first


def test_impossible_labels_are_bad_rows_where_they_are_to_be_rejected():
    batch = {"probabilities": np.eye(3)[[0, 1, 2]], "labels": np.array([0, 2, 2])}
    intake = Intake(Policies(zero_probability="reject"), collect=True)
    assert intake.add(batch) == [1]
    batch = {
        "logits": np.log(
            np.eye(2) + 0.0 * np.eye(2), where=np.eye(2) > 0, out=np.full((2, 2), -np.inf)
        ),
        "labels": np.array([1, 1]),
    }
    assert Intake(Policies(zero_probability="reject"), collect=True).add(batch) == [0]


def test_names_are_labels_where_the_classes_have_them():
    policies = Policies(classes=("a", "b"))
    intake = Intake(policies, collect=True)
    batch = {"logits": np.zeros((3, 2)), "labels": np.array(["a", "c", "b"], object)}
    assert intake.add(batch) == [1]
    assert [c.label for c in intake.state.finish().per_class] == ["a", "b"]


def test_what_does_not_fit_as_a_whole_is_no_matter_of_rows():
    intake = Intake(Policies(), collect=True)
    intake.add({"logits": np.zeros((2, 3)), "labels": np.zeros(2, int)})
    with pytest.raises(InvalidInput, match="2 classes; the rows before have 3"):
        intake.add({"logits": np.zeros((2, 2)), "labels": np.zeros(2, int)})
    with pytest.raises(InvalidInput, match="classes names 2 classes"):
        Intake(Policies(classes=("a", "b")), collect=True).add(
            {"logits": np.zeros((1, 3)), "labels": np.array(["a"], object)}
        )
    assert intake.state.count == 2


def test_no_good_row_is_an_empty_state():
    intake = Intake(Policies(), collect=True)
    assert intake.add({"logits": np.full((5, 2), np.nan), "labels": np.zeros(5, int)}) == [
        *range(5)
    ]
    with pytest.raises(InvalidInput, match="there are no rows"):
        intake.state.finish()
    assert score(logits=np.zeros((0, 2)), labels=np.zeros(0, int))[0].labels.size == 0


def test_slices_of_rows_that_all_weigh_nothing_are_empty():
    batch = {**batch_of("logits"), "sample_weights": np.zeros(90)}
    with pytest.raises(InvalidInput, match="all 90 weigh 0"):
        evaluate(**batch)
