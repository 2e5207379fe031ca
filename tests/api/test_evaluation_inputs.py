"""What /v1/evaluate and /v1/compare say to rows that mean little, or nothing."""

import pytest

EVALUATE = {"probabilities": [[0.9, 0.1], [0.4, 0.6]], "labels": ["a", "b"], "classes": ["a", "b"]}
COMPARE = {
    "baseline_probabilities": EVALUATE["probabilities"],
    "candidate_logits": [[1.0, 0.0], [0.0, 2.0]],
    "labels": [0, 1],
}


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"labels": ["a", "c"]}, "/labels/1", "unknown_label"),
        ({"labels": ["a"]}, "/labels", "shape_mismatch"),
        ({"probabilities": [[0.9, 0.1], [0.4, 0.7]]}, "/probabilities/1", "not_normalized"),
        (
            {"probabilities": [[0.9, 0.1], [1.4, -0.4]]},
            "/probabilities/1/0",
            "probability_out_of_range",
        ),
        ({"sample_weights": [0, 0]}, "/labels", "empty_reduction"),
        ({"sample_weights": [1, -1]}, "/sample_weights/1", "negative_weight"),
        ({"probabilities": [], "labels": []}, "/labels", "empty_reduction"),
        ({"slices": {"part": []}}, "/slices/part", "shape_mismatch"),
        ({"slices": {"part": ["x", None]}}, "/slices/part/1", "invalid_option"),
        ({"clusters": ["x", 1], "include": ["bootstrap"]}, "/clusters/1", "invalid_option"),
        ({"include": ["ranks"]}, "/include/0", "invalid_option"),
        ({"row_ids": [1]}, "/row_ids", "shape_mismatch"),
    ],
)
def test_bad_rows_are_named(caller, change, pointer, code):
    answer = caller.ask("POST", "/v1/evaluate", json={**EVALUATE, **change})
    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        (pointer, code)
    ]


def test_groups_of_one_and_absent_classes_have_no_interval_and_are_no_error(caller):
    body = {
        **EVALUATE,
        "probabilities": [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1]],
        "classes": ["a", "b", "c"],
        "slices": {"part": ["x", "y"]},
        "include": ["ranking"],
    }
    report = caller.ask("POST", "/v1/evaluate", json=body).json()
    for part in report["slices"]["part"]:
        assert (part["count"], part["standard_error"], part["interval"]) == (1, "NaN", ["NaN"] * 2)
    absent = report["per_class"][2]
    assert (absent["support"], absent["log_loss"], absent["roc_auc"]) == (0, "NaN", "NaN")
    assert report["ranking"]["method"] == "exact"


def test_no_columns_of_slices_are_no_slices(caller):
    report = caller.ask("POST", "/v1/evaluate", json={**EVALUATE, "slices": {}}).json()
    assert report.get("slices") is None


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"labels": [0, 2]}, "/labels/1", "label_out_of_range"),
        ({"candidate_logits": [[1.0, 0.0]]}, "/labels", "shape_mismatch"),
        ({"sample_weights": [0, 0]}, "/labels", "empty_reduction"),
        ({"clusters": []}, "/clusters", "shape_mismatch"),
        ({"margin": "x"}, "/margin", None),
    ],
)
def test_bad_pairs_are_named(caller, change, pointer, code):
    answer = caller.ask("POST", "/v1/compare", json={**COMPARE, **change})
    assert answer.status_code == 422
    found = answer.json()["errors"][0]
    assert found["pointer"] == pointer
    assert code in (None, found["code"])


def test_a_single_cluster_shows_nothing(caller):
    found = caller.ask("POST", "/v1/compare", json={**COMPARE, "clusters": ["x", "x"]}).json()
    assert (found["better"], found["clusters"], found["interval"]) == (False, 1, ["NaN", "NaN"])
