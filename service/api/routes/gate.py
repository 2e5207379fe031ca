"""The gate before a promotion: an alias moves only to what is shown to be better."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.datastructures import State

from service import classifier, evaluation
from service.api.call import Content, Done, perform
from service.api.described import documented, problem_responses
from service.api.media import Form
from service.api.operation import Operation
from service.api.routes.aliases import check_alias
from service.api.routes.models import MODEL
from service.api.schemas.registry import GateAnswer, GateRequest
from service.api.sizes import BESIDE_BYTES
from service.errors import Code, InvalidInput, TooLarge
from service.registry import Registry

PATH = MODEL + "/aliases/{alias}/promote"


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of it.

    Attributes:
        promoted: whether the alias stands for the candidate now because it is better.
        alias: its name.
        version: what it stands for now.
        comparison: of the candidate with what it stood for before.
    """

    promoted: bool
    alias: str
    version: int
    comparison: evaluation.Comparison


class GateRoute(Operation):
    """The route of a call that needs two models and the registry."""

    async def _large(
        self, parameters: Mapping[str, Any], body: Content, form: Form, state: State
    ) -> Done:
        # the process that reads long JSON has no registry, and here it would hold the loop
        if not form.tensors_in and (len(body) > BESIDE_BYTES or form.encoding is not None):
            text = f"this call takes JSON up to {BESIDE_BYTES} bytes; send more as safetensors"
            raise TooLarge(Code.BODY_TOO_LARGE, text)
        assert self.call is not None
        work = partial(perform, self.call, parameters, body, form, state.settings)
        return await run_sync(work, limiter=state.limiter)


def add_gate(router: APIRouter, registry: Registry) -> None:
    """Adds the call.

    Args:
        router: takes the route.
        registry: has the versions.
    """

    def promote_if_better(name: str, alias: str, body: GateRequest) -> Promotion:
        """Moves an alias to a version if that is shown to be better than what it stands for.

        On `inputs` and `labels` both versions predict, or their predictions are sent as
        `baseline_probabilities` and `candidate_probabilities`. The alias moves if all of the 95 %
        interval of the paired difference in log loss lies below -margin; that nobody has moved it
        meanwhile is part of the change. `promoted` is the verdict, in an answer of 200 either way.
        """
        check_alias(alias)
        now = registry.aliases.find(name, alias)
        candidate = registry.find(name, body.version)
        found = _compared(registry.find(name, now.number), candidate, body)
        if found.better:
            now = registry.aliases.move(name, alias, body.version, now.change)
        return Promotion(found.better, alias, now.number, found)

    router.add_api_route(
        PATH,
        promote_if_better,
        methods=["POST"],
        route_class_override=GateRoute,
        response_model=GateAnswer,
        responses=problem_responses(True, 404, 409, 412, 503, 507),
        **documented(promote_if_better, "models", "train"),
    )


def _compared(
    baseline: classifier.Model, candidate: classifier.Model, body: GateRequest
) -> evaluation.Comparison:
    sent: dict[str, Any] = {
        "margin": body.margin,
        "sample_weights": body.sample_weights,
        "labels": body.labels,
    }
    rows = (body.inputs, body.baseline_probabilities, body.candidate_probabilities)
    if [given is not None for given in rows] not in ([True, False, False], [False, True, True]):
        text = "one of inputs, and baseline_probabilities with candidate_probabilities, is needed"
        raise InvalidInput.at("/inputs", Code.CONFLICTING_MEMBERS, text)
    if body.inputs is not None:
        return classifier.compare(baseline, candidate, body.inputs, **sent)
    return evaluation.compare(
        baseline_probabilities=body.baseline_probabilities,
        candidate_probabilities=body.candidate_probabilities,
        classes=baseline.classes,
        **sent,
    )
