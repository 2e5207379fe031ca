"""A loss beside what other libraries print for the same data, and why they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.errors import Fault, Faults, InvalidInput, cell
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
    if dialect == EXACT:  # first, so that faults of the data are pointed at in the data
        return replace(loss.function(**arguments), compared=_compared(compare, loss, arguments))
    said = _said(dialect, loss, arguments)
    try:
        exact = loss.function(**arguments)
    except InvalidInput:  # the library's number is the answer, whatever Xent thinks of the data
        exact = None
    reduction = arguments.get("reduction", "mean")
    compared = _compared(compare, loss, arguments)
    return DialectResult(said.loss, reduction, dialect, said.rules, exact, compared)


def _compared(
    compare: Sequence[str], loss: Loss, arguments: Mapping[str, Any]
) -> dict[str, DialectLoss] | None:
    """The number of each library; what it does not have is a fault of its name in the list."""
    numbers: dict[str, DialectLoss] = {}
    faults = Faults()
    for place, name in enumerate(compare):
        try:
            one_of("compare", name, DIALECTS)
            numbers[name] = _said(name, loss, arguments)
        except InvalidInput as error:
            pointer, text = cell("compare", place)
            faults.append(Fault(pointer, error.code, f"{text}: {error.detail}"))
    faults.check()
    return numbers or None


def _said(library: str, loss: Loss, arguments: Mapping[str, Any]) -> DialectLoss:
    shared = {name: value for name, value in arguments.items() if name not in POLICIES}
    members, rules = converted(library, loss.name, shared)
    said = dialect_loss(library, loss.name, **members)
    return DialectLoss(said.loss, (*rules, *said.rules))
