"""Divergences of pairs of rows of probabilities, and the digits that they keep."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import peers
import references
from exact import exact, pairs
from families import DIGITS, near
from families import pairs as pairs_of_rows
from forms import soft
from measured import Measured, measured
from mpmath import mpf
from references import relative

from service import losses
from service.numerics import as_pair, jensen_shannon, kullback_leibler

KEPT = 10
"""Digits that are to be kept of the divergence of distributions that differ in the 12th."""


def divergences(rng: np.random.Generator, n: int, k: int) -> Iterator[Measured]:
    """Of the kernels, on rows that need not sum to 1."""
    for name, p, q in pairs_of_rows(rng, n, k):
        rows = [
            ([mpf(v) for v in a], [mpf(v) for v in b])
            for a, b in zip(p.tolist(), q.tolist(), strict=True)
        ]
        for function, values, computed in (
            (
                "kullback_leibler",
                [relative(a, b) for a, b in rows],
                kullback_leibler(p, as_pair(q)),
            ),
            ("jensen_shannon", [middle(a, b) for a, b in rows], jensen_shannon(p, as_pair(q))),
        ):
            yield measured(function, "", "probabilities", name, exact(values), computed, k=k)


def middle(a: list, b: list) -> mpf:
    """The mean of KL(a, m) and KL(b, m), m = (a + b) / 2."""
    m = [(x + y) / 2 for x, y in zip(a, b, strict=True)]
    return (relative(a, m) + relative(b, m)) / 2


EXACT = {"kl_divergence": relative, "js_divergence": middle}


class Kept(NamedTuple):
    """Decimal digits of a divergence that are right in the worst of rows, by digit, by library."""

    loss: str
    source: str
    k: int
    digits: dict[str, dict[int, float]]

    @property
    def met(self) -> bool:
        return self.digits["Xent"][12] >= KEPT


def kept(rng: np.random.Generator, n: int, k: int) -> Iterator[Kept]:
    """The digits of the divergence itself, from targets that differ in a digit."""
    for source, read in references.READ.items():
        found: dict[str, dict[str, dict[int, float]]] = {loss: {} for loss in EXACT}
        for digit in DIGITS:
            family = near(rng, n, k, source, digit)
            assert family.targets is not None
            form = soft(family.targets)
            given = {source.replace("-", "_"): family.values}
            for loss, divergence in EXACT.items():
                rows = [
                    divergence(t, [c.p for c in read(row)])
                    for t, row in zip(form.truth, family.values, strict=True)
                ]
                computed = getattr(losses, loss)(**given, **form.members, reduction="none").loss
                others = peers.of_loss(loss, form, family, source, bits=False)["loss"]
                for library, values in ({"Xent": computed} | others).items():
                    found[loss].setdefault(library, {})[digit] = right(values, *pairs(rows))
        for loss, digits in found.items():
            yield Kept(loss, source, k, digits)


def right(values: np.ndarray, high: np.ndarray, low: np.ndarray) -> float:
    """Decimal digits of the worst row: 0 where none is right, 16 where float64 has no more."""
    apart = high > 0.0  # rows that the digit did not move are equal
    errors = np.abs((values - high) - low)[apart] / high[apart]
    worst = float(errors.max())
    return min(16.0, max(0.0, -math.log10(max(worst, 1e-16))))
