"""The losses of the catalogue: one call for each, and the catalogue itself."""

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from service.api.access import needs
from service.api.examples import examples
from service.api.operation import add_operation
from service.api.schemas.losses import (
    COMPARING,
    MEMBERS,
    LossEntry,
    LossesAnswer,
    constraints_of,
    request_model,
)
from service.api.schemas.scoring import InDialectAnswer, LossAnswer
from service.api.schemas.types import Request
from service.errors import Code, NotFound
from service.losses import CATALOGUE, DialectResult, Loss, LossResult, dialects_of, score
from service.losses.members import INPUTS, TRUTHS


def add_losses(router: APIRouter) -> None:
    """Adds a call for every loss, and the two that describe them."""
    entries: dict[str, dict[str, Any]] = {}
    for loss in CATALOGUE:
        model = request_model(loss)
        answer = LossAnswer | InDialectAnswer if dialects_of(loss) else LossAnswer
        path = f"/v1/losses/{loss.name}"
        add_operation(router, path, _call(loss, model), answer, "scoring", access="score")
        entries[loss.name] = _entry(loss, model)

    def list_losses() -> dict[str, Any]:
        """The catalogue of losses: formula, range, members, equivalents in other libraries."""
        return {"losses": list(entries.values())}

    def show_loss(name: str) -> dict[str, Any]:
        """One loss of the catalogue."""
        if name not in entries:
            text = f"there is no loss of that name; there is {', '.join(entries)}"
            raise NotFound(Code.UNKNOWN_LOSS, text)
        return entries[name]

    async def unknown_loss(name: str) -> None:
        show_loss(name)

    add_operation(router, "/v1/losses", list_losses, LossesAnswer, "scoring", access="score")
    add_operation(router, "/v1/losses/{name}", show_loss, LossEntry, "scoring", 404, access="score")
    # without it, scoring by an unknown loss would be answered 405: the path exists for GET
    router.add_api_route(
        "/v1/losses/{name}",
        unknown_loss,
        methods=["POST"],
        include_in_schema=False,
        openapi_extra=needs("score"),
    )


def _call(loss: Loss, model: type[Request]) -> Callable[..., LossResult | DialectResult]:
    """The function of a call: named and described after the loss."""

    def call(body: Request) -> LossResult | DialectResult:
        arguments = body.arguments()
        asked = {name: arguments.pop(name) for name in COMPARING if name in arguments}
        return score(loss, arguments, **asked)

    call.__annotations__["body"] = model
    call.__name__ = operation_id(loss)
    call.__doc__ = (
        f"{_summary(loss)}\n\nOne sample: `{loss.formula}`, in {loss.range}. Send one of "
        f"{', '.join(INPUTS)}{_truth(loss)}. The mean divides by the weights of the samples that "
        "enter; the gradient is that of the reduced loss, for what was sent."
    )
    return call


def operation_id(loss: Loss) -> str:
    """Its name as an identifier."""
    return loss.name.replace("-", "_")


def _truth(loss: Loss) -> str:
    taken = [name for name in TRUTHS if name in loss.members]
    return f", and {' or '.join(taken)}" if taken else ""


def _summary(loss: Loss) -> str:
    return inspect.cleandoc(loss.function.__doc__ or "").partition("\n\n")[0]


def _entry(loss: Loss, model: type[Request]) -> dict[str, Any]:
    shown = examples()[operation_id(loss)][0]
    own = [name for name in loss.members if name not in (*INPUTS, *TRUTHS)]
    constraints = constraints_of(model)
    defaults = {name: default for name, (_, default) in MEMBERS.items()} | {"positive_weight": 1.0}
    return {
        "name": loss.name,
        "summary": _summary(loss),
        "formula": loss.formula,
        "range": loss.range,
        "units": loss.units,
        "inputs": INPUTS,
        "truth": [name for name in TRUTHS if name in loss.members],
        "parameters": {name: defaults[name] for name in own},
        "constraints": {name: bounds for name, bounds in constraints.items() if name in own},
        "dialects": dialects_of(loss),
        "equivalents": loss.equivalents,
        **({"note": loss.note} if loss.note else {}),
        "example": shown.body,
    }
