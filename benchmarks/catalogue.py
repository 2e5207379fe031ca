"""The exact values and slopes by logits of the losses that are not cross-entropy.

With p the probabilities of a row and x the slopes by p, an entry of the gradient is the difference
p_j x_j - p_j sum_k(p_k x_k), up to 1 / T. Errors count against the larger term; what all x have in
common cancels and is left out of both. A term that is such a difference (p - t of targets) counts
as large as the larger of its own. Where a hard label leaves no difference, errors count against the
entry itself.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import references
from mpmath import mp, mpf
from references import LN2, NORMAL, Exact

GAMMA, EPSILON, Q = 2, 1, 0.7
"""The defaults of focal, poly-1 and generalised cross-entropy."""

SMALLEST = mpf(float(NORMAL))


class Share(NamedTuple):
    """A class of a row: p, -log p, 1 - p, what is true, and p - t."""

    p: mpf
    surprisal: mpf
    rest: mpf
    t: mpf
    difference: mpf


Entries = list[tuple[mpf, mpf]]
"""A row of a gradient: every entry with the size that its error counts against."""

Found = tuple[mpf, mpf, Entries]
"""A loss, the size that its error counts against, and its gradient."""


def shares(logits: np.ndarray, temperature: float, truth: np.ndarray) -> list[Share]:
    row = references.row(logits, temperature)
    top = int(np.argmax(logits))
    answer = []
    for j, (weight, surprisal, true) in enumerate(
        zip(row.weights, row.surprisals, truth.tolist(), strict=True)
    ):
        p, t = weight / row.total, mpf(true)
        rest = row.complement(top) if j == top else 1 - p
        answer.append(Share(p, surprisal, rest, t, -rest if t == 1 else p - t))
    return answer


def focal(c: Share) -> tuple[mpf, mpf]:
    focus = c.rest ** (GAMMA - 1)
    return focus * c.rest * c.surprisal, GAMMA * focus * c.p * c.surprisal + focus * c.rest


def poly(c: Share) -> tuple[mpf, mpf]:
    return c.surprisal + EPSILON * c.rest, 1 + EPSILON * c.p


def generalized(c: Share) -> tuple[mpf, mpf]:
    q = mpf(Q)
    return -mp.expm1(-q * c.surprisal) / q, mp.exp(-q * c.surprisal)


def of_truth(f: Callable[[Share], tuple[mpf, mpf]], row: list[Share], hard: bool) -> Found:
    """sum_c t_c f(p_c), of a function that comes with its slope -df / dlog p."""
    found = [f(c) if c.t else (mpf(0), mpf(0)) for c in row]
    value = mp.fsum(c.t * v for c, (v, _) in zip(row, found, strict=True) if c.t)
    slopes = [c.t * u for c, (_, u) in zip(row, found, strict=True)]
    total = mp.fsum(slopes)
    if hard:
        alone = [-u * c.rest if c.t else c.p * total for c, u in zip(row, slopes, strict=True)]
        return value, value, [(entry, entry) for entry in alone]
    return (
        value,
        value,
        [(c.p * total - u, max(c.p * total, u)) for c, u in zip(row, slopes, strict=True)],
    )


def through_softmax(row: list[Share], slopes: list[mpf], sizes: list[mpf]) -> Entries:
    """From the slopes by p, and what their errors count against."""
    total = mp.fsum(c.p * x for c, x in zip(row, slopes, strict=True))
    size = max(abs(total), mp.fsum(c.p * w for c, w in zip(row, sizes, strict=True)))
    return [
        (c.p * (x - total), c.p * max(abs(x), w, size))
        for c, x, w in zip(row, slopes, sizes, strict=True)
    ]


def entropy(row: list[Share], _: bool) -> Found:
    slopes = [c.surprisal if c.p else mpf(0) for c in row]
    value = mp.fsum(c.p * x for c, x in zip(row, slopes, strict=True))
    entries = through_softmax(row, slopes, slopes)
    low = 1024 * SMALLEST  # what is below comes from a p below the normal range, times -log p
    sizes = [size if size >= low else mpf(0) for size in (value, *(size for _, size in entries))]
    return value, sizes[0], [(x, size) for (x, _), size in zip(entries, sizes[1:], strict=True)]


def brier(row: list[Share], hard: bool) -> Found:
    value = mp.fsum(c.difference**2 for c in row)
    slopes = [2 * c.difference for c in row]
    sizes = [abs(x) if hard else 2 * max(c.p, c.t) for c, x in zip(row, slopes, strict=True)]
    return value, moved(value, row, slopes, hard), through_softmax(row, slopes, sizes)


def kullback_leibler(row: list[Share], hard: bool) -> Found:
    value = mp.fsum((c.t * (mp.log(c.t) + c.surprisal) if c.t else 0) + c.difference for c in row)
    entries = of_truth(lambda _: (mpf(0), mpf(1)), row, hard)[2]
    slopes = [c.difference / c.p if c.p else mpf(0) for c in row]
    return value, moved(value, row, slopes, hard), entries


def over_middle(a: mpf, difference: mpf, total: mpf) -> mpf:
    """log(a / m) of a part of total = 2 m, from a - (total - a)."""
    if difference == total:
        return LN2
    near = abs(difference) < total / 2
    return mp.log1p(difference / total) if near else mp.log(2 * a / total)


def jensen_shannon(row: list[Share], hard: bool) -> Found:
    slopes, sizes, losses = [], [], []
    for c in row:
        total = c.p + c.t
        x = over_middle(c.p, c.difference, total) / 2 if c.p else mpf(0)
        slopes.append(x)
        sizes.append(max(abs(x), 0 if hard or not c.t else c.t / total / 2))
        losses.append(c.t * over_middle(c.t, -c.difference, total) / 2 if c.t else mpf(0))
    value = mp.fsum(losses) + mp.fsum(c.p * x for c, x in zip(row, slopes, strict=True))
    return value, moved(value, row, slopes, hard), through_softmax(row, slopes, sizes)


def moved(value: mpf, row: list[Share], slopes: list[mpf], hard: bool) -> mpf:
    """The value, or what it moves by with a digit of every p, if that is more."""
    if hard:
        return value
    return max(value, mp.fsum(c.p * abs(x) for c, x in zip(row, slopes, strict=True)))


LOSSES: dict[str, Callable[[list[Share], bool], Found]] = {
    "focal": lambda row, hard: of_truth(focal, row, hard),
    "poly_cross_entropy": lambda row, hard: of_truth(poly, row, hard),
    "generalized_cross_entropy": lambda row, hard: of_truth(generalized, row, hard),
    "kl_divergence": kullback_leibler,
    "js_divergence": jensen_shannon,
    "brier": brier,
    "entropy": entropy,
}
"""By the name of the function in `service.losses`."""


def exact(
    logits: np.ndarray, temperature: float, truth: np.ndarray, hard: bool
) -> Iterator[tuple[str, Exact, Exact]]:
    """Every loss of a family of rows: its name, its values and its gradients."""
    rows = [shares(z, temperature, t) for z, t in zip(logits, truth, strict=True)]
    for name, loss in LOSSES.items():
        found = [loss(row, hard) for row in rows]
        gradients = [[entry / mpf(temperature) for entry, _ in entries] for *_, entries in found]
        sizes = [
            [size / mpf(temperature) for size in counted(name, row, entries)]
            for row, (*_, entries) in zip(rows, found, strict=True)
        ]
        values = references.exact([value for value, *_ in found], [size for _, size, _ in found])
        yield name, values, references.exact(gradients, sizes)


def counted(name: str, row: list[Share], entries: Entries) -> Iterator[mpf]:
    """The sizes; 0 where digits are lost below the normal range, which 1 / T may bring back."""
    lost = name == "generalized_cross_entropy" and any(c.t and c.p < SMALLEST for c in row)
    for c, (_, size) in zip(row, entries, strict=True):
        yield size if c.p >= SMALLEST and abs(size) >= SMALLEST and not lost else mpf(0)
