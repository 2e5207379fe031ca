"""Models as files over HTTP: what goes out is what the functions write, and comes back whole."""

import json
import math
from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from service import classifier
from service.wire import compress
from service.wire.tensorfile import write_file

IRIS = classifier.shipped_models()["iris"]
EXPORT = "/v1/models/iris/versions/1/export"
TENSORS = "application/vnd.safetensors"
MEDIA = {"json": "application/json", "safetensors": TENSORS, "torch": TENSORS}
ROW = [5.9, 3.0, 4.2, 1.5]


class TestExport:
    @pytest.mark.parametrize("form", MEDIA)
    def test_it_is_the_file_that_the_function_writes(self, form: Any, caller: Any) -> None:
        answer = caller.get(f"{EXPORT}?format={form}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == MEDIA[form]
        assert answer.content == classifier.write_format(IRIS, form)

    @pytest.mark.skipif(find_spec("onnx") is not None, reason="the package is there")
    def test_a_package_that_is_not_there_is_told(self, caller: Any) -> None:
        answer = caller.get(f"{EXPORT}?format=onnx")
        assert (answer.status_code, answer.json()["code"]) == (501, "not_installed")
        assert "pip install '.[onnx]'" in answer.json()["detail"]

    @pytest.mark.peers
    def test_onnx_is_the_file_that_the_function_writes(self, caller: Any) -> None:
        pytest.importorskip("onnx")
        answer = caller.get(f"{EXPORT}?format=onnx")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.content == classifier.to_onnx(IRIS)

    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            (f"{EXPORT}?format=pickle", 422, "invalid_option"),
            (f"{EXPORT}?form=json", 422, "unknown_member"),
            ("/v1/models/iris/versions/9/export", 404, "unknown_version"),
            ("/v1/models/none/versions/1/export", 404, "unknown_model"),
        ],
    )
    def test_what_cannot_be_had_is_told(
        self, path: str, status: int, code: str, caller: Any
    ) -> None:
        answer = caller.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_accept_is_held_to_the_format(self, caller: Any) -> None:
        assert caller.get(f"{EXPORT}?format=torch", accept=TENSORS).status_code == 200
        answer = caller.get(f"{EXPORT}?format=torch", accept="application/json")
        assert answer.json()["code"] == "not_acceptable"


def test_a_version_abstains_as_its_model_does(caller: Any) -> None:
    body = {"inputs": [ROW], "abstain": {"method": "lac", "coverage": 0.9}}
    whole = caller.post("/v1/models/iris/predict", body).json()
    assert "prediction_sets" in whole
    assert caller.post("/v1/models/iris/versions/1/predict", body).json() == whole


def test_no_rows_have_no_sets(caller: Any) -> None:
    body = {"inputs": [], "abstain": {"method": "lac", "coverage": 0.9}}
    found = caller.post("/v1/models/iris/predict", body).json()
    assert (found["prediction_sets"], found["abstained"]) == ([], [])


def test_sets_are_booleans_by_class_in_a_tensor_file(caller: Any) -> None:
    rows = classifier.load_dataset("iris").inputs[40:110]
    metadata = {"request": '{"abstain": {"method": "lac", "coverage": 0.99}}'}
    body = write_file(metadata, {"inputs": rows})
    answer = sent(caller, "/v1/models/iris/predict", body, TENSORS)
    found, size = load(answer.content), int.from_bytes(answer.content[:8], "little")
    header = json.loads(answer.content[8 : 8 + size])
    whole = caller.post(
        "/v1/models/iris/predict",
        {"inputs": rows.tolist(), "abstain": {"method": "lac", "coverage": 0.99}},
    ).json()
    assert "prediction_sets" not in json.loads(header["__metadata__"]["response"])
    assert header["prediction_sets"]["dtype"] == "BOOL"
    expected = [[name in chosen for name in IRIS.classes] for chosen in whole["prediction_sets"]]
    assert found["prediction_sets"].tolist() == expected
    assert found["abstained"].tolist() == whole["abstained"]


def test_a_model_is_evaluated_with_its_risk_at_every_coverage(caller: Any) -> None:
    digits, model = classifier.load_dataset("digits"), classifier.shipped_models()["digits"]
    rows, labels = digits.inputs[digits.held_out], digits.labels[digits.held_out]
    body = {"inputs": rows.tolist(), "labels": labels.tolist(), "include": ["curves"]}
    found = caller.post("/v1/models/digits/evaluate", body).json()["curves"]["risk_coverage"]
    p = model.predict(rows).probabilities
    exact = classifier.risk_coverage(1.0 - p.max(axis=1), p.argmax(axis=1) != labels)
    assert found["aurc"] == pytest.approx(exact.aurc, rel=0.1)  # confidences in 1,024 bins
    assert found["points"][-1]["coverage"] == 1.0
    assert found["points"][-1]["risk"] == pytest.approx(exact.risk[-1])


