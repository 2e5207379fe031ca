"""The OpenAPI document: complete, committed, and true of the running service."""

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import service
from service import classifier, evaluation, losses
from service.api.examples import Example, examples
from service.api.explanations import EXPLANATIONS
from service.api.schemas import evaluation as report_schemas
from service.api.schemas import models as model_schemas
from service.api.schemas import scoring as scoring_schemas

from .differences import differences
from .serving import serving

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [
    pytest.param(operation, example, id=f"{operation}-{example.name}")
    for operation, shown in examples().items()
    for example in shown
]


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every operation by its id."""
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


class TestDocument:
    def test_it_is_the_committed_one(self, document: dict[str, Any]) -> None:
        committed = json.loads((ROOT / "openapi" / "openapi.json").read_text())
        found = json.loads(json.dumps(document))
        assert differences(committed, found, changing={"seconds"}) == []

    def test_it_is_the_served_one(self, document: dict[str, Any], caller: Any) -> None:
        assert caller.get("/openapi.json").json() == json.loads(json.dumps(document))

    def test_it_is_openapi_3_1_of_this_version(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1.")
        assert document["info"]["version"] == service.__version__

    def test_every_schema_is_a_schema(self, document: dict[str, Any]) -> None:
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_it_uses_every_schema_that_it_holds(self, document: dict[str, Any]) -> None:
        text = json.dumps(document)
        for name in document["components"]["schemas"]:
            assert f'"#/components/schemas/{name}"' in text, name

    def test_every_operation_says_what_it_does(self, document: dict[str, Any]) -> None:
        for name, operation in operations(document).items():
            assert operation["summary"].strip(), name
            assert operation["description"].strip(), name
            assert not operation["summary"].endswith("."), name
            assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}

    def test_every_operation_declares_its_error_answers(self, document: dict[str, Any]) -> None:
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                name = operation["operationId"]
                expected = {"400", "406", "408", "414", "431", "500"}
                if "requestBody" in operation:
                    expected |= {"413", "415", "422", "503"}
                if operation["security"]:
                    expected |= {"401", "403", "421", "429", "503"}
                if path == "/readyz" or path.startswith(("/v1/models", "/v1/evaluations")):
                    expected |= {"503"}
                if "evaluations" in path:
                    expected |= {"507"} if method != "get" else set()
                    expected |= {"409"} if method == "post" or name == "show_evaluation" else set()
                if "{" in path:
                    expected |= {"404"}
                if name in (
                    "list_models",
                    "list_versions",
                    "list_evaluations",
                    "list_keys",
                    "list_changes",
                    "list_aliases",
                    "list_deleted",
                ):
                    expected |= {"422"}  # of the query
                if name in ("export_version", "plot_version", "plot_evaluation"):
                    expected |= {"422", "501"}  # and of packages that are not there
                if name.startswith("plot_"):
                    expected |= {"409"}  # of an evaluation that another version of Xent opened
                if name == "train_version":
                    expected |= {"409", "501", "507"}
                if name in ("promote_alias", "delete_alias"):
                    expected |= {"409", "412", "428", "507"}
                if name in ("create_key", "revoke_key"):
                    expected |= {"507"}
                if name == "create_key":
                    expected |= {"409"}
                if name == "promote_if_better":
                    expected |= {"409", "412", "507"}
                if (
                    name.startswith(("delete_", "restore_", "purge_"))
                    and name != "delete_evaluation"
                ):
                    expected |= {"409", "507"}
                responses = operation["responses"]
                assert expected == {status for status in responses if status >= "400"}, path
                for status in expected:
                    assert set(responses[status]["content"]) == {"application/problem+json"}

    def test_every_status_of_a_code_has_an_operation_or_is_405(
        self, document: dict[str, Any]
    ) -> None:
        declared = {int(s) for o in operations(document).values() for s in o["responses"]}
        assert {entry.status for entry in EXPLANATIONS.values()} - {405} <= declared

    def test_every_operation_has_an_example_of_success(self, document: dict[str, Any]) -> None:
        refusals = 0
        for name, operation in operations(document).items():
            bare = ("download_artifact", "plot_version", "plot_evaluation")
            if name in bare or "204" in operation["responses"]:
                continue  # bytes, or nothing
            done = [answer for code, answer in operation["responses"].items() if code < "300"]
            assert any(a["content"]["application/json"].get("examples") for a in done), name
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]
                shown = content.get("application/json", content.get("application/x-ndjson"))
                shown = shown["examples"]
                bad = operation["responses"]["422"]["content"]["application/problem+json"]
                assert shown, name
                refusals += len(bad.get("examples", {}))
        assert refusals >= 5

    def test_every_member_of_a_request_is_described(self, document: dict[str, Any]) -> None:
        for name, schema in document["components"]["schemas"].items():
            if name.endswith("Request"):
                assert schema["additionalProperties"] is False
                for member, described in schema["properties"].items():
                    shapes = [described, *described.get("anyOf", [])]
                    assert any(shape.get("description") for shape in shapes), f"{name}.{member}"


class TestExamples:
    @pytest.mark.parametrize(("operation", "example"), EXAMPLES)
    def test_the_service_gives_the_answer_that_is_shown(
        self, operation: str, example: Example, caller: Any
    ) -> None:
        if example.makes_keys:  # the server of the other tests stays open
            with serving() as alone:
                answer = example.run(alone.request)
        else:
            answer = example.run(lambda url, **request: caller.ask(path=url, **request))
        assert answer.status_code == example.status
        if operation == "version":
            assert answer.json()["version"] == example.answer["version"] == service.__version__
            assert answer.json().keys() == example.answer.keys()
            assert answer.json()["packages"].keys() == example.answer["packages"].keys()
        else:
            shown = answer.json() if answer.content else None
            assert differences(example.answer, shown) == []

    @pytest.mark.parametrize(("operation", "example"), EXAMPLES)
    def test_the_example_belongs_to_its_operation_and_fits_its_schemas(
        self, operation: str, example: Example, contract: Any
    ) -> None:
        method = example.requests[-1]["method"]
        declared = contract.operation(method, example.path.partition("?")[0])
        assert declared["operationId"] == operation
        if example.body is not None and example.status < 400:
            lines = isinstance(example.body, list)
            kind = "application/x-ndjson" if lines else "application/json"
            schema = declared["requestBody"]["content"][kind]["schema"]
            for body in example.body if lines else [example.body]:
                contract.conforms(schema, body)
        if example.answer is None:
            assert "content" not in declared["responses"][str(example.status)]
            return
        answers = declared["responses"][str(example.status)]["content"]
        content = next(c for kind, c in answers.items() if kind.endswith("json"))
        contract.conforms(content["schema"], example.answer)
        assert content["examples"][example.name]["value"] == example.answer

    def test_every_operation_and_no_other_has_examples(self, document: dict[str, Any]) -> None:
        assert examples().keys() == operations(document).keys()

    def test_comparing_can_fail(self) -> None:
        assert differences({"a": [1.0, "x"]}, {"a": [1.0 + 1e-14, "x"]}) == []
        assert differences({"a": [1.0]}, {"a": [1.0 + 1e-12]}) == [
            "/a/0: 1.0 is not 1.000000000001"
        ]
        assert differences({"a": 1}, {"b": 1}) == [": members ['a', 'b']"]
        assert differences([1], [1, 2]) == [": [1] is not [1, 2]"]
        assert differences(True, 1) == [": True is not 1"]


class TestShapes:
    """What a function returns and what the document says it returns are the same members."""

    @pytest.mark.parametrize(
        ("result", "answer"),
        [
            (losses.LossResult, scoring_schemas.LossAnswer),
            (losses.Explanation, scoring_schemas.ExplainAnswer),
            (evaluation.Report, report_schemas.ReportAnswer),
            (evaluation.Comparison, report_schemas.CompareAnswer),
            (classifier.Prediction, model_schemas.PredictAnswer),
        ],
    )
    def test_fields_are_equal(self, result: Any, answer: Any) -> None:
        assert {field.name for field in dataclasses.fields(result)} == set(answer.model_fields)

    def test_members_that_may_be_absent_are_the_optional_ones(self) -> None:
        for result, answer in [
            (losses.LossResult, scoring_schemas.LossAnswer),
            (evaluation.Report, report_schemas.ReportAnswer),
            (evaluation.Comparison, report_schemas.CompareAnswer),
            (classifier.Prediction, model_schemas.PredictAnswer),
        ]:
            hints = typing.get_type_hints(result)
            optional = {n for n, hint in hints.items() if type(None) in typing.get_args(hint)}
            described = {n for n, f in answer.model_fields.items() if not f.is_required()}
            assert optional == described, result
