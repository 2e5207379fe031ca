"""The door to the dialects: which call a request means, and what the library answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.errors import InvalidInput
from service.losses.dialects.given import Given, unsupported
from service.losses.dialects.table import DIALECTS, SUPPORTED, Call
from service.losses.members import INPUTS, TRUTHS
from service.losses.options import exactly_one, one_of, within
from service.losses.result import DialectLoss

NEUTRAL: Mapping[str, Any] = {
    "label_smoothing": 0,
    "positive_weight": 1,
    "temperature": 1,
    "z_loss": 0,
    "unit": "nat",
    "gradient": False,
}
"""Options whose value asks for nothing, so that every library follows it."""


def dialect_loss(dialect: str, loss: str, **given: Any) -> DialectLoss:
    """What a library prints for the same data in its default precision.

    Args:
        dialect: one of `DIALECTS`.
        loss: Xent's name of the loss, such as `"cross-entropy"`.
        **given: the arguments of that loss in Xent, those that are given; `None` is absent.

    Returns:
        The library's number, and the rules that made it differ from the exact value.

    Raises:
        InvalidInput: `dialect_unsupported`, naming the option, for what the table does not have or
            the library itself refuses; otherwise as for the loss.

    Source: the libraries, as each module states.
    """
    one_of("dialect", dialect, DIALECTS)
    calls = SUPPORTED[dialect].get(loss, ())
    if not calls:
        raise unsupported("dialect", _without(dialect, loss))
    options = {
        name: value
        for name, value in given.items()
        if value is not None and not (name in NEUTRAL and np.array_equal(value, NEUTRAL[name]))
    }
    member, values = exactly_one(**{name: options.pop(name, None) for name in INPUTS})
    truth, true = exactly_one(**{name: options.pop(name, None) for name in TRUTHS})
    one_of("reduction", options.get("reduction", "mean"), ("mean", "sum", "none"))
    within("label_smoothing", options.get("label_smoothing", 0), 0, 1)
    call = _call(dialect, loss, calls, member, truth, options)
    # Infinities and NaN are part of what the libraries print.
    with np.errstate(all="ignore"):
        return call.compute(Given(member, np.asarray(values), truth, np.asarray(true), options))


def _without(dialect: str, loss: str) -> str:
    """Says which dialects have a loss that one has not, and which losses that one has."""
    having = [name for name in DIALECTS if loss in SUPPORTED[name]]
    others = f"of {' and '.join(having)}" if having else "of no library"
    has = ", ".join(SUPPORTED[dialect])
    return f"{dialect} has no {loss}, which is reproduced {others}; {dialect} has {has}"


def _call(
    dialect: str,
    loss: str,
    calls: Sequence[Call],
    member: str,
    truth: str,
    options: Mapping[str, Any],
) -> Call:
    fitting = [call for call in calls if member in call.predictions and truth in call.truths]
    if not fitting:
        named = member if not any(member in call.predictions for call in calls) else truth
        raise unsupported(named, f"{dialect} has no {loss} of {member} and {truth}")
    asked = {*options} - {"reduction", "classes"}
    for call in fitting:
        if asked <= {*call.options} and (call.needs is None or call.needs in asked):
            return _reducing(call, dialect, options)
    raise _refused(dialect, fitting, asked)


def _reducing(call: Call, dialect: str, options: Mapping[str, Any]) -> Call:
    reduction = options.get("reduction", "mean")
    if reduction not in call.reductions:
        text = f'{dialect} has no reduction "{reduction}" in {call.text}'
        raise unsupported("reduction", text)
    return call


def _refused(dialect: str, fitting: list[Call], asked: set[str]) -> InvalidInput:
    closest = min(fitting, key=lambda call: len(asked - {*call.options}))
    name = min(asked - {*closest.options})
    return unsupported(name, f"{dialect} does not take {name} in {closest.text}")
