"""What the losses of the catalogue refuse, and the extremes that they answer without a warning."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from service.errors import Code, InvalidInput
from service.losses import CATALOGUE, Loss

ROW = {
    "logits": np.array([2.0, 4.0, 0.5]),
    "probabilities": np.array([0.25, 0.5, 0.25]),
    "log_probabilities": np.log([0.25, 0.5, 0.25]),
}
GIVEN: dict[str, Any] = {
    "labels": np.array(1),
    "targets": np.array([0.25, 0.75, 0.0]),
    "classes": ["a", "b", "c"],
    "class_weights": np.ones(3),
    "sample_weights": np.array(1.0),
    "ignore_index": -100,
    "label_smoothing": 0.1,
    "reduction": "sum",
    "gradient": True,
    "unit": "bit",
    "axis": 0,
    "temperature": 2.0,
    "zero_probability": "reject",
    "clip": 0.1,
    "normalize": "off",
    "positive_weight": 2.0,
    "z_loss": 0.1,
    "gamma": 1.0,
    "epsilon": 0.5,
    "q": 0.5,
}
OWN = ("z_loss", "gamma", "epsilon", "q")


def named(loss: Loss) -> str:
    return loss.name


def truth(loss: Loss) -> dict[str, Any]:
    return {"labels": np.array(1)} if "labels" in loss.members else {}


def refused(loss: Loss, **given: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        loss.function(**given)
    return caught.value


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_a_member_that_a_loss_does_not_have_is_refused(loss: Loss) -> None:
    foreign = [name for name in GIVEN if name not in loss.members and name not in OWN]
    for name in foreign:
        error = refused(loss, **{"logits": ROW["logits"], **truth(loss), name: GIVEN[name]})
        assert (error.faults[0].pointer, error.code) == (f"/{name}", Code.UNKNOWN_MEMBER)
        assert error.detail.startswith(f"{loss.name} has no {name}; it takes ")
        assert loss.members[0] in error.detail
    everything = {name: GIVEN[name] for name in foreign}
    error = refused(loss, logits=ROW["logits"], **truth(loss), **everything)
    assert {fault.pointer for fault in error.faults} == {f"/{name}" for name in foreign}


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_every_member_of_its_entry_is_taken(loss: Loss) -> None:
    assert len(set(loss.members)) == len(loss.members)
    for name in loss.members:
        given = {"logits": ROW["logits"], **truth(loss)}
        if name in ROW:
            given = {name: ROW[name], **truth(loss)}
        elif name == "targets":
            given = {"logits": ROW["logits"], "targets": GIVEN["targets"]}
        elif name == "clip":
            given |= {"zero_probability": "clip", "clip": 0.1}
        elif name == "classes":
            given |= {"labels": np.array("b"), "classes": GIVEN["classes"]}
        elif name != "labels":
            given[name] = GIVEN[name]
        if "axis" not in loss.members:  # every element is a sample
            every = {"labels": np.array([0, 1, 1]), "sample_weights": np.ones(3)}
            given |= {member: array for member, array in every.items() if member in given}
        assert math.isfinite(loss.function(**given).loss)


@pytest.mark.parametrize(
    ("name", "member", "values"),
    [
        ("focal", "gamma", [-1e-9, -math.inf, math.nan, 1e7]),
        ("binary-focal", "gamma", [-0.1, math.nan, math.inf]),
        ("poly-1-cross-entropy", "epsilon", [-1.0000001, math.nan, math.inf]),
        ("generalized-cross-entropy", "q", [0.0, -0.5, 1.0000001, math.nan]),
        ("cross-entropy", "z_loss", [-0.1, math.inf, math.nan]),
        ("binary-focal", "positive_weight", [-1.0, math.nan, math.inf]),
        *((loss.name, "label_smoothing", [-0.1, 1.1, math.nan]) for loss in CATALOGUE),
        *((loss.name, "temperature", [0.0, -1.0, math.inf, math.nan]) for loss in CATALOGUE),
        *((loss.name, "reduction", ["average", "batchmean"]) for loss in CATALOGUE),
        *((loss.name, "unit", ["nats", "hartley"]) for loss in CATALOGUE),
        *((loss.name, "normalize", ["softmax"]) for loss in CATALOGUE),
        *((loss.name, "zero_probability", ["ignore"]) for loss in CATALOGUE),
        *((loss.name, "clip", [0.0, 1.0, math.nan]) for loss in CATALOGUE),
    ],
)
def test_an_option_out_of_its_range_is_refused(name: str, member: str, values: list[Any]) -> None:
    loss = next(loss for loss in CATALOGUE if loss.name == name)
    if member not in loss.members:
        return
    true = {"labels": np.array([0, 1, 1])} if "axis" not in loss.members else truth(loss)
    for value in values:
        error = refused(loss, logits=ROW["logits"], **true, **{member: value})
        assert (error.faults[0].pointer, error.code) == (f"/{member}", Code.INVALID_OPTION)
        assert member in error.detail


ROWS = [loss for loss in CATALOGUE if "axis" in loss.members]


@pytest.mark.parametrize("loss", ROWS, ids=named)
def test_combinations_that_mean_nothing_are_refused(loss: Loss) -> None:
    for member in ("probabilities", "log_probabilities"):
        error = refused(loss, **{member: ROW[member]}, **truth(loss), temperature=2.0)
        assert (error.faults[0].pointer, error.code) == ("/temperature", Code.CONFLICTING_MEMBERS)
    assert refused(loss, **truth(loss)).code == Code.MISSING_MEMBER
    both = {"logits": ROW["logits"], "probabilities": ROW["probabilities"]}
    assert refused(loss, **both, **truth(loss)).code == Code.CONFLICTING_MEMBERS
    if "labels" in loss.members:
        assert refused(loss, logits=ROW["logits"]).code == Code.MISSING_MEMBER
    if "targets" in loss.members:
        targets = {"logits": ROW["logits"], "targets": GIVEN["targets"]}
        error = refused(loss, **targets, labels=np.array(1))
        assert error.code == Code.CONFLICTING_MEMBERS
        error = refused(loss, **targets, ignore_index=0)
        assert (error.faults[0].pointer, error.code) == ("/ignore_index", Code.CONFLICTING_MEMBERS)
        assert "weight of 0" in error.detail
    if "clip" in loss.members:
        error = refused(loss, logits=ROW["logits"], **truth(loss), clip=0.1)
        assert (error.faults[0].pointer, error.code) == ("/clip", Code.CONFLICTING_MEMBERS)


@pytest.mark.parametrize(
    "given",
    [
        {"probabilities": ROW["probabilities"]},
        {"log_probabilities": ROW["log_probabilities"]},
        {"logits": ROW["logits"], "unit": "bit"},
    ],
)
def test_z_loss_needs_logits_and_nats(given: dict[str, Any]) -> None:
    error = refused(CATALOGUE[0], **given, labels=np.array(1), z_loss=0.1)
    assert (error.faults[0].pointer, error.code) == ("/z_loss", Code.CONFLICTING_MEMBERS)
    assert ("no amount of bits" if "unit" in given else "term of the logits") in error.detail


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
@pytest.mark.parametrize("member", list(ROW))
def test_nan_and_impossible_rows_are_refused_where_they_stand(loss: Loss, member: str) -> None:
    row = ROW[member].copy()
    row[1] = math.nan
    true = truth(loss) if "axis" in loss.members or not truth(loss) else {"labels": np.zeros(3)}
    error = refused(loss, **{member: row}, **true)
    assert (error.faults[0].pointer, error.code) == (f"/{member}/1", Code.NAN_VALUE)
    if "axis" not in loss.members:
        return
    if member == "logits":
        assert refused(loss, logits=np.full(3, -np.inf), **true).code == Code.IMPOSSIBLE_ROW
        two = np.array([np.inf, np.inf, 0])
        assert refused(loss, logits=two, **true).code == Code.AMBIGUOUS_ROW
    else:
        half = ROW["probabilities"] / 2
        error = refused(
            loss, **{member: half if member == "probabilities" else np.log(half)}, **true
        )
        assert error.code == Code.NOT_NORMALIZED


EXTREMES = {
    "logits": [[1e308, -1e308], [-1.7e308, 1.7e308], [np.inf, 0], [0, -np.inf], [0, -800],
               [1e-310, 0], [2000, -2000], [0, 0]],
    "probabilities": [[1, 0], [0, 1], [0.5, 0.5], [1e-320, 1], [1, 5e-324], [1e-17, 1]],
    "log_probabilities": [[0, -np.inf], [-np.inf, 0], [-1e-17, -39.14], [-1e308, 0], [0, -2000]],
}  # fmt: skip
TRUTHS: list[dict[str, Any]] = [
    {"labels": 0},
    {"labels": 1},
    {"targets": [0.5, 0.5]},
    {"targets": [1, 0]},
    {"targets": [1e-310, 1]},
    {"labels": 1, "label_smoothing": 0.1},
]
CLASS_0 = ({"labels": 0}, {"targets": [1, 0]})
WITHOUT_CLASS_0: dict[str, Any] = {"class_weights": np.array([0.0, 2.0])}
HARSH: list[dict[str, Any]] = [
    {},
    WITHOUT_CLASS_0,
    {"unit": "bit"},
    {"temperature": 1e-310},
    {"temperature": 1e300},
    {"zero_probability": "clip"},
    {"normalize": "renormalize"},
    {"class_weights": np.array([1e308, 1e-308])},
    {"sample_weights": 1e308},
    {"sample_weights": 1e-320},
    {"gamma": 0.0},
    {"gamma": 1e6},
    {"epsilon": -1.0},
    {"epsilon": 1e6},
    {"q": 1e-300},
    {"q": 1.0},
    {"z_loss": 1e308},
    {"positive_weight": 0.0},
    {"positive_weight": 1e308},
]


# One combination of so many, another one for each loss; all by `make test-slow`.
THINNED = 7


@pytest.mark.parametrize("stride", [THINNED, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_extremes_give_a_loss_and_a_gradient_without_a_warning(loss: Loss, stride: int) -> None:
    binary = "axis" not in loss.members
    truths = [t for t in TRUTHS if {*t} <= {*loss.members}] or [{}]
    options = [o for o in HARSH if {*o} <= {*loss.members}]
    state = np.geterr()
    every = itertools.product(EXTREMES, truths, options)
    for member, true, harsh in itertools.islice(
        every, CATALOGUE.index(loss) % stride, None, stride
    ):
        if member != "logits" and not {"temperature", "z_loss"}.isdisjoint(harsh):
            continue
        if true in CLASS_0 and harsh is WITHOUT_CLASS_0:  # the mean of nothing
            continue
        for row in EXTREMES[member]:
            given = {member: row} | true | harsh
            given = {
                name: np.array(value[0] if binary and isinstance(value, list) else value, float)
                if name in (*ROW, "targets", "labels", "sample_weights")
                else value
                for name, value in given.items()
            }
            result = loss.function(**given, gradient=True)
            assert result.loss >= 0, given
            assert not np.isnan(result.gradient).any(), given
            assert not np.isnan(result.uniform_baseline), given
            assert result.infinite + result.overflowed + result.clipped <= 1, given
            finite = not any(np.isinf(x) for x in row)
            assert not (member == "logits" and finite and result.infinite), given
    assert np.geterr() == state


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_inputs_stay_as_they_were(loss: Loss) -> None:
    shape = (3,) if "axis" not in loss.members else (3, 3)
    arrays = {
        "labels": np.array([0, 1, 1]),
        "sample_weights": np.array([1.0, 0.0, 2.0]),
        "class_weights": np.array([1.0, 2.0, 0.5]),
    }
    given = {name: array for name, array in arrays.items() if name in loss.members}
    for member, row in ROW.items():
        given_too = given | {member: np.broadcast_to(row, shape).copy()}
        before = {name: array.copy() for name, array in given_too.items()}
        for array in given_too.values():
            array.flags.writeable = False
        loss.function(**given_too, gradient=True)
        for name, array in given_too.items():
            np.testing.assert_array_equal(array, before[name])


def test_a_row_that_overflows_is_counted_as_such_and_an_impossible_one_as_impossible() -> None:
    for loss in ROWS:
        if loss.name in ("entropy", "js-divergence", "brier", "generalized-cross-entropy"):
            continue  # bounded
        far = loss.function(logits=np.array([1.7e308, -1.7e308]), labels=np.array(1))
        assert (far.loss, far.infinite, far.overflowed) == (math.inf, 0, 1), loss.name
        dead = loss.function(logits=np.array([0, -np.inf]), labels=np.array(1))
        assert (dead.loss, dead.infinite, dead.overflowed) == (math.inf, 1, 0), loss.name
