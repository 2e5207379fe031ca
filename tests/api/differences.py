"""Comparing answers with those that are shown."""

import math
from collections.abc import Collection
from functools import partial
from typing import Any

CHANGING = {
    *("seconds", "at", "created", "closed", "revoked", "digest", "etag"),
    *("id", "evaluation", "key", "principal", "subject"),
}
"""Members of answers that are never twice the same: durations, moments, ids and what names them,
digests of files that hold a duration, and what changes were counted."""

REMAINDERS = {"gradient_norm", "newton_decrement"}
"""What is left of a fit's gradient at the optimum is roundings, other ones on each processor."""


def differences(
    expected: Any, actual: Any, at: str = "", *, changing: Collection[str] = CHANGING
) -> list[str]:
    """Where two JSON values differ by more than the last digits of their numbers."""
    inner = partial(differences, changing=changing)
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            return [f"{at}: members {sorted(expected.keys() ^ actual.keys())}"]
        keys = expected.keys() - changing
        return [d for k in keys for d in inner(expected[k], actual[k], f"{at}/{k}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [d for i, (a, b) in pairs for d in inner(a, b, f"{at}/{i}")]
    numbers = type(expected) in (int, float) and type(actual) in (int, float)
    if numbers:
        noise = 0.0 if REMAINDERS.isdisjoint(at.split("/")) else 1e-12  # curves of them, too
        same = math.isclose(expected, actual, rel_tol=1e-13, abs_tol=noise)
    else:
        same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{at}: {expected!r} is not {actual!r}"]
