"""Losses of binary predictions, the sigmoid and its logarithm."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import catalogue
import numpy as np
import peers
import references
from exact import LN2, ZERO, exact, finite
from families import Family, scalars
from measured import Measured, answered, loss_and_gradient, measured
from mpmath import mp, mpf
from references import Chance

from service import losses, numerics

POSITIVE = 2.7
"""The weight of what is positive, of soft targets."""

LOSSES = {"binary_cross_entropy": catalogue.cross_entropy, "binary_focal": catalogue.focal}

Chances = list[tuple[Chance, Chance]]


class Form(NamedTuple):
    """What is said to be true of elements, with sample weights."""

    name: str
    members: dict[str, Any]
    truth: np.ndarray
    positive: float
    scale: np.ndarray


def binary(rng: np.random.Generator, n: int, source: str) -> Iterator[Measured]:
    """Everything of every family."""
    for family in scalars(rng, n, source):
        size = family.values.size
        chances = [references.both(x, source) for x in family.values.tolist()]
        if source == "logits":
            yield from sigmoids(family, chances)
        labels = rng.integers(0, 2, size).astype(float)
        yield from scored(family, chances, source, Form("", {"labels": labels}, labels, 1.0, 1.0))
        y, s = rng.random(size), rng.random(size)
        members = {"targets": y, "positive_weight": POSITIVE, "sample_weights": s}
        yield from scored(family, chances, source, Form("weighted soft", members, y, POSITIVE, s))


def sigmoids(family: Family, chances: Chances) -> Iterator[Measured]:
    z = family.values
    x = -np.abs(z)
    logs = [mp.log(-mp.expm1(v)) if v > -1 else mp.log1p(-mp.exp(v)) for v in map(mpf, x.tolist())]
    for name, values, computed in (
        ("sigmoid", [yes.p for yes, _ in chances], losses.sigmoid(z)),
        ("log_sigmoid", [-yes.surprisal for yes, _ in chances], losses.sigmoid(z, log=True)),
        ("softplus", [no.surprisal for _, no in chances], numerics.softplus(z)),
        ("log1mexp", logs, numerics.log1mexp(x)),
    ):
        others = peers.of_sigmoid(name, z)
        yield measured(name, "", "logits", family.name, exact(values), computed, others, k=1)


def scored(family: Family, chances: Chances, source: str, form: Form) -> Iterator[Measured]:
    for name, function in LOSSES.items():
        values, sizes, slopes, counted = [], [], [], []
        scale = np.broadcast_to(form.scale, form.truth.shape).tolist()
        for y, s, pair in zip(form.truth.tolist(), scale, chances, strict=True):
            weights = (mpf(form.positive) * mpf(y), 1 - mpf(y))
            found = [
                (w * f, w * u) if w else (ZERO, ZERO)
                for w, (f, u) in zip(weights, map(function, pair), strict=True)
            ]
            value = found[0][0] + found[1][0]
            values.append(s * value)
            # not where it is beyond float64 before it is weighted, in nats or in bits
            sizes.append(s * value if finite(value / LN2) else ZERO)
            up, down = slopes_of(pair, found[0][1], found[1][1], source)
            slopes.append(s * (down - up))
            counted.append(s * max(up, down) if finite(max(up, down) / LN2) else ZERO)
        for unit, per_nat in (("", mpf(1)), ("bits", 1 / LN2)):
            if unit and name == "binary_focal":
                continue
            result = answered(name, source, family.values, unit, **form.members)
            others = peers.of_binary(name, form, family, source) if not unit else {}
            exacts = (
                exact([v * per_nat for v in values], [v * per_nat for v in sizes]),
                exact([v * per_nat for v in slopes], [v * per_nat for v in counted]),
            )
            words = form.name, unit
            yield from loss_and_gradient(
                name, words, source, family.name, exacts, result, others, k=1
            )


def slopes_of(pair: tuple[Chance, Chance], up: mpf, down: mpf, source: str) -> tuple[mpf, mpf]:
    """What pulls up and what pulls down, by what was sent, from the slopes by the logarithms."""
    p, rest = pair[0].p, pair[0].rest
    if source == "logits":
        return up * rest, down * p
    if source == "probabilities":
        return quotient(up, p), quotient(down, rest)
    return up, quotient(down * p, rest)


def quotient(a: mpf, b: mpf) -> mpf:
    """A / b, where 0 / 0 is 0 and a / 0 is infinite."""
    return a / b if b else mpf("inf") if a else ZERO
