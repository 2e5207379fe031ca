"""An alias moves only to what is shown to be better, and only if nobody has moved it meanwhile."""

from itertools import count
from typing import Any

import numpy as np
import orjson
import pytest
from safetensors.numpy import save

from service import evaluation
from service.wire import TENSORS

FRESH = count()
RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=(200, 1))
LABELS = np.where(RNG.random(200) < 1 / (1 + np.exp(-2 * INPUTS[:, 0])), "tulip", "rose")
ROWS = {"inputs": INPUTS.tolist(), "labels": LABELS.tolist()}


def imported(slope: float, classes: list[str]) -> dict[str, Any]:
    return {"coefficients": [[slope]], "intercepts": [0], "classes": classes}


@pytest.fixture
def model(caller: Any) -> str:
    """The path of a model whose version 2 is right; version 1, the champion, has no idea."""
    path = f"/v1/models/gated-{next(FRESH)}"
    for body in (imported(0, ["rose", "tulip"]), imported(-2, ["tulip", "rose"]),
                 imported(1, ["rose", "daisy"])):  # fmt: skip
        assert caller.post(f"{path}/versions", body).status_code == 201
    headers = {"if-none-match": "*"}
    champion = f"{path}/aliases/champion"
    assert caller.ask("PUT", champion, json={"version": 1}, headers=headers).status_code == 200
    return path


def champion(caller: Any, model: str) -> int:
    return int(caller.get(f"{model}/aliases/champion").json()["version"])


def test_what_is_better_is_promoted_and_can_be_rolled_back(caller: Any, model: str) -> None:
    answer = caller.post(f"{model}/aliases/champion/promote", {"version": 2, **ROWS})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["promoted"], found["version"]) == (True, 2)
    slope = np.exp(2 * INPUTS) / (1 + np.exp(2 * INPUTS))
    wanted = evaluation.compare(
        baseline_probabilities=np.full((200, 2), 0.5),
        candidate_probabilities=np.hstack([1 - slope, slope]),
        labels=LABELS,
        classes=["rose", "tulip"],
    )
    assert found["comparison"]["delta"] == pytest.approx(wanted.delta, rel=1e-12)
    shown = caller.get(f"{model}/aliases/champion").json()
    assert shown == {"alias": "champion", "version": 2, "previous": 1}
    again = caller.post(f"{model}/aliases/champion/promote", {"version": 1, **ROWS}).json()
    assert (again["promoted"], again["version"]) == (False, 2)
    assert champion(caller, model) == 2


def test_not_by_so_wide_a_margin(caller: Any, model: str) -> None:
    body = {"version": 2, **ROWS, "margin": 5.0}
    found = caller.post(f"{model}/aliases/champion/promote", body).json()
    assert (found["promoted"], found["comparison"]["better"]) == (False, False)
    assert champion(caller, model) == 1


def test_predictions_instead_of_inputs_and_tensors_instead_of_json(caller: Any, model: str) -> None:
    guess = [[0.5, 0.5]] * 4
    sharp = [[0.9, 0.1], [0.1, 0.9], [0.95, 0.05], [0.08, 0.92]]
    body = {"version": 2, "labels": ["rose", "tulip"] * 2}
    sent = {"baseline_probabilities": guess, "candidate_probabilities": sharp}
    path = f"{model}/aliases/champion/promote"
    assert caller.post(path, {**body, **sent}).json()["promoted"] is True
    others = orjson.dumps({"version": 1, "labels": ROWS["labels"]}).decode()
    file = save({"inputs": INPUTS}, {"request": others})
    answer = caller.post(path, file, **{"content-type": TENSORS})
    assert answer.status_code == 200
    assert champion(caller, model) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 9}, "unknown_version"),
        ({"version": 3}, "shape_mismatch"),
        ({"version": 0}, "invalid_option"),
        ({"inputs": None}, "conflicting_members"),
        ({"candidate_probabilities": [[0.5, 0.5]]}, "conflicting_members"),
        ({"baseline_probabilities": [[0.5, 0.5]]}, "conflicting_members"),
        ({"baseline_probabilities": [[0.5, 0.5]], "inputs": None}, "conflicting_members"),
        ({"labels": ["daisy"] * 200}, "unknown_label"),
        ({"labels": ["rose"]}, "shape_mismatch"),
        ({"inputs": [[1.0, 2.0]] * 200}, "shape_mismatch"),
        ({"margin": "NaN"}, "invalid_option"),
    ],
)
def test_bad_input_moves_nothing(
    caller: Any, model: str, change: dict[str, Any], code: str
) -> None:
    body = {"version": 2, **ROWS, **change}
    answer = caller.post(f"{model}/aliases/champion/promote", body)
    assert answer.json()["code"] == code
    assert champion(caller, model) == 1


def test_without_something_to_compare_with(caller: Any, model: str) -> None:
    for path, code in (
        (f"{model}/aliases/nothing", "unknown_alias"),
        (f"{model}/aliases/Nothing", "invalid_option"),
        ("/v1/models/nobody/aliases/champion", "unknown_model"),
    ):
        answer = caller.post(f"{path}/promote", {"version": 2, **ROWS})
        assert answer.json()["code"] == code


def test_long_json_is_told_to_come_as_tensors(caller: Any, model: str) -> None:
    body = {"version": 2, "inputs": [[1.25]] * 200_000, "labels": ["rose"] * 200_000}
    answer = caller.post(f"{model}/aliases/champion/promote", orjson.dumps(body))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "safetensors" in answer.json()["detail"]
