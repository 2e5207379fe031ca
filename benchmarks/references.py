"""The exact values: every formula in mpmath, rounded to a pair of float64 numbers.

The sum of the other classes is taken without the class itself, and log1p expands near 0, so that
220 bits hold every digit at any margin; a test compares this with -log(softmax) at 2,500 bits.
"""

from typing import NamedTuple

import numpy as np
from mpmath import libmp, mp, mpf

mp.prec = 220

NORMAL = np.finfo(np.float64).tiny


class Exact(NamedTuple):
    """Exact values as unevaluated sums high + low, and the size their error is measured against."""

    high: np.ndarray
    low: np.ndarray
    size: np.ndarray

    def ulps(self, computed: np.ndarray) -> np.ndarray:
        """Errors in ulp of the size, where that is normal; inf for a nan or a wrong infinity."""
        with np.errstate(all="ignore"):
            errors = np.abs((computed - self.high) - self.low) / np.spacing(self.size)
            errors = np.where(
                computed == self.high, np.abs(self.low) / np.spacing(self.size), errors
            )
        errors[np.isinf(self.high) & (computed == self.high)] = 0.0
        errors[np.isnan(errors)] = np.inf
        return errors[(self.size >= NORMAL)]


def exact(values: list, sizes: list | None = None) -> Exact:
    """The pair for a (nested) list of mpf; errors count against the values, or else the sizes."""
    array = np.array(values, dtype=object)
    high = rounded(array)
    low = np.zeros_like(high)
    finite = np.isfinite(high)
    low[finite] = [float(v - mpf(h)) for v, h in zip(array[finite], high[finite], strict=True)]
    size = np.abs(high if sizes is None else rounded(np.array(sizes, object)))
    return Exact(high, low, np.minimum(size, np.finfo(np.float64).max))


def rounded(array: np.ndarray) -> np.ndarray:
    """The nearest float64 of every mpf, infinite beyond the largest."""
    return np.array([libmp.to_float(v._mpf_) for v in array.flat]).reshape(array.shape)


class Row(NamedTuple):
    """One row: its largest logit, weights over the largest, surprisals -log p and log1p(S)."""

    largest: mpf
    weights: list
    total: mpf
    surprisals: list
    rest: mpf

    def complement(self, label: int) -> mpf:
        """1 - p of a class."""
        return mp.fsum(w for j, w in enumerate(self.weights) if j != label) / self.total


def row(logits: np.ndarray, temperature: float) -> Row:
    values = [mpf(float(z)) for z in logits]
    top = int(np.argmax(logits))
    gaps = [(v - values[top]) / mpf(temperature) for v in values]
    weights = [mp.exp(g) if mp.isfinite(g) else mpf(0) for g in gaps]
    others = mp.fsum(w for j, w in enumerate(weights) if j != top)
    rest = mp.log1p(others)
    return Row(values[top], weights, 1 + others, [rest - g for g in gaps], rest)


LN2 = mp.log(2)


