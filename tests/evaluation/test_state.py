"""The state: the same bits however the rows were split, ordered, merged and stored."""

import json
from dataclasses import replace

import numpy as np
import pytest

from service.errors import Code, InvalidInput, MalformedBody
from service.evaluation import State, evaluate, score


def state_of(data, rows, *, ids=None, weighted=True, worst=5):
    batch, classes = score(
        logits=data.logits[rows],
        labels=data.labels[rows],
        sample_weights=data.weights[rows] if weighted else None,
        row_ids=np.arange(400)[rows] if ids is None else [ids[i] for i in rows],
    )
    state = State(classes, worst=worst)
    state.add(batch)
    return state


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("parts", [2, 7, 100])
def test_parts_merged_as_a_tree_give_the_same_bytes(noisy, parts, named, weighted):
    ids = [f"row {i}" for i in range(400)] if named else None
    whole = state_of(noisy, np.arange(400), ids=ids, weighted=weighted)
    order = np.random.default_rng(parts).permutation(400)
    states = [
        state_of(noisy, rows, ids=ids, weighted=weighted) for rows in np.array_split(order, parts)
    ]
    while len(states) > 1:
        for left, right in zip(states[::2], states[1::2], strict=False):
            left.merge(right)
        states = states[::2]
    assert states[0] == whole
    assert states[0].to_bytes() == whole.to_bytes()
    assert repr(states[0].finish()) == repr(whole.finish())


def test_batches_added_one_by_one_give_the_same_bytes(noisy):
    whole = state_of(noisy, np.arange(400))
    state = State(6, worst=5)
    for i in range(399, -1, -1):
        batch, _ = score(
            logits=noisy.logits[i : i + 1],
            labels=noisy.labels[i : i + 1],
            sample_weights=noisy.weights[i : i + 1],
            row_ids=[i],
        )
        state.add(batch)
    assert state.to_bytes() == whole.to_bytes()
    assert repr(state.finish()) == repr(whole.finish())


@pytest.mark.parametrize("classes", [2, 17, 100, 999])
@pytest.mark.parametrize("member", ["logits", "probabilities"])
def test_a_row_counts_the_same_alone_and_among_others(member, classes):
    rng = np.random.default_rng(classes)
    rows, labels = rng.random((40, classes)), rng.integers(0, classes, 40)
    options = {} if member == "logits" else {"normalize": "renormalize"}
    whole, apart = State(classes), State(classes)
    whole.add(score(**{member: np.asfortranarray(rows)}, labels=labels, **options)[0])
    for i in range(40):
        part = slice(i, i + 1)
        apart.add(score(**{member: rows[part]}, labels=labels[part], row_ids=[i], **options)[0])
    assert apart.to_bytes() == whole.to_bytes()


def test_the_state_does_not_grow_with_the_rows(noisy):
    once = state_of(noisy, np.arange(400))
    often = state_of(noisy, np.arange(400))
    for _ in range(6):
        often.merge(State.from_bytes(often.to_bytes()))
    assert often.count == 64 * once.count
    assert len(often.to_bytes()) < 1.05 * len(once.to_bytes())


def test_a_stored_state_is_read_back_and_goes_on(noisy):
    state = state_of(noisy, np.arange(200))
    back = State.from_bytes(state.to_bytes())
    assert back == state
    back.merge(state_of(noisy, np.arange(200, 400)))
    assert repr(back.finish()) == repr(state_of(noisy, np.arange(400)).finish())


def test_names_and_deviations_are_stored():
    state = State(2, ("no", "yes"), bins=3)
    batch, _ = score(
        probabilities=np.array([[0.25, 0.75000001]]),
        labels=np.array(["yes"]),
        classes=["no", "yes"],
        bins=3,
    )
    state.add(batch)
    back = State.from_bytes(state.to_bytes())
    assert back == state
    assert back.finish().worst[0].label == "yes"
    assert back.max_sum_deviation == pytest.approx(1e-8)


def altered(data, **changes):
    stored = json.loads(data)
    return json.dumps({**stored, **changes}, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"[]",
        lambda data: b"[" * 100_000,
        lambda data: data[:-40],
        lambda data: data + b" ",
        lambda data: data.replace(b'"count":', b'"counts":'),
        lambda data: altered(data, format=1),
        lambda data: altered(data, count=-1),
        lambda data: altered(data, count="3"),
        lambda data: altered(data, bins=True),
        lambda data: altered(data, names=["a"]),
        lambda data: altered(data, names=7),
        lambda data: altered(data, weighted=1),
        lambda data: altered(data, max_sum_deviation=0.5),
        lambda data: altered(data, rows=[["0x1p0", 3, 99, "0x1p0"]]),
        lambda data: altered(data, rows=[["0x1p0", 3.5, 0, "0x1p0"]]),
        lambda data: altered(data, rows=[["0x1p0", 3, 0]]),
        lambda data: altered(data, sums={}),
    ],
)
def test_bytes_that_are_no_state_are_refused(noisy, damage):
    data = state_of(noisy, np.arange(50)).to_bytes()
    assert altered(data) == data
    with pytest.raises(MalformedBody) as caught:
        State.from_bytes(damage(data))
    assert caught.value.code == Code.INVALID_STATE


@pytest.mark.parametrize(
    "other", [State(5), State(6, bins=3), State(6, worst=1), State(6, tuple("abcdef"))]
)
def test_states_of_different_settings_do_not_merge(other):
    with pytest.raises(ValueError, match="different"):
        State(6).merge(other)


def test_an_empty_state_has_no_report():
    with pytest.raises(InvalidInput) as caught:
        State(3).finish()
    assert caught.value.faults[0].pointer == "/labels"
    assert caught.value.code == Code.EMPTY_REDUCTION


def test_merging_an_empty_state_changes_nothing(noisy):
    state = state_of(noisy, np.arange(400))
    before = state.to_bytes()
    state.merge(State(6, worst=5))
    assert state.to_bytes() == before
    empty = State(6, worst=5)
    empty.merge(state)
    assert empty.to_bytes() == before


def test_the_worst_rows_of_equal_losses_are_the_lowest_ids(noisy):
    batch, _ = score(logits=np.zeros((9, 3)), labels=np.zeros(9, int), row_ids=[*range(9)][::-1])
    assert sorted(row.row for row in batch.worst(4)) == [0, 1, 2, 3]
    state = State(3, worst=4)
    state.add(batch)
    assert [row.row for row in state.finish().worst] == [0, 1, 2, 3]
    text, _ = score(logits=np.zeros((2, 3)), labels=np.zeros(2, int), row_ids=np.array(["b", "a"]))
    assert [row.row for row in text.worst(1)] == ["a"]
    names = replace(batch, ids=np.array(list("ihgfedcba"), object))
    state.add(names)  # integers come before strings
    assert [row.row for row in state.finish().worst] == [0, 1, 2, 3]


def test_above_a_thousand_classes_there_is_no_matrix():
    logits = np.zeros((3, 1001))
    logits[:, 1000] = 5.0
    report = evaluate(logits=logits, labels=np.array([1000, 1000, 2]))
    assert report.confusion_matrix is None
    assert report.accuracy == 2 / 3
    assert report.per_class[1000].precision == 2 / 3
    assert report.per_class[2].recall == 0
    assert len(evaluate(logits=logits[:, 1:], labels=np.array([0, 1, 2])).confusion_matrix) == 1000
