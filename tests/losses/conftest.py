"""An independent reading of the definitions of the mean and of the gradient, in 80 digits."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mpmath
import pytest
from mpmath import mp, mpf

from service.errors import Code, InvalidInput

DIGITS = 80
Row = list[Any]


def faults(function: Any, /, **arguments: Any) -> list[tuple[str, Code]]:
    with pytest.raises(InvalidInput) as caught:
        function(**arguments)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def exact(x: Any) -> Any:
    return x if isinstance(x, mpf) else mpf(float(x))


def softmax(logits: Sequence[float], temperature: float) -> Row:
    """p of one row; -inf is impossible, one +inf is certain."""
    values = [exact(z) / mpf(temperature) for z in logits]
    if mpmath.inf in values:
        return [mpf(int(z == mpmath.inf)) for z in values]
    exponentials = [mpmath.exp(z) for z in values]
    total = mpmath.fsum(exponentials)
    return [e / total for e in exponentials]


def predicted(member: str, row: Sequence[float], options: dict[str, Any]) -> Row:
    if member == "logits":
        return softmax(row, options.get("temperature", 1.0))
    values = [exact(x) for x in row]
    if member == "log_probabilities":
        values = [mpmath.exp(x) for x in values]
    if options.get("normalize") == "renormalize":
        total = mpmath.fsum(values)
        values = [x / total for x in values]
    return values


def surprise(p: Any, weight: Any, options: dict[str, Any], counts: set[str]) -> Any:
    """weight * (-log p) in the unit asked for, with 0 * inf = 0 and the policy for p = 0."""
    if weight == 0:
        return mpf(0)
    if options.get("zero_probability") == "clip" and p < mpf(options.get("clip", 2.0**-52)):
        counts.add("clipped")
        p = mpf(options.get("clip", 2.0**-52))
    if p == 0:
        counts.add("infinite")
        return mpmath.inf
    unit = mpmath.log(2) if options.get("unit") == "bit" else mpf(1)
    return weight * -mpmath.log(p) / unit


def rows_of(targets: Any, labels: Any, classes: int, options: dict[str, Any]) -> list[Row]:
    if labels is not None:
        return [[mpf(int(c == y)) for c in range(classes)] for y in labels]
    rows = [[exact(t) for t in row] for row in targets]
    if options.get("normalize") == "renormalize":
        rows = [[t / mpmath.fsum(row) for t in row] for row in rows]
    return rows


def categorical(
    member: str,
    predictions: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    targets: Sequence[Sequence[float]] | None = None,
    **options: Any,
) -> SimpleNamespace:
    """Cross-entropy straight from its definition; samples of weight 0 or ignored are left out."""
    with mp.workdps(DIGITS):
        size, classes = len(predictions), len(predictions[0])
        s = [exact(x) for x in options.get("sample_weights", [1.0] * size)]
        w = [exact(x) for x in options.get("class_weights", [1.0] * classes)]
        ignore = options.get("ignore_index", [])
        ignore = ignore if isinstance(ignore, list) else [ignore]
        smoothing = mpf(options.get("label_smoothing", 0.0))
        truth = rows_of(targets, labels, classes, options)
        losses, weights, kept = [mpf(0)] * size, [mpf(0)] * size, []
        clipped = infinite = 0
        for i, (row, t) in enumerate(zip(predictions, truth, strict=True)):
            if s[i] == 0 or (labels is not None and labels[i] in ignore):
                continue
            kept.append(i)
            p = predicted(member, row, options)
            counts: set[str] = set()
            losses[i] = s[i] * mpmath.fsum(
                surprise(
                    p[c], w[c] * ((1 - smoothing) * t[c] + smoothing / classes), options, counts
                )
                for c in range(classes)
            )
            clipped += "clipped" in counts
            infinite += "infinite" in counts
            if mpmath.fsum(t):
                weights[i] = (
                    s[i] * mpmath.fsum(a * b for a, b in zip(w, t, strict=True)) / mpmath.fsum(t)
                )
        return reduced(losses, weights, kept, clipped, infinite, options)


def reduced(
    losses: Row, weights: Row, kept: list[int], clipped: int, infinite: int, options: dict[str, Any]
) -> SimpleNamespace:
    weight, total = mpmath.fsum(weights), mpmath.fsum(losses)
    reduction = options.get("reduction", "mean")
    mean = total / weight if weight else mpmath.nan
    loss = losses if reduction == "none" else mean if reduction == "mean" else total
    return SimpleNamespace(
        loss=loss,
        total=mean if reduction == "mean" else total,
        weight=weight,
        count=len(kept),
        ignored=len(losses) - len(kept),
        clipped=clipped,
        infinite=infinite,
    )


def binary(
    member: str,
    predictions: Sequence[float],
    truth: Sequence[float],
    **options: Any,
) -> SimpleNamespace:
    """Binary cross-entropy straight from its definition."""
    with mp.workdps(DIGITS):
        size = len(predictions)
        s = [exact(x) for x in options.get("sample_weights", [1.0] * size)]
        smoothing = mpf(options.get("label_smoothing", 0.0))
        w = mpf(options.get("positive_weight", 1.0))
        ignore = options.get("ignore_index", [])
        ignore = ignore if isinstance(ignore, list) else [ignore]
        losses, weights, kept = [mpf(0)] * size, [mpf(0)] * size, []
        clipped = infinite = 0
        for i, (x, label) in enumerate(zip(predictions, truth, strict=True)):
            if s[i] == 0 or label in ignore:
                continue
            kept.append(i)
            value = exact(x)
            if member == "logits":
                p, q = 1 / (1 + mpmath.exp(-value)), 1 / (1 + mpmath.exp(value))
            else:
                p = value if member == "probabilities" else mpmath.exp(value)
                q = 1 - p
            y = (1 - smoothing) * exact(label) + smoothing / 2
            counts: set[str] = set()
            losses[i] = s[i] * (
                surprise(p, w * y, options, counts) + surprise(q, 1 - y, options, counts)
            )
            weights[i] = s[i]
            clipped += "clipped" in counts
            infinite += "infinite" in counts
        return reduced(losses, weights, kept, clipped, infinite, options)


def slope(total: Callable[[Any], Any], at: float) -> Any:
    """Derivative by a central difference, right to about 50 decimal places."""
    with mp.workdps(DIGITS):
        step = mpf(10) ** -25
        return (total(mpf(at) + step) - total(mpf(at) - step)) / (2 * step)


@pytest.fixture(scope="session")
def reference() -> SimpleNamespace:
    return SimpleNamespace(categorical=categorical, binary=binary, slope=slope, softmax=softmax)
