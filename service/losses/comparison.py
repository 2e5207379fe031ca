"""A loss beside what other libraries print for the same data, and why they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.errors import Fault, InvalidInput, cell
from service.losses.catalogue import Loss
from service.losses.dialects import DIALECTS, SUPPORTED, converted, dialect_loss
from service.losses.options import one_of
from service.losses.result import DialectLoss, LossResult, Numbers, Rule

EXACT = "exact"
# Xent's own words for what a library decides by its clamps and checks.
POLICIES = ("normalize", "zero_probability", "clip", "gradient")


@dataclass(frozen=True, slots=True)
class DialectResult:
    """A loss by the rules of a library.

    Attributes:
        loss: what the library prints: a number, or an array where it answers with one.
        reduction: that was asked for.
        dialect: the library.
        rules: by which its number differs from the exact one.
        exact: the result by Xent's rules; `None` where they refuse what the library takes.
        compared: by library, as in `LossResult`.
    """

    loss: float | Numbers
    reduction: str
    dialect: str
    rules: tuple[Rule, ...]
    exact: LossResult | None
    compared: Mapping[str, DialectLoss] | None = None


def dialects_of(loss: Loss) -> tuple[str, ...]:
    """The libraries that have the loss in some form."""
    return tuple(name for name in DIALECTS if loss.name in SUPPORTED[name])


def score(
    loss: Loss,
    arguments: Mapping[str, Any],
    *,
    dialect: str = EXACT,
    compare: Sequence[str] = (),
) -> LossResult | DialectResult:
    """A loss by Xent's own rules or by those of a library.

    Args:
        loss: of the catalogue.
        arguments: its members.
        dialect: `"exact"`, or a library whose number is wanted: its clamps, denominators, defaults,
            precision and NaNs. Xent's policies and the gradient then belong to `exact`.
        compare: libraries whose numbers are put beside.

    Returns:
        The result, with `compared` where that was asked for.

    Raises:
        InvalidInput: as of the loss; what a library does not have is `dialect_unsupported`.
    """
    one_of("dialect", dialect, (EXACT, *DIALECTS))
    compared = None
    if compare:
        compared = {
            name: _beside(place, name, loss, arguments) for place, name in enumerate(compare)
        }
    if dialect == EXACT:
        return replace(loss.function(**arguments), compared=compared)
    said = _said(dialect, loss, arguments)
    try:
        exact = loss.function(**arguments)
    except InvalidInput:  # the library's number is the answer, whatever Xent thinks of the data
        exact = None
    reduction = arguments.get("reduction", "mean")
    return DialectResult(said.loss, reduction, dialect, said.rules, exact, compared)


def _beside(place: int, name: str, loss: Loss, arguments: Mapping[str, Any]) -> DialectLoss:
    """One library's number; what it does not have is a fault of its name in the list."""
    pointer, text = cell("compare", place)
    try:
        one_of("compare", name, DIALECTS)
        return _said(name, loss, arguments)
    except InvalidInput as error:
        detail = f"{text}: {error.detail}"
        raise InvalidInput([Fault(pointer, error.code, detail)]) from error


def _said(library: str, loss: Loss, arguments: Mapping[str, Any]) -> DialectLoss:
    shared = {name: value for name, value in arguments.items() if name not in POLICIES}
    members, rules = converted(library, loss.name, shared)
    said = dialect_loss(library, loss.name, **members)
    return DialectLoss(said.loss, (*rules, *said.rules))
