"""Other libraries' numbers as they are served: what the libraries printed, asked for over HTTP."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "losses" / "dialects" / "golden"
LIBRARIES = ("torch", "keras", "sklearn", "tensorflow")
# An argument of the library functions in Python; over HTTP it is class_weights.
PYTHON_ONLY = {"alpha"}


def served_cases(library: str) -> list[dict[str, Any]]:
    cases = json.loads((GOLDEN / f"{library}.json").read_text())["cases"]
    # what JSON cannot say: empty arrays with several axes, and float32
    plain = [case for case in cases if not {"shapes", "dtypes"} & {*case}]
    return [case for case in plain if "printed" in case and not PYTHON_ONLY & {*case["given"]}]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_service_prints_what_the_library_printed(library: str, caller: Any) -> None:
    cases = served_cases(library)
    assert len(cases) > 20
    for case in cases:
        answer = caller.post(f"/v1/losses/{case['loss']}", {**case["given"], "dialect": library})
        assert answer.status_code == 200, (case, answer.json())
        found = np.array(answer.json()["loss"], dtype=np.float64).reshape(-1)
        printed = np.array(case["printed"], dtype=np.float64).reshape(-1)
        # the room of the dialects holds them in ulp; this is about what the wire lets through
        np.testing.assert_allclose(found, printed, rtol=3e-5, atol=3e-5, err_msg=str(case))


def test_two_libraries_that_take_different_predictions_are_compared(caller: Any) -> None:
    body = {"logits": [[1, 2], [30, 0]], "labels": [0, 1], "compare": ["torch", "sklearn"]}
    answer = caller.post("/v1/losses/cross-entropy", body).json()
    for library in ("torch", "sklearn"):
        assert answer["compared"][library]["loss"] == pytest.approx(answer["loss"], rel=1e-6)
    rules = [rule["code"] for rule in answer["compared"]["sklearn"]["rules"]]
    assert rules[0] == "from_logits"


def test_a_library_without_the_loss_is_named_in_its_place(caller: Any) -> None:
    body = {"logits": [[1, 2]], "labels": [0], "compare": ["keras", "torch"]}
    problem = caller.post("/v1/losses/focal", body).json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == (
        "dialect_unsupported",
        "/compare/1",
    )


def test_every_library_that_does_not_take_an_option_is_named_at_once(caller: Any) -> None:
    body = {"logits": [[1, 2]], "labels": [0], "class_weights": [1, 3]}
    asked = body | {"compare": ["keras", "torch", "sklearn", "jax"]}
    problem = caller.post("/v1/losses/cross-entropy", asked).json()
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [
        ("/compare/0", "dialect_unsupported"),
        ("/compare/2", "dialect_unsupported"),
        ("/compare/3", "invalid_option"),
    ]


def test_bad_data_is_pointed_at_in_the_data(caller: Any) -> None:
    body = {"logits": [[1, 2]], "labels": [2], "compare": ["keras", "sklearn"]}
    problem = caller.post("/v1/losses/cross-entropy", body).json()
    assert [fault["pointer"] for fault in problem["errors"]] == ["/labels/0"]


def test_a_loss_of_no_library_says_so_wherever_a_library_is_asked_for(caller: Any) -> None:
    body = {"logits": [[1, 2]], "labels": [0]}
    for loss in ("js-divergence", "perplexity", "poly-1-cross-entropy"):
        exact = caller.post(f"/v1/losses/{loss}", {**body, "dialect": "exact", "compare": []})
        assert exact.status_code == 200
        for asked, pointer in (
            ({"dialect": "torch"}, "/dialect"),
            ({"compare": ["torch"]}, "/compare/0"),
        ):
            problem = caller.post(f"/v1/losses/{loss}", body | asked).json()
            fault = problem["errors"][0]
            assert (problem["code"], fault["pointer"]) == ("dialect_unsupported", pointer)
            assert f"no {loss}, which is reproduced of no library; torch has" in fault["detail"]
    problem = caller.post("/v1/losses/entropy", {"logits": [1, 2], "dialect": "keras"}).json()
    assert problem["code"] == "dialect_unsupported"


def test_log_probabilities_that_torch_wants_are_made_of_logits(caller: Any) -> None:
    hard = {"logits": [[1, 2], [30, 0]], "labels": [0, 1], "compare": ["torch"]}
    soft = {"logits": [[1, 2], [3, 0]], "targets": [[1, 0], [0.5, 0.5]], "compare": ["torch"]}
    for loss, body in (
        ("negative-log-likelihood", hard),
        ("kl-divergence", soft | {"reduction": "sum"}),
    ):
        answer = caller.post(f"/v1/losses/{loss}", body).json()
        said = answer["compared"]["torch"]
        assert said["loss"] == pytest.approx(answer["loss"], rel=1e-6)
        assert "log_softmax_first" in [rule["code"] for rule in said["rules"]]


def test_a_library_answers_where_the_exact_rules_refuse(caller: Any) -> None:
    body = {"logits": [[1, "NaN"]], "labels": [0], "dialect": "torch"}
    answer = caller.post("/v1/losses/cross-entropy", body).json()
    assert answer["loss"] == "NaN"
    assert "exact" not in answer
    body = {"logits": [[1, 2], [0, 1]], "labels": [0, 1], "dialect": "torch", "reduction": "sum"}
    exact = caller.post("/v1/losses/cross-entropy", body).json()["exact"]
    assert exact["uniform_baseline"] == pytest.approx(2 * np.log(2))
