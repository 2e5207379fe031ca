"""Training and importing over HTTP: what comes back, what is refused, what is registered."""

import gzip
from itertools import count
from typing import Any

import numpy as np
import orjson
import pytest

from service.classifier import Options, load_dataset, train
from service.wire import TENSORS, parse_tensors
from service.wire.tensorfile import write_file

IRIS = load_dataset("iris")
ROWS = IRIS.inputs.tolist()
LABELS = [IRIS.classes[index] for index in IRIS.labels]
FRESH = count()


def path() -> str:
    """Versions of a name that nobody has used."""
    return f"/v1/models/trained-{next(FRESH)}/versions"


def trained(caller: Any, where: str, **body: Any) -> dict[str, Any]:
    answer = caller.post(where, {"inputs": ROWS, "labels": LABELS, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{where}/{found['version']}"
    return found


class TestTraining:
    def test_it_is_what_the_library_trains_to_the_bit(self, caller: Any) -> None:
        where = path()
        options = {"l2": 0.1, "validation_fraction": 0.2, "test_fraction": 0.2}
        found = trained(caller, where, options={**options, "calibrate": "temperature"})
        same = train(
            IRIS.inputs, np.array(LABELS), options=Options(**options, calibrate="temperature")
        )
        assert found["log_loss"] == {name: part.log_loss for name, part in same.parts.items()}
        assert found["baselines"]["prior"]["test"] == same.parts["test"].prior_baseline
        assert found["fit"]["objective"] == same.fit.objective
        assert found["fit"]["converged"] is True
        assert found["calibration"]["temperature"] == same.calibration.temperature
        parameters = caller.get(f"{where}/1/parameters").json()
        assert parameters["coefficients"] == same.model.coefficients.tolist()
        assert parameters["intercepts"] == same.model.intercepts.tolist()
        shown = caller.get(f"{where}/default").json()
        assert shown == {k: v for k, v in found.items() if k != "model"}
        assert caller.get(where.removesuffix("/versions")).json() == shown

    def test_json_and_tensors_train_the_same(self, caller: Any) -> None:
        where = path()
        trained(caller, where)
        metadata = b'{"labels": [%b]}' % b",".join(f'"{name}"'.encode() for name in LABELS)
        file = write_file({"request": metadata.decode()}, {"inputs": IRIS.inputs})
        answer = caller.ask("POST", where, content=file, headers={"content-type": TENSORS})
        assert (answer.status_code, answer.headers["content-type"]) == (201, TENSORS)
        assert parse_tensors(
            answer.content.replace(b'"response"', b'"request" '),
            frozenset(), frozenset(), max_elements=9, max_header=10**6,
        )["version"] == 2  # fmt: skip
        first, second = (caller.get(f"{where}/{n}/parameters").json() for n in (1, 2))
        assert first == second

    def test_versions_predict_and_evaluate_each_for_itself(self, caller: Any) -> None:
        where = path()
        trained(caller, where, options={"l2": 100})
        trained(caller, where)
        body = {"inputs": ROWS, "labels": LABELS}
        losses = [
            caller.post(f"{where}/{version}/evaluate", body).json()["log_loss"]
            for version in (1, 2, "default")
        ]
        assert losses[0] > losses[1] == losses[2]
        one = caller.post(f"{where}/1/predict", {"inputs": ROWS[:1]}).json()
        assert one["version"] == 1
        large = orjson.dumps({"inputs": ROWS}) + b" " * 2**20  # goes to the process beside
        many = caller.post(f"{where}/1/predict", large).json()
        assert many["version"] == 1
        assert many["probabilities"][0] == one["probabilities"][0]
        newest = where.removesuffix("/versions") + "/predict"
        many = caller.post(newest, large).json()
        alone = caller.post(newest, {"inputs": ROWS[-1:]}).json()
        assert many["version"] == 2
        assert many["probabilities"][-1] == alone["probabilities"][0]

    def test_it_starts_from_a_version(self, caller: Any) -> None:
        where = path()
        first = trained(caller, where)
        again = trained(caller, where, options={"initial_version": "default"})
        assert again["training"]["initial_version"] == 1
        assert again["fit"]["iterations"] < first["fit"]["iterations"]

    def test_what_did_not_converge_says_so(self, caller: Any) -> None:
        found = trained(caller, path(), options={"max_iterations": 1})
        assert found["fit"]["converged"] is False
        separable = trained(caller, path(), inputs=[[0], [1], [2], [3]], labels=[0, 0, 1, 1],
                            options={"l2": 0})  # fmt: skip
        assert separable["fit"]["separable"] is True

    @pytest.mark.parametrize(("column", "unique"), [(1.0, False), (None, True)])
    def test_features_that_repeat_are_fine_with_l2_and_told_without(
        self, caller: Any, column: float | None, unique: bool
    ) -> None:
        rows = [row[:2] + ([] if column is None else [column]) for row in ROWS]
        assert "unique" not in trained(caller, path(), inputs=rows)["fit"]
        found = trained(caller, path(), inputs=rows, options={"l2": 0, "tolerance": 1e-6})
        assert found["fit"]["unique"] is unique

    def test_statistics_are_those_of_a_published_table(self, caller: Any) -> None:
        found = trained(
            caller, path(), inputs=[[0], [1]], labels=None, targets=[[73, 18], [74, 35]],
            options={"l2": 0, "statistics": True},
        )  # fmt: skip
        (table,) = found["statistics"]["classes"]
        odds = 35 * 73 / (18 * 74)  # closed form of a two by two table
        slope = table["coefficients"][0]
        assert slope["coefficient"] == pytest.approx(np.log(odds), rel=1e-8)
        error = (1 / 73 + 1 / 18 + 1 / 74 + 1 / 35) ** 0.5
        assert slope["standard_error"] == pytest.approx(error, rel=1e-8)
        assert table["coefficients"][1]["feature"] == "intercept"

    def test_a_dry_run_leaves_nothing(self, caller: Any) -> None:
        where = path()
        answer = caller.post(where, {"inputs": ROWS, "labels": LABELS, "dry_run": True})
        assert answer.status_code == 200
        assert "version" not in answer.json()
        assert "location" not in answer.headers
        assert caller.get(where).status_code == 404


def test_an_import_predicts_by_the_formula(caller: Any) -> None:
    where = path()
    body = {"coefficients": [[1, -2]], "intercepts": [0.5], "classes": ["no", "yes"]}
    answer = caller.post(where, body)
    assert answer.status_code == 201
    found = caller.post(f"{where}/1/predict", {"inputs": [[2, 1]]}).json()
    p = 1 / (1 + np.exp(-0.5))
    np.testing.assert_allclose(found["probabilities"], [[1 - p, p]], rtol=1e-14)


def test_pages_lead_to_everything(caller: Any) -> None:
    where = path()
    for _ in range(3):
        trained(caller, where)
    seen, following = [], f"{where}?limit=2"
    while following:
        page = caller.get(following).json()
        seen += [entry["version"] for entry in page["versions"]]
        following = page.get("next")
    assert seen == [1, 2, 3]
    names, following = [], "/v1/models?limit=1"
    while following:
        page = caller.get(following).json()
        names += [entry["name"] for entry in page["models"]]
        following = page.get("next")
    assert names == sorted(set(names))
    assert {"digits", "iris", where.split("/")[3]} <= set(names)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "/limit"), ("limit=1001", "/limit"), ("limit=x", "/limit"), ("a=1", "/a"),
     ("limit=1&limit=2", "/limit"), ("after=" + "9" * 30, "/after"), ("limit=1.0", "/limit"),
     ("limit=%201", "/limit"), ("limit=1%0A", "/limit"), ("limit=%2B1", "/limit"),
     ("limit=1_0", "/limit"), ("limit=01", "/limit"), ("limit[]=1", "/limit[]"),
     ("limit", "/limit")],
)  # fmt: skip
def test_a_page_that_means_nothing_is_422(caller: Any, query: str, pointer: str) -> None:
    answer = caller.get(f"/v1/models/iris/versions?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


GOOD = {"inputs": [[0, 1], [1, 0], [2, 5], [3, 4]], "labels": ["a", "a", "b", "b"]}
DATA = {"inputs", "labels"}
IMPORT = {"coefficients": [[1, 2], [3, 4]], "intercepts": [0, 0], "classes": ["a", "b"]}
BAD = {
    "no data": ({"inputs": None, "labels": None}, "/inputs"),
    "no truth": ({"labels": None}, "/labels"),
    "both truths": ({"targets": [[1, 0]] * 4}, "/labels"),
    "one class": ({"labels": ["a"] * 4}, "/labels"),
    "a class without rows": ({"classes": ["a", "b", "c"]}, "/labels"),
    "one class named": ({"classes": ["a"]}, "/classes"),
    "classes twice": ({"classes": ["a", "b", "b"]}, "/classes"),
    "an unknown label": ({"classes": ["a", "c"]}, "/labels/2"),
    "a class without weight": ({"sample_weights": [1, 1, 0, 0]}, "/labels"),
    "no weight": ({"sample_weights": [0, 0, 0, 0]}, "/sample_weights"),
    "a negative weight": ({"sample_weights": [1, -1, 1, 1]}, "/sample_weights/1"),
    "too few weights": ({"sample_weights": [1, 1]}, "/sample_weights"),
    "too few labels": ({"labels": ["a", "b"]}, "/labels"),
    "mixed labels": ({"labels": ["a", 1, "b", 2]}, "/labels"),
    "boolean labels": ({"labels": [True, False, True, False]}, "/labels"),
    "nested labels": ({"labels": [["a", "b"]]}, "/labels"),
    "a NaN": ({"inputs": [[0, 1], [1, "NaN"], [2, 5], [3, 4]]}, "/inputs/1/1"),
    "an infinity": ({"inputs": [[0, 1], [1, 0], [2, "-Infinity"], [3, 4]]}, "/inputs/2/1"),
    "a null": ({"inputs": [[0, 1], [1, None], [2, 5], [3, 4]]}, "/inputs/1/1"),
    "a ragged row": ({"inputs": [[0, 1], [1], [2, 5], [3, 4]]}, "/inputs/1"),
    "a flat array": ({"inputs": [0, 1, 2, 3]}, "/inputs"),
    "no rows": ({"inputs": [], "labels": []}, "/labels"),
    "a number": ({"inputs": 5}, "/inputs"),
    "names of features": ({"feature_names": ["x"]}, "/feature_names"),
    "names twice": ({"feature_names": ["x", "x"]}, "/feature_names"),
    "targets of three": ({"labels": None, "targets": [[1, 0, 0]] * 4, "classes": ["a", "b"]},
                         "/targets"),
    "a negative target": ({"labels": None, "targets": [[1, 0], [0, 1], [1, -1], [1, 0]]},
                          "/targets/2/1"),
    "an unknown member": ({"label": 1}, "/label"),
    "an unknown option": ({"options": {"C": 1}}, "/options/C"),
    "a number as text": ({"options": {"l2": "1"}}, "/options/l2"),
    "a negative penalty": ({"options": {"l2": -1}}, "/options/l2"),
    "an infinite penalty": ({"options": {"l1": "Infinity"}}, "/options/l1"),
    "options as a list": ({"options": []}, "/options"),
    "no such solver": ({"options": {"solver": "magic"}}, "/options/solver"),
    "a whole part": ({"options": {"test_fraction": 1}}, "/options/test_fraction"),
    "calibration without a part": ({"options": {"calibrate": "temperature"}}, "/options/calibrate"),
    "statistics with a penalty": ({"options": {"statistics": True}}, "/options/statistics"),
    "statistics of separable classes": ({"options": {"statistics": True, "l2": 0}},
                                        "/options/statistics"),
    "no such reference": ({"options": {"reference_class": "z"}}, "/options/reference_class"),
    "weights of no class": ({"options": {"class_weights": {"z": 1}}}, "/options/class_weights/z"),
    "weights of three classes": ({"options": {"class_weights": [1, 1, 1]}},
                                 "/options/class_weights"),
    "a start that is not there": ({"options": {"initial_version": 3}}, "/options/initial_version"),
    "data and parameters": (IMPORT, "/inputs"),
}  # fmt: skip
BAD_IMPORT = {
    "no classes": ({"classes": None}, "/classes"),
    "no intercepts": ({"intercepts": None}, "/intercepts"),
    "no coefficients": ({"coefficients": None}, "/coefficients"),
    "a wrong shape": ({"coefficients": [[1, 2]] * 3}, "/coefficients"),
    "flat": ({"coefficients": [1, 2]}, "/coefficients"),
    "a NaN": ({"coefficients": [[1, 2], [3, "NaN"]]}, "/coefficients/1/1"),
    "too many intercepts": ({"intercepts": [1, 2, 3]}, "/intercepts"),
    "names": ({"feature_names": ["x", "x"]}, "/feature_names"),
    "options": ({"options": {"l2": 1}}, "/options"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_told_and_registers_nothing(caller: Any, case: str) -> None:
    change, pointer = BAD[case]
    where = path()
    self_check(caller, where, {**GOOD, **change}, pointer)


@pytest.mark.parametrize("case", BAD_IMPORT)
def test_a_bad_import_is_told_and_registers_nothing(caller: Any, case: str) -> None:
    change, pointer = BAD_IMPORT[case]
    self_check(caller, path(), {**IMPORT, **change}, pointer)


def self_check(caller: Any, where: str, body: dict[str, Any], pointer: str) -> None:
    answer = caller.post(where, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer, answer.text
    assert caller.get(where).status_code == 404


def test_secrets_in_names_are_not_repeated(caller: Any, secret: str) -> None:
    for body in (
        {**GOOD, "labels": [secret, secret, secret, secret]},
        {**GOOD, "feature_names": [secret, secret]},
        {**GOOD, "options": {"solver": secret, "calibrate": secret, "reference_class": secret}},
    ):
        assert caller.post(path(), body).status_code == 422  # the contract looks for it


@pytest.mark.parametrize(
    ("name", "status"), [("iris", 409), ("digits", 409), ("Iris", 422), ("a" * 64, 422), ("_", 422)]
)
def test_names_that_cannot_be_taken(caller: Any, name: str, status: int) -> None:
    assert caller.post(f"/v1/models/{name}/versions", GOOD).status_code == status


def csv(caller: Any, where: str, text: str | bytes, **query: str) -> Any:
    return caller.ask(
        "POST", where, content=text, params=query, headers={"content-type": "text/csv"}
    )


TABLE = "x,y,kind,w\n" + "".join(
    f"{row[0]},{row[1]},{name},{1 + index % 3}\n"
    for index, (row, name) in enumerate(zip(ROWS, LABELS, strict=True))
)


def test_a_table_trains_as_json_does(caller: Any) -> None:
    where = path()
    answer = csv(caller, where, TABLE, label="kind", weight="w", options='{"l2": 0.5}')
    assert answer.status_code == 201, answer.text
    assert answer.json()["features"] == ["x", "y"]
    weights = [1 + index % 3 for index in range(len(ROWS))]
    inputs = [row[:2] for row in ROWS]
    trained(caller, where, inputs=inputs, sample_weights=weights, options={"l2": 0.5})
    first, second = (caller.get(f"{where}/{n}/parameters").json() for n in (1, 2))
    assert first["coefficients"] == second["coefficients"]
    assert csv(caller, where, TABLE, label="kind", weight="w", dry_run="true").status_code == 200
    packed = gzip.compress(TABLE.encode())
    headers = {"content-type": "text/csv; charset=utf-8", "content-encoding": "gzip"}
    query = {"label": "kind", "weight": "w"}
    answer = caller.ask("POST", where, content=packed, params=query, headers=headers)
    assert answer.json()["version"] == 3


@pytest.mark.parametrize(
    ("text", "query", "status", "pointer"),
    [
        (TABLE, {}, 422, "/label"),
        (TABLE, {"label": "none"}, 422, "/columns/none"),
        (TABLE, {"label": "kind", "weight": "v"}, 422, "/weight"),
        (TABLE, {"label": "kind", "weight": "kind"}, 422, "/weight"),
        (TABLE, {"label": "kind", "lable": "kind"}, 422, "/lable"),
        (TABLE, {"label": "kind", "options": '{"C": 1}'}, 422, "/options/C"),
        (TABLE, {"label": "kind", "options": "{"}, 400, None),
        (TABLE, {"label": "kind", "dry_run": "maybe"}, 422, "/dry_run"),
        (TABLE, {"label": "kind", "dry_run": "on"}, 422, "/dry_run"),
        (TABLE.replace("3.5", "nan", 1), {"label": "kind"}, 422, "/rows/0/y"),
        (TABLE.replace("3.5", "", 1), {"label": "kind"}, 422, "/rows/0/y"),
        (TABLE + "1,2\n", {"label": "kind"}, 400, None),
        ("kind\na\nb\n", {"label": "kind"}, 422, "/columns"),
        ("", {"label": "kind"}, 400, None),
        (b"x,kind\n1,\xff\n", {"label": "kind"}, 400, None),
    ],
)
def test_a_bad_table_is_told_and_registers_nothing(
    caller: Any, text: Any, query: dict[str, str], status: int, pointer: str | None
) -> None:
    where = path()
    answer = csv(caller, where, text, **query)
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer, answer.text
    assert caller.get(where).status_code == 404


def test_a_query_without_a_table_is_refused(caller: Any) -> None:
    answer = caller.post(f"{path()}?label=kind", GOOD)
    assert answer.status_code == 422


def test_other_media_types_are_415(caller: Any) -> None:
    for kind in ("text/plain", "text/csv; charset=latin-1", "application/x-www-form-urlencoded"):
        answer = caller.ask("POST", path(), content=b"a,b", headers={"content-type": kind})
        assert answer.status_code == 415


def test_more_than_the_limit_is_413_before_anything_is_computed(caller: Any) -> None:
    rows = np.zeros((4001, 2501), np.float16)  # 10,006,501 numbers
    labels = np.arange(4001) % 2
    file = write_file({"request": "{}"}, {"inputs": rows, "labels": labels})
    where = path()
    answer = caller.ask("POST", where, content=file, headers={"content-type": TENSORS})
    assert answer.status_code == 413
    assert "XENT_MAX_TRAINING_ELEMENTS is 10000000" in answer.json()["detail"]
    file = write_file({"request": "{}"}, {"inputs": np.zeros((4001, 1)), "labels": np.arange(4001)})
    answer = caller.ask("POST", where, content=file, headers={"content-type": TENSORS})
    assert answer.json()["code"] == "training_too_large"  # 4001 classes
    assert caller.get(where).status_code == 404
