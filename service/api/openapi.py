"""The OpenAPI document: what FastAPI derives from the calls, with examples and error answers."""

from collections.abc import Iterable
from typing import Any
from warnings import catch_warnings, simplefilter

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.warnings import UnsupportedFieldAttributeWarning

from service.api.access import SCHEME, SECURITY
from service.api.described import problem_response
from service.api.examples import Example, examples, ndjson
from service.api.keeping import Keeping
from service.api.media import JSON
from service.api.problems import MEDIA_TYPE
from service.api.schemas.operations import Problem
from service.api.schemas.streams import StreamStart
from service.api.stored import Stored
from service.wire import LINES, TENSORS

TAGS = {
    "scoring": "Softmax, losses and gradients of what is sent; nothing is kept.",
    "evaluation": "The evaluation report of anybody's predictions; what of it is kept, and grows.",
    "models": "Multinomial logistic classifiers: what they are, what they predict, how well.",
    "keys": "Who may call, and who has changed what.",
    "operations": "Health, versions, limits and the meaning of problem codes.",
}

# FastAPI's own error answer, declared wherever a path has parameters, and never given.
REFUSALS = (401, 403, 421, 429, 503)

FOREIGN = ("HTTPValidationError", "ValidationError")


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, made once."""
    if app.openapi_schema is None:
        with catch_warnings():
            # FastAPI gives pydantic the names of parameters, which that has no use for, and keeps
            # it from saying so where nothing is deferred.
            simplefilter("ignore", UnsupportedFieldAttributeWarning)
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=[{"name": name, "description": text} for name, text in TAGS.items()],
            )
        schemas = schema["components"]["schemas"]
        for model in (Problem, StreamStart):  # which no route names to FastAPI
            schemas.update(_schemas_of(model))
        schema["components"]["securitySchemes"] = {SECURITY: SCHEME}
        shown = examples()
        kinds = {r.operation_id: type(r) for r in app.routes if isinstance(r, APIRoute)}
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                if method == "post":
                    _add_tensors(operation, kinds[operation["operationId"]])
                if operation["security"]:
                    _add_refusals(operation["responses"])
                _drop_foreign_errors(operation)
                _add_examples(operation, shown[operation["operationId"]])
        for name in FOREIGN:
            schemas.pop(name, None)
        app.openapi_schema = schema
    return app.openapi_schema


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    return {model.__name__: schema, **nested}


def _add_refusals(responses: dict[str, Any]) -> None:
    """The answers to whoever may not call it."""
    responses |= {str(status): problem_response(status) for status in REFUSALS}


def _drop_foreign_errors(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if JSON in responses.get("422", {}).get("content", {}):
        del responses["422"]


def _add_tensors(operation: dict[str, Any], kind: type[APIRoute]) -> None:
    """The other form of bodies, where there is one: the same object as a tensor file."""
    if kind is Stored or JSON not in operation.get("requestBody", {}).get("content", {}):
        return
    text = "The array members as tensors; the others as JSON in __metadata__."
    answers = [a for status, a in operation["responses"].items() if status < "300"]
    if kind is Keeping:  # which answers in JSON
        answers = []
    for body, member in (
        (operation["requestBody"], "request"),
        *((answer, "response") for answer in answers),
    ):
        schema = {"type": "string", "format": "binary", "description": f"{text}{member}."}
        body["content"][TENSORS] = {"schema": schema}


def _add_examples(operation: dict[str, Any], shown: Iterable[Example]) -> None:
    for example in shown:
        entry = {"summary": example.summary}
        if example.body is not None:
            lines = ndjson(example.body) if isinstance(example.body, list) else None
            kind, value = (JSON, example.body) if lines is None else (LINES, lines)
            content = operation["requestBody"]["content"][kind]
            content.setdefault("examples", {})[example.name] = {**entry, "value": value}
        if example.answer is None:
            continue
        media_type = JSON if example.status < 400 else MEDIA_TYPE
        answer = operation["responses"][str(example.status)]["content"][media_type]
        answer.setdefault("examples", {})[example.name] = {**entry, "value": example.answer}
