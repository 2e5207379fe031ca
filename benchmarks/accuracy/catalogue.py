"""The exact values of the losses, and their slopes by what is sent, each with a size.

Errors of an entry of a gradient count against the entry itself where nothing cancels in it, and
otherwise against the larger of its two terms. With p the probabilities of a row and x the slopes by
p, these are p_j x_j and p_j sum_k(p_k x_k) by logits; what all x have in common cancels and is left
out of both. A term that is itself such a difference (p - t of targets) counts as large as the
larger of its own.
"""

from collections.abc import Callable
from typing import NamedTuple

from exact import LN2, ONE, ZERO, magnitude
from mpmath import mp, mpf

GAMMA, EPSILON, Q = 2, 1, 0.7
"""The defaults of focal, poly-1 and generalised cross-entropy."""


class Share(NamedTuple):
    """A class of a row: p, -log p, 1 - p, what is true (weighted in w), and p - t."""

    p: mpf
    surprisal: mpf
    rest: mpf
    t: mpf
    w: mpf
    difference: mpf


Entries = list[tuple[mpf, mpf]]
"""A row of a gradient: every entry with the size that its error counts against."""


class Found(NamedTuple):
    """The loss of a row, the size that its error counts against, and its gradient by source."""

    value: mpf
    size: mpf
    gradient: Callable[[str], Entries]


def cross_entropy(c: Share) -> tuple[mpf, mpf]:
    return c.surprisal, mpf(1)


def focal(c: Share) -> tuple[mpf, mpf]:
    focus = c.rest ** (GAMMA - 1)
    inner = c.p * c.surprisal if c.p else ZERO
    return focus * c.rest * c.surprisal, GAMMA * focus * inner + focus * c.rest


def poly(c: Share) -> tuple[mpf, mpf]:
    return c.surprisal + EPSILON * c.rest, 1 + EPSILON * c.p


def generalized(c: Share) -> tuple[mpf, mpf]:
    power = mp.exp(-mpf(Q) * c.surprisal)
    return -mp.expm1(-mpf(Q) * c.surprisal) / Q, power


Pointwise = Callable[[Share], tuple[mpf, mpf]]
"""A function f of a probability, with its slope -df / dlog p."""


def of_truth(f: Pointwise) -> Callable[[list[Share], bool, mpf], Found]:
    """The loss sum_c w_c f(p_c)."""

    def loss(row: list[Share], hard: bool, _: mpf) -> Found:
        found = [f(c) if c.w else (ZERO, ZERO) for c in row]
        value = mp.fsum(c.w * v for c, (v, _) in zip(row, found, strict=True) if c.w)
        slopes = [c.w * u for c, (_, u) in zip(row, found, strict=True)]

        def gradient(source: str) -> Entries:
            if source == "logits":
                return of_logits(row, slopes, hard)
            if source == "probabilities":
                alone = [-u / c.p if u else ZERO for c, u in zip(row, slopes, strict=True)]
            else:
                alone = [-u for u in slopes]
            return [(entry, entry) for entry in alone]

        return Found(value, value, gradient)

    return loss


def of_logits(row: list[Share], slopes: list[mpf], hard: bool) -> Entries:
    """p_j sum(u) - u_j, where one class alone counts without the difference."""
    total = mp.fsum(slopes)
    if hard:
        alone = [-u * c.rest if c.w else c.p * total for c, u in zip(row, slopes, strict=True)]
        return [(entry, entry) for entry in alone]
    return [(c.p * total - u, max(c.p * total, u)) for c, u in zip(row, slopes, strict=True)]


def whole(
    row: list[Share],
    digit: mpf,
    value: mpf,
    slopes: list[mpf],
    sizes: list[mpf],
    *,
    shared: mpf = ZERO,
) -> Found:
    """The loss of a whole row, from its slopes by p without what they have in common.

    Its error counts at least against what moving every p, or t, by a part of a digit does to it.
    """
    moved = mp.fsum(max(c.p, c.t) * abs(x) for c, x in zip(row, slopes, strict=True) if c.p)
    size = max(value, moved * digit)

    def gradient(source: str) -> Entries:
        if source == "logits":
            return through_softmax(row, slopes, sizes)
        each = [(x - shared, max(abs(x), w, shared)) for x, w in zip(slopes, sizes, strict=True)]
        if source == "probabilities":  # a slope at 0 is one-sided, or infinite
            return [(x, w if c.p else ZERO) for c, (x, w) in zip(row, each, strict=True)]
        return [(c.p * x if c.p else ZERO, c.p * w) for c, (x, w) in zip(row, each, strict=True)]

    return Found(value, size, gradient)


