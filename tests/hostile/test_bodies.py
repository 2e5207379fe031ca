"""Every hostile body is answered: as the right kind of error or, where it means something, well."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest

from tests.hostile.bodies import FAMILIES, Case, calls, encoded, information
from tests.hostile.tensors import tensor_files


def refuse(caller: Any, cases: Iterable[Case]) -> None:
    """Sends them all; the caller holds each answer to the contract, which has no 5xx."""
    wrong = []
    for case in cases:
        # of what is not there, of pushes without a key and of other types nothing is looked at
        stored = "/aliases/" in case.path or "/evaluations/" in case.path
        unread = {400, 404, 415} if stored else set()
        answer = caller.ask("POST", case.path, content=case.content, headers=case.headers)
        if answer.status_code not in {*case.statuses, *unread}:
            wrong.append(f"{answer.status_code}: {case}")
    assert not wrong, "\n".join([f"{len(wrong)} answers", *wrong[:20]])


EVERY = [*FAMILIES, tensor_files]
# Every so-manieth body of a family, another one at each call, so that all kinds are sent somewhere.
THINNED = 7

families = pytest.mark.parametrize("family", EVERY, ids=lambda family: family.__name__)


@families
def test_every_call(caller: Any, document: Any, family: Any) -> None:
    for place, call in enumerate(calls(document)):
        refuse(caller, islice(family(call), place % THINNED, None, THINNED))


@pytest.mark.hostile
@families
def test_every_call_with_every_body(caller: Any, document: Any, family: Any) -> None:
    for call in calls(document):
        refuse(caller, family(call))


def test_weights_by_event(caller: Any) -> None:
    refuse(caller, information())


@pytest.mark.parametrize("path", ["/v1/softmax", "/v1/models/iris/predict"])
def test_encodings(caller: Any, document: Any, path: str) -> None:
    (call,) = (call for call in calls(document) if call.path == path)
    refuse(caller, encoded(call))


def test_there_are_as_many_as_promised(document: Any) -> None:
    """Among those of the short run alone."""
    every = {
        (case.path, case.content)
        for place, call in enumerate(calls(document))
        for family in EVERY
        for case in islice(family(call), place % THINNED, None, THINNED)
    }
    assert len(every) >= 1_500
    assert {path for path, _ in every} == {call.path for call in calls(document)}
