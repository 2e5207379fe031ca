"""Rows of predictions in mpmath: probabilities, logarithms and complements with all their digits.

The sum of the other classes is taken without the class itself, and log1p expands near 0, so that
220 bits hold every digit at any margin; a test compares this with -log(softmax) at 2,500 bits.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from exact import ZERO
from mpmath import mp, mpf


class Chance(NamedTuple):
    """A class of a row: p, -log p and 1 - p."""

    p: mpf
    surprisal: mpf
    rest: mpf


class Row(NamedTuple):
    """One row of logits: its largest, log1p of the sum of the other weights, and its classes."""

    largest: mpf
    others: mpf
    chances: list[Chance]

    @property
    def level(self) -> mpf:
        """Logarithm of the sum of the exponentials."""
        return self.largest + self.others


def of_logits(logits: np.ndarray, temperature: float = 1.0) -> Row:
    values, over = [mpf(z) for z in logits.tolist()], mpf(temperature)
    top = int(np.argmax(logits))
    gaps = [(v - values[top]) / over for v in values]
    weights = [mp.exp(g) if mp.isfinite(g) else ZERO for g in gaps]
    others = mp.fsum(w for j, w in enumerate(weights) if j != top)
    total, rest = 1 + others, mp.log1p(others)
    chances = []
    for j, (weight, gap) in enumerate(zip(weights, gaps, strict=True)):
        p = weight / total
        chances.append(Chance(p, rest - gap, others / total if j == top else 1 - p))
    return Row(values[top] / over, rest, chances)


def of_probabilities(row: np.ndarray) -> list[Chance]:
    return [of_probability(p) for p in row.tolist()]


def of_probability(p: float) -> Chance:
    return Chance(mpf(p), -mp.log(p) if p else mpf("inf"), 1 - mpf(p))


def of_logs(row: np.ndarray) -> list[Chance]:
    return [of_log(x) for x in row.tolist()]


def of_log(x: float) -> Chance:
    p = mp.exp(x) if np.isfinite(x) else ZERO
    return Chance(p, -mpf(x), -mp.expm1(x) if p else mpf(1))


def softplus(x: float) -> mpf:
    if not np.isfinite(x):
        return mpf("inf") if x > 0 else ZERO
    return max(mpf(x), ZERO) + mp.log1p(mp.exp(-abs(mpf(x))))


def both(x: float, source: str) -> tuple[Chance, Chance]:
    """The positive and the negative class of a binary prediction."""
    if source == "logits":
        up, down = softplus(x), softplus(-x)
        p, q = (mp.exp(-v) if mp.isfinite(v) else ZERO for v in (down, up))
        return Chance(p, down, q), Chance(q, up, p)
    yes = of_probability(x) if source == "probabilities" else of_log(x)
    near = yes.p < 0.5
    other = -mp.log1p(-yes.p) if near else -mp.log(yes.rest) if yes.rest else mpf("inf")
    return yes, Chance(yes.rest, other, yes.p)


def relative(a: list, b: list) -> mpf:
    """KL of weights a from b: 220 bits leave 50 where the terms cancel in the 16th digit."""
    return mp.fsum((x * mp.log(x / y) if x else 0) - x + y for x, y in zip(a, b, strict=True))


READ: dict[str, Callable[[np.ndarray], list[Chance]]] = {
    "logits": lambda row: of_logits(row).chances,
    "probabilities": of_probabilities,
    "log-probabilities": of_logs,
}
