"""Sums and means over samples against rational ones, and perplexity."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import peers
import references
from exact import ZERO, exact, finite, normal
from families import Family, families
from measured import Measured, measured
from mpmath import mp, mpf

from service import losses

ROUNDED = 0.5
"""The goal of what is exact until it is rounded."""


def reductions(rng: np.random.Generator, n: int, k: int) -> Iterator[Measured]:
    """Of cross-entropy, by family, plain and weighted."""
    for family in families(rng, n, k):
        possible = np.isfinite(family.values)
        family.values[~possible.any(axis=1), 0] = 0.0
        labels = np.where(possible, rng.random((n, k)), -1.0).argmax(axis=1)
        given = {"logits": family.values, "labels": labels, "temperature": family.temperature}
        yield from sums(family, given, np.ones(n), "")
        yield from sums(family, given | {"sample_weights": (s := rng.random(n))}, s, "weighted")
        if family.name != "full range":
            yield from perplexity(family, given)


def sums(
    family: Family, given: dict[str, Any], weights: np.ndarray, form: str
) -> Iterator[Measured]:
    each, total, mean = (
        losses.cross_entropy(**given, reduction=reduction).loss
        for reduction in ("none", "sum", "mean")
    )
    if not np.isfinite(each).all():
        return
    exact_sum = sum(map(Fraction, each.tolist()))
    divisor = sum(map(Fraction, weights.tolist()))
    for name, computed, value in (("sum", total, exact_sum), ("mean", mean, exact_sum / divisor)):
        yield measured(
            "cross_entropy",
            f"{form} {name} of samples".strip(),
            "logits",
            family.name,
            exact([mpf(value.numerator) / mpf(value.denominator)]),
            np.array([computed]),
            {} if form else peers.of_reduction(name, each),
            k=family.values.shape[1],
            goal=ROUNDED,
        )


def perplexity(family: Family, given: dict[str, Any]) -> Iterator[Measured]:
    """Errors count as what a digit of the mean moves it by, where that is more than one."""
    (n, k), t = family.values.shape, mpf(family.temperature)
    rows = [references.of_logits(row, family.temperature).chances for row in family.values]
    mean = mp.fsum(row[y].surprisal for row, y in zip(rows, given["labels"], strict=True)) / n
    value = mp.exp(mean)
    if not finite(value):
        return  # infinite, whatever the slopes are multiplied with
    gradient = [
        [value * (-c.rest if j == y else c.p) / n / t for j, c in enumerate(row)]
        for row, y in zip(rows, given["labels"].tolist(), strict=True)
    ]
    result = losses.perplexity(**given, gradient=True)
    digit = max(mpf(1), mean)
    counted = [  # the gradient of the mean is not to be below the normal range
        [
            x * digit if normal(c.p) and normal(x / value) else ZERO
            for x, c in zip(xs, row, strict=True)
        ]
        for xs, row in zip(gradient, rows, strict=True)
    ]
    for form, expected, computed in (
        ("", exact([value], [value * digit]), np.array([result.loss])),
        ("gradient", exact(gradient, counted), result.gradient),
    ):
        yield measured("perplexity", form, "logits", family.name, expected, computed, k=k)
