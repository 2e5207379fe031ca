"""Predictions in a form that a library takes, as its users would convert them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from service.losses.activations import sigmoid, softmax
from service.losses.dialects.table import SUPPORTED
from service.losses.members import INPUTS, MEMBERS
from service.losses.result import Numbers, Rule


def _rule(member: str, wanted: str) -> Rule:
    text = f"It takes no {member}; these are the {wanted} made of them in float64."
    return Rule(f"from_{member}", text)


CONVERSIONS: Mapping[tuple[str, str], Rule] = {
    pair: _rule(*pair)
    for pair in (
        ("logits", "probabilities"),
        ("log_probabilities", "probabilities"),
        ("probabilities", "log_probabilities"),
        ("probabilities", "logits"),
        ("log_probabilities", "logits"),
    )
}
"""What was sent, what a library takes, and the rule that says so."""


def converted(
    library: str, loss: str, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Rule, ...]]:
    """The arguments of a loss with the prediction in a form that a library takes.

    Args:
        library: one of `DIALECTS`.
        loss: its name in the catalogue.
        arguments: its members.

    Returns:
        The members, and the rule of a conversion; those that were sent where there is none to make.
    """
    calls = SUPPORTED[library].get(loss, ())
    fitting = [call for call in calls if any(truth in arguments for truth in call.truths)]
    taken = {member for call in fitting for member in call.predictions}
    members, given = dict(arguments), [name for name in INPUTS if name in arguments]
    if len(given) != 1 or given[0] in taken:
        return members, ()
    for (member, wanted), rule in CONVERSIONS.items():
        if member == given[0] and wanted in taken:
            values = members.pop(member).astype(np.float64)
            members[wanted] = _made(
                values, member, wanted, members, binary="axis" not in MEMBERS[loss]
            )
            return members, (rule,)
    return members, ()


def _made(
    values: Numbers, member: str, wanted: str, members: dict[str, Any], *, binary: bool
) -> Numbers:
    with np.errstate(all="ignore"):  # what the library makes of infinities and NaN is its own
        if member == "probabilities":
            return np.asarray(np.log(values))
        if member == "log_probabilities":  # which are logits, too
            return values if wanted == "logits" else np.asarray(np.exp(values))
    if binary:
        return sigmoid(values)
    temperature = members.pop("temperature", 1.0)
    return softmax(values, axis=members.get("axis", -1), temperature=temperature)
