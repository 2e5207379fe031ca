"""Every hostile body is answered: as the right kind of error or, where it means something, well."""

from collections.abc import Iterable
from itertools import count, islice
from typing import Any

import pytest

from tests.hostile.bodies import FAMILIES, PROMOTED, Call, Case, calls, encoded, information
from tests.hostile.extremes import extremes
from tests.hostile.tensors import tensor_files

NUMBERS = count()


@pytest.fixture(scope="module")
def attacked(caller: Any, document: Any) -> list[Call]:
    """Every call, with what it works on: an evaluation that takes batches, a model to promote."""
    bodies = {call.path: call.body for call in calls(document, "none")}
    opened = caller.post("/v1/evaluations/open", bodies["/v1/evaluations/open"])
    model = f"/v1/models/{PROMOTED}"
    gate = bodies[f"{model}/aliases/champion/promote"]
    even = {"coefficients": [[0, 0]], "intercepts": [0], "classes": ["rose", "tulip"]}
    for version in (even, {name: gate[name] for name in ("inputs", "labels")}):
        assert caller.post(f"{model}/versions", version).status_code == 201
    put = caller.ask(
        "PUT",
        f"{model}/aliases/champion",
        content=b'{"version": 1}',
        headers={"content-type": "application/json", "if-none-match": "*"},
    )
    assert put.status_code == 200
    return calls(document, opened.json()["id"])


def refuse(caller: Any, cases: Iterable[Case]) -> None:
    """Sends them all; the caller holds each answer to the contract, which has no 5xx."""
    wrong = []
    for case in cases:
        headers = {**case.headers, "idempotency-key": f'"{next(NUMBERS)}"'}
        answer = caller.ask("POST", case.path, content=case.content, headers=headers)
        if answer.status_code not in case.statuses:
            wrong.append(f"{answer.status_code}: {case}")
    assert not wrong, "\n".join([f"{len(wrong)} answers", *wrong[:20]])


EVERY = [*FAMILIES, extremes, tensor_files]
# Every so-manieth body of a family, another one at each call, so that all kinds are sent somewhere.
THINNED = 7

families = pytest.mark.parametrize("family", EVERY, ids=lambda family: family.__name__)


@families
def test_every_call(caller: Any, attacked: list[Call], family: Any) -> None:
    for place, call in enumerate(attacked):
        refuse(caller, islice(family(call), place % THINNED, None, THINNED))


@pytest.mark.hostile
@families
def test_every_call_with_every_body(caller: Any, attacked: list[Call], family: Any) -> None:
    for call in attacked:
        refuse(caller, family(call))


def test_weights_by_event(caller: Any) -> None:
    refuse(caller, information())


@pytest.mark.parametrize("path", ["/v1/softmax", "/v1/models/iris/predict"])
def test_encodings(caller: Any, attacked: list[Call], path: str) -> None:
    (call,) = (call for call in attacked if call.path == path)
    refuse(caller, encoded(call))


def test_there_are_as_many_as_promised(document: Any) -> None:
    """Among those of the short run alone."""
    found = calls(document, "none")
    every = {
        (case.path, case.content)
        for place, call in enumerate(found)
        for family in EVERY
        for case in islice(family(call), place % THINNED, None, THINNED)
    }
    assert len(every) >= 1_500
    assert {path for path, _ in every} == {call.path for call in found}
