"""Evaluation and comparison over HTTP: what is refused, and what has too little to say much."""

from typing import Any

import pytest

EVALUATE, COMPARE = "/v1/evaluate", "/v1/compare"
BODIES: dict[str, dict[str, Any]] = {
    EVALUATE: {"logits": [[1, 2], [2, 1]], "labels": [0, 1]},
    COMPARE: {
        "baseline_logits": [[1, 2], [2, 1]],
        "candidate_logits": [[1, 2], [3, 1]],
        "labels": [0, 1],
    },
}


@pytest.mark.parametrize("path", [EVALUATE, COMPARE])
@pytest.mark.parametrize(
    ("members", "pointers", "code"),
    [
        ({"labels": [0, 2]}, ["/labels/1"], "label_out_of_range"),
        ({"labels": ["x", "z"], "classes": ["x", "y"]}, ["/labels/1"], "unknown_label"),
        ({"labels": [0, 1], "classes": ["x"]}, ["/classes"], "shape_mismatch"),
        ({"sample_weights": [0, 0]}, ["/labels"], "empty_reduction"),
        ({"slices": {"a": []}}, ["/slices/a"], "shape_mismatch"),
        ({"slices": {"a": [1]}}, ["/slices/a"], "shape_mismatch"),
        ({"slices": {"a": [1, "x"]}}, ["/slices/a/1"], "invalid_option"),
        ({"slices": {"a": 5, "b": [1, 2], "c/d": "xy"}}, ["/slices/a", "/slices/c~1d"], None),
        ({"slices": {"a": {"b": 1}}}, ["/slices/a"], "invalid_option"),
        ({"slices": {"a": None}}, ["/slices/a"], "invalid_option"),
        ({"slices": 5}, ["/slices"], "invalid_option"),
        ({"clusters": ["g"]}, ["/clusters"], "shape_mismatch"),
        ({"clusters": 5}, ["/clusters"], "invalid_option"),
    ],
)
def test_refusals_name_the_cell(
    caller: Any, path: str, members: dict[str, Any], pointers: list[str], code: str | None
) -> None:
    answer = caller.post(path, BODIES[path] | members)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert [fault["pointer"] for fault in problem["errors"]] == pointers
    assert problem["code"] == (code or "invalid_option")


def test_a_hundred_thousand_wrong_columns_are_told_in_a_few_words(caller: Any) -> None:
    wrong = {f"c{i}": 0 for i in range(100_000)}
    answer = caller.post(EVALUATE, BODIES[EVALUATE] | {"slices": wrong})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("path", [EVALUATE, COMPARE])
def test_no_columns_are_no_slices(caller: Any, path: str) -> None:
    answer = caller.post(path, BODIES[path] | {"slices": {}})
    assert answer.status_code == 200
    assert "slices" not in answer.json()


@pytest.mark.parametrize("replicates", [0, 100])
def test_rows_of_one_cluster_leave_the_difference_without_an_interval(
    caller: Any, replicates: int
) -> None:
    members = {"clusters": ["g", "g"], "replicates": replicates}
    found = caller.post(COMPARE, BODIES[COMPARE] | members).json()
    assert found["clusters"] == 1
    assert found["interval"] == ["NaN", "NaN"]
    assert found["standard_error"] == found["p_t"] == "NaN"
    assert found["better"] is False


def test_rows_of_one_cluster_leave_the_bootstrap_without_an_interval(caller: Any) -> None:
    members = {"clusters": ["g", "g"], "include": ["bootstrap"]}
    found = caller.post(EVALUATE, BODIES[EVALUATE] | members).json()["bootstrap"]
    assert (found["clusters"], found["interval"]) == (1, ["NaN", "NaN"])


def test_the_bootstrap_of_two_clusters_excludes_nothing(caller: Any) -> None:
    # half of the draws are of one cluster alone, whose spread is 0 and whose score is infinite
    members = {"clusters": ["g", "h"], "replicates": 1000}
    found = caller.post(COMPARE, BODIES[COMPARE] | members).json()
    assert found["interval"] == ["-Infinity", "Infinity"]
    assert found["better"] is False


def test_a_class_of_one_row_has_no_interval(caller: Any) -> None:
    found = caller.post(EVALUATE, BODIES[EVALUATE]).json()["per_class"]
    assert [each["interval"] for each in found] == [["NaN", "NaN"]] * 2
