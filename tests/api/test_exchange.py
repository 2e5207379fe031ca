"""Models as files over HTTP: what goes out is what the functions write, and comes back whole."""

from importlib.util import find_spec
from typing import Any

import pytest

from service import classifier

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
        assert "xent[onnx]" in answer.json()["detail"]

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
