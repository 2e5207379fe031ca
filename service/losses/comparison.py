"""A loss beside what other libraries print for the same data, and why they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from service.errors import Code, InvalidInput
from service.losses.catalogue import Loss
from service.losses.dialects import DIALECTS, SUPPORTED, dialect_loss
from service.losses.options import one_of
from service.losses.result import LossResult

EXACT = "exact"
# Xent's own answers to what libraries decide by clamps and checks of their own.
POLICIES = ("normalize", "zero_probability", "clip", "gradient")


def dialects_of(loss: Loss) -> tuple[str, ...]:
    """The libraries that have the loss in some form."""
    return tuple(name for name in DIALECTS if loss.name in SUPPORTED[name])


def score(
    loss: Loss,
    arguments: Mapping[str, Any],
    *,
    dialect: str = EXACT,
    compare: Sequence[str] = (),
) -> LossResult:
    """A loss by Xent's own rules or by those of a library.

    Args:
        loss: of the catalogue.
        arguments: its members.
        dialect: `"exact"`, or a library whose number is wanted: its clamps, denominators, defaults,
            precision and NaNs. The counts stay Xent's.
        compare: libraries whose numbers are put beside.

    Returns:
        The result; with `rules` in a dialect, with `compared` where that was asked for.

    Raises:
        InvalidInput: as of the loss; what a library does not have is `dialect_unsupported`.
    """
    one_of("dialect", dialect, (EXACT, *DIALECTS))
    if dialect == EXACT:
        result = loss.function(**arguments)
    else:
        result = _in_dialect(loss, arguments, dialect)
    if not compare:
        return result
    shared = {name: value for name, value in arguments.items() if name not in POLICIES}
    compared = {}
    for name in compare:
        one_of("compare", name, DIALECTS)
        compared[name] = dialect_loss(name, loss.name, **shared)
    return replace(result, compared=compared)


def _in_dialect(loss: Loss, arguments: Mapping[str, Any], dialect: str) -> LossResult:
    """The library's number with Xent's counts, which exist even where a mean does not."""
    if arguments.get("gradient"):
        text = "gradients are exact only; leave dialect or gradient out"
        raise InvalidInput.at("/gradient", Code.DIALECT_UNSUPPORTED, text)
    said = dialect_loss(dialect, loss.name, **arguments)
    counted = loss.function(**{**arguments, "reduction": "none"})
    reduction = arguments.get("reduction", "mean")
    return replace(counted, loss=said.loss, reduction=reduction, rules=said.rules)