@pytest.mark.parametrize(
    ("abstain", "pointers"),
    [
        ({"method": "vibes", "coverage": 0.9}, ["/abstain/method"]),
        ({"method": "lac", "coverage": 1.5}, ["/abstain/coverage"]),
        ({"method": "lac", "coverage": "0.9", "error": 0}, ["/abstain/coverage", "/abstain/error"]),
        ({"method": "lac", "cover": 0.9}, ["/abstain/cover"]),
        ({"coverage": 0.9}, ["/abstain/method"]),
        ({"method": "lac", "threshold": 2.0}, ["/abstain/threshold"]),
        ({"method": "lac"}, ["/abstain"]),
        ("lac", ["/abstain"]),
    ],
)
def test_a_member_of_abstain_is_pointed_at(abstain: Any, pointers: list[str], caller: Any) -> None:
    answer = caller.post("/v1/models/iris/predict", {"inputs": [ROW], "abstain": abstain})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers


FRESH = count()


def path() -> str:
    """Versions of a name that nobody has used."""
    return f"/v1/models/moved-{next(FRESH)}/versions"


def sent(caller: Any, where: str, body: bytes, kind: str) -> Any:
    return caller.ask("POST", where, content=body, headers={"content-type": kind})


class TestImport:
    @pytest.mark.parametrize("form", MEDIA)
    def test_what_was_exported_comes_back_to_the_bit(self, form: str, caller: Any) -> None:
        where = path()
        file = caller.get(f"{EXPORT}?format={form}").content
        answer = sent(caller, f"{where}?format={form}", file, MEDIA[form])
        assert (answer.status_code, answer.headers["location"]) == (201, f"{where}/1")
        body = {"inputs": [ROW]}
        theirs = caller.post(f"{where}/1/predict", body).json()
        ours = caller.post("/v1/models/iris/predict", body).json()
        assert theirs | {"model": "iris"} == ours

    def test_the_file_of_a_model_keeps_what_it_abstains_by(self, caller: Any) -> None:
        where = path()
        file = caller.get(f"{EXPORT}?format=safetensors").content
        sent(caller, f"{where}?format=safetensors", file, TENSORS)
        body = {"inputs": [ROW], "abstain": {"method": "lac", "coverage": 0.9}}
        theirs = caller.post(f"{where}/1/predict", body).json()
        assert theirs["abstention"]["rows"] > 0
        assert theirs | {"model": "iris"} == caller.post("/v1/models/iris/predict", body).json()

    @pytest.mark.parametrize("encoding", [None, "zstd"])
    def test_an_artifact_comes_back_as_it_was_downloaded(
        self, encoding: str | None, caller: Any
    ) -> None:
        where = path()
        artifact = caller.get("/v1/models/iris/versions/1/artifact")
        passed_on = {"content-type": artifact.headers["content-type"]}
        body = artifact.content
        if encoding is None:
            passed_on["repr-digest"] = artifact.headers["repr-digest"]
        else:
            body, passed_on["content-encoding"] = compress(body, encoding), encoding
        answer = caller.ask("POST", where, content=body, headers=passed_on)
        assert (answer.status_code, answer.headers["location"]) == (201, f"{where}/1")
        digest = artifact.headers["etag"].strip('"')
        assert answer.json()["training"] == {"imported": True, "artifact_digest": digest}
        card = caller.get(f"{where}/1").json()
        assert card["digest"] != digest  # the file names its own model, and what is known of it
        body = {"inputs": [ROW], "abstain": {"method": "lac", "coverage": 0.9}}
        theirs = caller.post(f"{where}/1/predict", body).json()
        assert theirs | {"model": "iris"} == caller.post("/v1/models/iris/predict", body).json()
        again = caller.get(f"{where}/1/artifact")
        twice = sent(caller, where, again.content, TENSORS)
        assert twice.json()["training"]["artifact_digest"] == card["digest"]

    @pytest.mark.parametrize(
        ("harm", "code"),
        [
            (lambda file: file[:-8], "invalid_model_file"),
            (lambda file: file[:100], "invalid_tensor_file"),
            (lambda file: file.replace(b"xent-model/1", b"xent-model/9"), "invalid_model_file"),
        ],
    )
    def test_an_artifact_that_was_harmed_registers_nothing(
        self, harm: Callable[[bytes], bytes], code: str, caller: Any
    ) -> None:
        where = path()
        artifact = caller.get("/v1/models/iris/versions/1/artifact")
        answer = sent(caller, where, harm(artifact.content), TENSORS)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        headers = {"content-type": TENSORS, "repr-digest": artifact.headers["repr-digest"]}
        body = harm(artifact.content)
        answer = caller.ask("POST", where, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")
        assert caller.get(where).status_code == 404

    def test_scikit_learns_attributes_are_taken_as_they_are(self, caller: Any) -> None:
        where = path()
        body = b'{"coef_": [[1.0, -2.0]], "intercept_": [0.5], "classes_": ["n", "y"]}'
        answer = sent(caller, f"{where}?format=json&features=a,b", body, "application/json")
        assert answer.json()["classes"] == ["n", "y"]
        assert answer.json()["features"] == ["a", "b"]
        found = caller.post(f"{where}/1/predict", {"inputs": [[1.0, 1.0]]}).json()
        expected = 1 / (1 + math.exp(0.5))
        assert found["probabilities"][0][1] == pytest.approx(expected, rel=1e-15)

    def test_a_linear_layer_takes_its_names_from_the_query(self, caller: Any) -> None:
        weight = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        file = write_file({}, {"fc.weight": weight, "fc.bias": np.zeros(3)})
        where = path()
        answer = sent(caller, f"{where}?format=torch&classes=a,b,c&dry_run=true", file, TENSORS)
        assert (answer.status_code, answer.json()["classes"]) == (200, ["a", "b", "c"])
        assert answer.json()["training"] == {"imported": True}
        assert caller.get(where).status_code == 404

    def test_classes_that_nobody_names_are_numbered_and_said_to_be(self, caller: Any) -> None:
        file = write_file({}, {"weight": np.ones((3, 2))})
        answer = sent(caller, f"{path()}?format=torch&dry_run=true", file, TENSORS).json()
        assert answer["classes"] == [0, 1, 2]
        assert answer["training"] == {"imported": True, "classes_numbered": True}

    @pytest.mark.parametrize(
        ("member", "pointer"),
        [
            ('"coef_": [[1, 2], [3]]', "/coef_/1"),
            ('"coef_": [[1, 2], [3, "NaN"]]', "/coef_/1/1"),
            ('"coefficients": [[1, 2], [3]]', "/coefficients/1"),
        ],
    )
    def test_a_bad_cell_is_pointed_at_where_it_was_sent(
        self, member: str, pointer: str, caller: Any
    ) -> None:
        body = f'{{{member}, "intercept_": [0, 0]}}'.encode()
        answer = sent(caller, f"{path()}?format=json", body, "application/json").json()
        assert answer["errors"][0]["pointer"] == pointer
        assert pointer.split("/")[1] in answer["detail"]

    @pytest.mark.parametrize(
        ("query", "body", "kind", "status", "code"),
        [
            ("format=torch", b"{}", "application/json", 415, "unsupported_media_type"),
            ("format=torch", b"\xff" * 40, TENSORS, 400, "invalid_tensor_file"),
            ("format=safetensors", b"\xff" * 40, TENSORS, 400, "invalid_model_file"),
            ("format=json", b"{", "application/json", 400, "invalid_json"),
            ("format=json", b'{"coef_": [[1]]}', "application/json", 422, "missing_member"),
            (
                "format=json&classes=a",
                b'{"coef_": [[1]], "intercept_": [0]}',
                "application/json",
                422,
                "not_a_label",
            ),
            ("format=json&label=y", b"{}", "application/json", 422, "conflicting_members"),
            ("classes=a,b", b"{}", "application/json", 422, "conflicting_members"),
            ("format=pickle", b"{}", "application/json", 422, "invalid_option"),
        ],
    )
    def test_a_bad_file_is_told_and_registers_nothing(
        self, query: str, body: bytes, kind: str, status: int, code: str, caller: Any
    ) -> None:
        where = path()
        answer = sent(caller, f"{where}?{query}", body, kind)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert caller.get(where).status_code == 404

    @pytest.mark.skipif(find_spec("onnx") is not None, reason="the package is there")
    def test_onnx_without_its_package_is_told(self, caller: Any) -> None:
        answer = sent(caller, f"{path()}?format=onnx", b"onnx", "application/onnx")
        assert (answer.status_code, answer.json()["code"]) == (501, "not_installed")

    @pytest.mark.peers
    def test_onnx_comes_back_to_the_bit(self, caller: Any) -> None:
        pytest.importorskip("onnx")
        where = path()
        assert sent(
            caller, f"{where}?format=onnx", classifier.to_onnx(IRIS), "application/octet-stream"
        ).is_success
        parameters = caller.get(f"{where}/1/parameters").json()
        assert parameters == caller.get("/v1/models/iris/versions/1/parameters").json()
        answer = sent(caller, f"{path()}?format=onnx", b"\xff" * 9, "application/onnx")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_onnx")
        foreign = classifier.to_onnx(IRIS).replace(b"Softmax", b"Softsig")
        answer = sent(caller, f"{path()}?format=onnx", foreign, "application/onnx")
        assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_model")
        assert "Softsig is no operator" in answer.json()["detail"]
