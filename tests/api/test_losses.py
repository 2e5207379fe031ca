"""The catalogue as it is served: entries that are true, examples that run, digits that arrive."""

import inspect
import math
from typing import Any

import pytest
from mpmath import mp, mpf

from service.losses import CATALOGUE, Loss
from service.losses.binary_cross_entropy import binary_loss
from service.losses.pipeline import class_loss

BOTH = ("minimum", "maximum")


@pytest.fixture(scope="module")
def entries(caller: Any) -> dict[str, Any]:
    return {entry["name"]: entry for entry in caller.get("/v1/losses").json()["losses"]}


def named(loss: Loss) -> str:
    return loss.name


def test_the_list_is_the_catalogue(entries: dict[str, Any]) -> None:
    assert [*entries] == [loss.name for loss in CATALOGUE]


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_an_entry_describes_its_loss_and_its_example_runs(
    loss: Loss, entries: dict[str, Any], caller: Any
) -> None:
    entry = entries[loss.name]
    assert caller.get(f"/v1/losses/{loss.name}").json() == entry
    assert (entry["formula"], entry["range"]) == (loss.formula, loss.range)
    assert {*entry["inputs"], *entry["truth"], *entry["parameters"]} == {*loss.members}
    assert {*entry["example"]} <= {*loss.members, "dialect", "compare"}
    answer = caller.post(f"/v1/losses/{loss.name}", entry["example"])
    assert answer.status_code == 200
    assert ("unit" in answer.json()) == bool(loss.units)


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_the_defaults_shown_are_those_of_the_functions(loss: Loss, entries: dict[str, Any]) -> None:
    shared = class_loss if "axis" in loss.members else binary_loss
    known = {
        name: parameter.default
        for function in (shared, loss.function)
        for name, parameter in inspect.signature(function).parameters.items()
    }
    shown = entries[loss.name]["parameters"]
    assert shown == {name: known[name] for name in shown}


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_the_constraints_shown_are_held(loss: Loss, entries: dict[str, Any], caller: Any) -> None:
    def answered(name: str, value: Any) -> Any:
        return caller.post(f"/v1/losses/{loss.name}", {**truth, name: value})

    truth = {"logits": [0.5, 1.0]} | (
        {"labels": [0, 1]} if "binary" in loss.name else {"labels": 1}
    )
    truth = {name: value for name, value in truth.items() if name in loss.members}
    constraints = entries[loss.name]["constraints"]
    numbers = {k for k, v in entries[loss.name]["parameters"].items() if isinstance(v, float)}
    assert numbers <= {*constraints}
    for name, held in constraints.items():
        outside = [
            {"minimum": -1, "maximum": 1}[kind] + held[kind] for kind in held if kind in BOTH
        ]
        outside += [held[kind] for kind in held if kind.startswith("exclusive")]
        for value in [*outside, *(["any"] if "enum" in held else [])]:
            problem = answered(name, value).json()
            assert (problem["status"], problem["errors"][0]["pointer"]) == (422, f"/{name}")
        for value in [*(held[kind] for kind in held if kind in BOTH), *held.get("enum", ())]:
            assert answered(name, value).status_code == 200, (name, value)


@pytest.mark.parametrize("loss", CATALOGUE, ids=named)
def test_a_member_of_another_loss_is_unknown(loss: Loss, entries: Any, caller: Any) -> None:
    others = {name for other in CATALOGUE for name in other.members} - {*loss.members}
    for name in sorted(others):
        body = entries[loss.name]["example"] | {name: 1}
        problem = caller.post(f"/v1/losses/{loss.name}", body).json()
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("unknown_member", f"/{name}")


def test_divergences_of_near_equals_keep_ten_digits_on_the_wire(caller: Any) -> None:
    p = [0.1, 0.2, 0.7]
    q = [0.1 + 1e-12, 0.2 - 2e-12, 0.7 + 1e-12]
    with mp.workdps(60):
        pairs = [(mpf(a), mpf(b)) for a, b in zip(p, q, strict=True)]
        kl = mp.fsum(a * mp.log(a / b) - a + b for a, b in pairs)
        js = mp.fsum(
            (a * mp.log(2 * a / (a + b)) + b * mp.log(2 * b / (a + b))) / 2 for a, b in pairs
        )
    body = {"targets": p, "probabilities": q}
    for name, exact in (("kl", kl), ("js", js)):
        loss = caller.post(f"/v1/losses/{name}-divergence", body).json()["loss"]
        assert loss > 0
        assert math.isclose(loss, float(exact), rel_tol=1e-10)
    shares = caller.post("/v1/information", {"p": p, "q": q}).json()
    with mp.workdps(60):
        total = mp.fsum(a for a, _ in pairs), mp.fsum(b for _, b in pairs)
        exact = mp.fsum(a / total[0] * mp.log(a / total[0] / (b / total[1])) for a, b in pairs)
    assert math.isclose(shares["kl_divergence"], float(exact), rel_tol=1e-10)


def test_the_coloured_balls_of_the_notes(caller: Any) -> None:
    body = {
        "p": {"red": 2, "green": 3, "blue": 4},
        "q": {"red": 4, "green": 4, "blue": 1},
        "unit": "bit",
    }
    assert caller.post("/v1/information", body).json()["cross_entropy"] == 2.0588138903312014


def test_labels_that_are_left_out_may_be_named(caller: Any) -> None:
    body = {"logits": [[0, 1], [1, 0], [2, 2]], "labels": ["cat", "?", "dog"]}
    body |= {"classes": ["cat", "dog"], "ignore_index": ["?", "dog"]}
    answer = caller.post("/v1/losses/cross-entropy", body).json()
    assert (answer["count"], answer["ignored"]) == (1, 2)
    assert answer["loss"] == pytest.approx(math.log1p(math.e), rel=1e-15)
    problem = caller.post("/v1/losses/cross-entropy", body | {"classes": None}).json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("not_a_label", "/ignore_index/0")


@pytest.mark.parametrize("axis", [246, -65005319])
def test_of_an_empty_batch_no_axis_is_looked_at(caller: Any, axis: int) -> None:
    for path, answer in (("/v1/softmax", "probabilities"), ("/v1/losses/entropy", "loss")):
        given = {"logits": [], "axis": axis, **({"reduction": "none"} if answer == "loss" else {})}
        found = caller.post(path, given)
        assert (found.status_code, found.json()[answer]) == (200, [])
