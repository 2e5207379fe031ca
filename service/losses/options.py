"""Checks of the options that losses share."""

import math
from collections.abc import Sequence
from typing import Any

from service.errors import Code, InvalidInput

CLIP = 2.0**-52
"""The smallest probability under `zero_probability="clip"`, unless another one is asked for."""


def one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuses an option that is none of the words allowed.

    Raises:
        InvalidInput: naming them.
    """
    if value not in allowed:
        words = ", ".join(f'"{word}"' for word in allowed)
        raise InvalidInput.at(f"/{name}", Code.INVALID_OPTION, f"{name} is one of {words}")


def within(
    name: str,
    value: float,
    low: float,
    high: float,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Refuses a number outside an interval, NaN included.

    Raises:
        InvalidInput: naming the interval.
    """
    above = value > low if low_open else value >= low
    below = value < high if high_open else value <= high
    if not (above and below):
        left, right = "(" if low_open else "[", ")" if high_open else "]"
        raise InvalidInput.at(
            f"/{name}",
            Code.INVALID_OPTION,
            f"{name} is {value!r}; it lies in {left}{low:g}, {high:g}{right}",
        )


def exactly_one(**members: Any) -> tuple[str, Any]:
    """The name and value of the one member that is given.

    Raises:
        InvalidInput: none of them, or several.
    """
    given = [name for name, value in members.items() if value is not None]
    names = list(members)
    if len(given) == 1:
        return given[0], members[given[0]]
    if not given:
        raise InvalidInput.at(
            f"/{names[0]}", Code.MISSING_MEMBER, f"one of {', '.join(names)} is needed"
        )
    raise InvalidInput.at(
        f"/{given[1]}",
        Code.CONFLICTING_MEMBERS,
        f"{' and '.join(given)} are given; send only one of them",
    )


def check_shared(*, reduction: str, unit: str, zero_probability: str, clip: float) -> None:
    """Checks the options that every loss has.

    Raises:
        InvalidInput: at the first one that means nothing.
    """
    one_of("reduction", reduction, ("mean", "sum", "none"))
    one_of("unit", unit, ("nat", "bit"))
    one_of("zero_probability", zero_probability, ("infinite", "clip", "reject"))
    within("clip", clip, 0, 1, low_open=True, high_open=True)
    if clip != CLIP and zero_probability != "clip":
        text = 'clip bounds probabilities under zero_probability "clip" alone'
        raise InvalidInput.at("/clip", Code.CONFLICTING_MEMBERS, text)


def uniform_loss(classes: int, unit: str) -> float:
    """-log(1/K): what a hard label costs the prediction that knows nothing."""
    if classes == 0:
        return 0.0
    return math.log2(classes) if unit == "bit" else math.log(classes)
