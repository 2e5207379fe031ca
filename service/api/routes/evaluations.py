"""Evaluations that last: stored, listed, shown and deleted."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from service import classifier, evaluation
from service.api.beside import Find
from service.api.cursor import cursor_of, position_of
from service.api.keeping import Steps, add_keeping
from service.api.media import JSON
from service.api.once import CreatesOnce, Once
from service.api.operation import add_operation
from service.api.routes.models import VERSION, After, Limit
from service.api.schemas.evaluations import (
    EvaluationAnswer,
    EvaluationRequest,
    EvaluationsAnswer,
    ModelEvaluationRequest,
    Word,
)
from service.api.schemas.types import Time
from service.api.stored import add_stored
from service.registry import Evaluation, Evaluations, Facts, Finished
from service.registry.clock import microseconds_of, written
from service.wire import dump_json, json_as_it_is

PATH = "/v1/evaluations"
ONE = PATH + "/{id}"
FACTS = ("name", "model", "version", "tags")
_ID = re.compile("[0-9a-f]{32}")

OfModel = Annotated[Word | None, Query(description="Only of this model")]
OfVersion = Annotated[Word | None, Query(description="Only of this version of a model")]
Since = Annotated[
    Time | None, Query(description="Only those made at this time or later (RFC 3339)")
]
Until = Annotated[Time | None, Query(description="Only those made before this time")]


def add_evaluations(router: APIRouter, evaluations: Evaluations, find: Find) -> None:
    """Adds the calls.

    Args:
        router: takes the routes.
        evaluations: keeps them.
        find: gives a model by name and version.
    """
    _add_keeping(router, evaluations, find)
    _add_kept(router, evaluations)


def _add_keeping(router: APIRouter, evaluations: Evaluations, find: Find) -> None:
    """Adds the calls that evaluate all rows at once and keep what comes out."""

    def keep(thing: Finished, once: Once, **path: str) -> Response:
        return once.perform(lambda connection: made(evaluations.add(connection, thing)))

    def store_evaluation(body: EvaluationRequest, once: CreatesOnce) -> None:
        """Evaluates predictions as /v1/evaluate does, and keeps the report.

        The model and its version may be anybody's. The answer's report, and every later answer's,
        has the bytes that /v1/evaluate answers with.
        """

    def evaluate(body: EvaluationRequest) -> Finished:
        facts, arguments = split(body)
        return Finished.of(facts, *evaluation.assess(**arguments))

    def store_version_evaluation(
        name: str, version: str, body: ModelEvaluationRequest, once: CreatesOnce
    ) -> None:
        """Evaluates a version of a model on labelled rows, and keeps the report.

        `version` is a number or an alias; the evaluation has the number that it stands for now.
        """

    def evaluate_version(name: str, version: str, body: ModelEvaluationRequest) -> Finished:
        facts, arguments = split(body)
        model = find(name, version)
        whose = Facts(facts.name, model.name, str(model.version), facts.tags)
        return Finished.of(whose, *evaluation.assess(**classifier.to_assess(model, **arguments)))

    steps = Steps(evaluate, keep)
    add_keeping(router, PATH, store_evaluation, steps, EvaluationAnswer, 201, access="train")
    steps = Steps(evaluate_version, keep)
    path, endpoint = VERSION + "/evaluations", store_version_evaluation
    add_keeping(router, path, endpoint, steps, EvaluationAnswer, 201, 404, access="train")


def _add_kept(router: APIRouter, evaluations: Evaluations) -> None:
    """Adds what is done with those that are kept."""

    def list_evaluations(
        model: OfModel = None,
        version: OfVersion = None,
        since: Since = None,
        until: Until = None,
        after: After = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """The evaluations, the newest first, without their reports.

        Of all, or of one model, or of one version of it, made in some time.
        """
        begin = None if after is None else position_of(PATH, after, _ID)
        page = evaluations.page(
            begin, limit, model=model, version=version,
            since=_microseconds(since), until=_microseconds(until),
        )  # fmt: skip
        listed: dict[str, Any] = {"evaluations": [described(entry) for entry in page.evaluations]}
        if page.next is None:
            return listed
        asked = {"model": model, "version": version, "limit": limit}
        times = {"since": since and since.isoformat(), "until": until and until.isoformat()}
        given = _given({**asked, **times, "after": cursor_of(PATH, page.next)})
        return listed | {"next": f"{PATH}?{urlencode(given)}"}

    def show_evaluation(id: str) -> dict[str, Any]:
        """A stored evaluation with its report; of a running one, of the rows so far."""
        return described(evaluations.find(id))

    def delete_evaluation(id: str) -> Response:
        """Removes an evaluation, with its report and the keys of its batches."""
        evaluations.delete(id)
        return Response(None, 204)

    add_operation(
        router, PATH, list_evaluations, EvaluationsAnswer, "evaluation", 422, 503,
        access="read",
    )  # fmt: skip
    add_operation(
        router, ONE, show_evaluation, EvaluationAnswer, "evaluation", 404, 409, 503,
        access="read",
    )  # fmt: skip
    add_stored(
        router, "DELETE", ONE, delete_evaluation, 404, 503, 507,
        access="train", status=204, tag="evaluation",
    )  # fmt: skip


def made(found: Evaluation) -> Response:
    """The answer to whoever has made an evaluation."""
    headers = {"Location": f"{PATH}/{found.id}"}
    return Response(dump_json(described(found)), 201, headers, JSON)


def split(body: BaseModel) -> tuple[Facts, dict[str, Any]]:
    """What a request says of the evaluation, and its other members."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    facts = {name: given.pop(name) for name in FACTS if name in given}
    if facts.get("version") is not None:
        facts["version"] = str(facts["version"])
    return Facts(**{name: value for name, value in facts.items() if value is not None}), given


def described(found: Evaluation) -> dict[str, Any]:
    """A stored evaluation, as it is answered."""
    facts, options = found.facts, found.options
    members = {
        "id": found.id,
        "name": facts.name,
        "model": facts.model,
        "version": _number_or_word(facts.version),
        "tags": dict(facts.tags) or None,
        "created": written(found.created),
        "closed": None if found.closed is None else written(found.closed),
        "options": None if options is None else _given(options.told()),
        "batches": None if options is None else found.batches,
        "summary": None if found.summary is None else json_as_it_is(found.summary.encode()),
        "report": None if found.report is None else json_as_it_is(found.report),
    }
    if found.report is not None:
        del members["summary"]
    return _given(members)


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _number_or_word(version: str | None) -> int | str | None:
    return int(version) if version is not None and version.isdecimal() else version


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds_of(moment)