def through_softmax(row: list[Share], slopes: list[mpf], sizes: list[mpf]) -> Entries:
    """By logits, from the slopes by p and what their errors count against."""
    total = mp.fsum(c.p * x for c, x in zip(row, slopes, strict=True))
    size = max(abs(total), mp.fsum(c.p * w for c, w in zip(row, sizes, strict=True)))
    return [
        (c.p * (x - total), c.p * max(abs(x), w, size))
        for c, x, w in zip(row, slopes, sizes, strict=True)
    ]


def entropy(row: list[Share], hard: bool, digit: mpf) -> Found:
    slopes = [c.surprisal if c.p else ZERO for c in row]
    value = mp.fsum(c.p * x for c, x in zip(row, slopes, strict=True))
    found = whole(row, ZERO, value, slopes, slopes, shared=ONE)

    def large(size: mpf) -> mpf:
        # below this it comes from a p below the normal range, times -log p
        return size if magnitude(size) > -1012 else ZERO

    def gradient(source: str) -> Entries:
        return [(x, large(size)) for x, size in found.gradient(source)]

    return Found(value, large(value), gradient)


def brier(row: list[Share], hard: bool, digit: mpf) -> Found:
    value = mp.fsum(c.difference**2 for c in row)
    slopes = [2 * c.difference for c in row]
    plain = hard or not digit
    sizes = [abs(x) if plain else 2 * max(c.p, c.t) for c, x in zip(row, slopes, strict=True)]
    return whole(row, digit, value, slopes, sizes)


def certain(c: Share) -> bool:
    """Whether the true class alone is so likely that its terms cancel."""
    return c.t is ONE and magnitude(c.rest) < -40


def precisely(c: Share, f: Callable[[mpf], mpf]) -> mpf:
    """A function of 1 - p that is about its square near 0, where its terms cancel."""
    if magnitude(c.rest) < -1100:  # the square is below any float64
        return ZERO
    with mp.workprec(mp.prec + 2 * max(0, -magnitude(c.rest))):
        value = f(c.rest)
    return +value


def both_over_middle(r: mpf) -> mpf:
    """What 1 and p = 1 - r cost beside their mean, together."""
    apart = r / (2 - r)
    return mp.log1p(apart) + (1 - r) * mp.log1p(-apart)


def kullback_leibler(row: list[Share], hard: bool, digit: mpf) -> Found:
    value = mp.fsum(
        precisely(c, lambda r: -mp.log1p(-r) - r)
        if certain(c)
        else (c.t * (mp.log(c.t) + c.surprisal) if c.t else 0) + c.difference
        for c in row
    )
    slopes = [c.difference / c.p if c.p else ZERO for c in row]
    sizes = [max(mpf(1), c.t / c.p) if c.p else ZERO for c in row]
    found = whole(row, digit, value, slopes, sizes)

    def gradient(source: str) -> Entries:
        if source == "logits":  # t / p would be rounded before it is multiplied by p
            return of_logits([c._replace(w=c.t) for c in row], [c.t for c in row], hard)
        return found.gradient(source)

    return found._replace(gradient=gradient)


def over_middle(a: mpf, difference: mpf, total: mpf) -> mpf:
    """log(a / m) of a part of total = 2 m, from a - (total - a)."""
    if difference == total:
        return LN2
    near = abs(difference) < total / 2
    return mp.log1p(difference / total) if near else mp.log(2 * a / total)


def jensen_shannon(row: list[Share], hard: bool, digit: mpf) -> Found:
    slopes, sizes, losses = [], [], []
    plain = hard or not digit
    for c in row:
        total = c.p + c.t
        x = over_middle(c.p, c.difference, total) / 2 if c.p else ZERO
        slopes.append(x)
        sizes.append(max(abs(x), 0 if plain or not c.t else c.t / total / 2))
        if certain(c):
            losses.append(precisely(c, lambda r: both_over_middle(r) / 2))
        else:
            own = c.t * over_middle(c.t, -c.difference, total) / 2 if c.t else ZERO
            losses.append(own + c.p * x)
    value = mp.fsum(losses)
    return whole(row, digit, value, slopes, sizes)


LOSSES: dict[str, Callable[[list[Share], bool, mpf], Found]] = {
    "cross_entropy": of_truth(cross_entropy),
    "focal": of_truth(focal),
    "poly_cross_entropy": of_truth(poly),
    "generalized_cross_entropy": of_truth(generalized),
    "kl_divergence": kullback_leibler,
    "js_divergence": jensen_shannon,
    "brier": brier,
    "entropy": entropy,
}
"""By the name of the function in `service.losses`."""

WHOLE = ("kl_divergence", "js_divergence", "brier", "entropy")
"""Those whose class weights weigh the row."""

IN_BITS = ("cross_entropy", "kl_divergence", "js_divergence", "entropy")