def categorical(
    logits: np.ndarray, temperature: float, labels: np.ndarray, u: np.ndarray, scale: np.ndarray
) -> dict[str, Exact]:
    """Every categorical function of a family."""
    rows = [row(z, temperature) for z in logits]
    unit = [mpf(float(s)) / mpf(temperature) for s in scale]
    probabilities = [[w / r.total for w in r.weights] for r in rows]
    losses = [r.surprisals[y] for r, y in zip(rows, labels, strict=True)]
    gradient = [[c * p for p in ps] for c, ps in zip(unit, probabilities, strict=True)]
    for i, y in enumerate(labels):
        gradient[i][y] = -unit[i] * rows[i].complement(int(y))
    counted = [  # a probability below the normal range has lost digits that 1 / T cannot give back
        [g if p >= NORMAL and abs(g) >= NORMAL * c else mpf(0) for g, p in zip(gs, ps, strict=True)]
        for gs, ps, c in zip(gradient, probabilities, unit, strict=True)
    ]
    soft = [[mpf(float(c)) for c in us] for us in u]
    masses = [mp.fsum(us) for us in soft]
    triples = list(zip(unit, masses, probabilities, soft, strict=True))
    return {
        "softmax": exact(probabilities),
        "log_softmax": exact([[-s for s in r.surprisals] for r in rows]),
        "logsumexp": exact(
            [r.largest + r.rest for r in rows], [max(abs(r.largest), r.rest) for r in rows]
        ),
        "loss": exact(losses),
        "loss, bits": exact([x / LN2 for x in losses]),
        "gradient": exact(gradient, counted),
        "gradient, bits": exact(
            [[g / LN2 for g in gs] for gs in gradient], [[g / LN2 for g in gs] for gs in counted]
        ),
        "soft loss": exact(
            [
                mp.fsum(c * s for c, s in zip(us, r.surprisals, strict=True) if c)
                for us, r in zip(soft, rows, strict=True)
            ]
        ),
        "soft gradient": exact(
            [[c * (m * p - t) for p, t in zip(ps, us, strict=True)] for c, m, ps, us in triples],
            [[c * max(m * p, t) for p, t in zip(ps, us, strict=True)] for c, m, ps, us in triples],
        ),
    }


def softplus(x: float) -> mpf:
    if not np.isfinite(x):
        return mpf("inf") if x > 0 else mpf(0)
    return max(mpf(x), mpf(0)) + mp.log1p(mp.exp(-abs(mpf(x))))


def sigmoid(x: float) -> mpf:
    return mp.exp(-softplus(-x)) if np.isfinite(x) else mpf(x > 0)


def binary(z: np.ndarray, y: np.ndarray, weight: float, scale: np.ndarray) -> dict[str, Exact]:
    """Every binary function of a family."""
    up, down = [softplus(float(x)) for x in z], [softplus(-float(x)) for x in z]
    p, q = [sigmoid(float(x)) for x in z], [sigmoid(-float(x)) for x in z]
    a = [mpf(weight) * mpf(float(t)) for t in y]
    b = [1 - mpf(float(t)) for t in y]
    losses = [
        (s * d if s else 0) + (t * e if t else 0) for s, d, t, e in zip(a, down, b, up, strict=True)
    ]
    parts = list(zip(map(mpf, scale.tolist()), a, q, b, p, strict=True))
    return {
        "sigmoid": exact(p),
        "log_sigmoid": exact([-x for x in down]),
        "softplus": exact(up),
        "loss": exact(losses),
        "loss, bits": exact([x / LN2 for x in losses]),
        "gradient": exact(
            [c * (t * g - s * h) for c, s, h, t, g in parts],
            [c * max(t * g, s * h) for c, s, h, t, g in parts],
        ),
    }


def log1mexp(x: np.ndarray) -> Exact:
    values = [mpf(float(v)) for v in x]
    return exact([mp.log(-mp.expm1(v)) if v > -1 else mp.log1p(-mp.exp(v)) for v in values])


def divergences(p: np.ndarray, q: np.ndarray) -> dict[str, Exact]:
    """Entropy of p, and the divergences of rows p from q, as sums of terms >= 0."""
    rows = [
        ([mpf(float(v)) for v in a], [mpf(float(v)) for v in b]) for a, b in zip(p, q, strict=True)
    ]
    middles = [[(x + y) / 2 for x, y in zip(a, b, strict=True)] for a, b in rows]
    return {
        "entropy": exact([-mp.fsum(x * mp.log(x) for x in a if x) for a, _ in rows]),
        "KL": exact([relative(a, b) for a, b in rows]),
        "JS": exact(
            [(relative(a, m) + relative(b, m)) / 2 for (a, b), m in zip(rows, middles, strict=True)]
        ),
    }


def relative(a: list, b: list) -> mpf:
    """KL of weights a from b: 220 bits leave 50 where the terms cancel in the 16th digit."""
    return mp.fsum((x * mp.log(x / y) if x else 0) - x + y for x, y in zip(a, b, strict=True))
