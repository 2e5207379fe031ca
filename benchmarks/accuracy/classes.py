"""Losses over classes and what they are made of, from logits, probabilities or their logarithms."""

from collections.abc import Iterator, Sequence

import catalogue
import numpy as np
import peers
import references
from catalogue import Share
from counting import counted_sizes, digit_of, scaled
from exact import LN2, ONE, ZERO, Exact, exact, finite, normal
from families import Family, of_source
from forms import Form, forms, soft
from measured import Measured, answered, loss_and_gradient, measured
from mpmath import mpf
from references import Chance, Row

from service import losses, numerics

Z_LOSS = 0.01

LARGE = ("N(0,1)", "N(0,30)", "margin 40..600", "offset 1e8, T = 0.7", "masked", "Dirichlet(1)")
"""Families of which the losses of the largest number of classes are measured, in nats, of labels
and of targets: a row of them takes a minute."""


def by_classes(
    rng: np.random.Generator, n: int, k: int, source: str, large: Sequence[str]
) -> Iterator[Measured]:
    """Everything of every family."""
    for family in of_source(rng, n, k, source):
        if source == "logits":
            rows = [references.of_logits(row, family.temperature) for row in family.values]
            chances = [row.chances for row in rows]
            yield from softmax(family, rows)
        else:
            chances = [references.READ[source](row) for row in family.values]
        # a distance beyond float64 is an infinite loss, whatever a target makes of it
        if k == 1 or (family.name not in large if k > 1000 else family.name == "full range"):
            continue
        yield from scored(rng, family, chances, source)
        if source == "logits" and family.targets is None:
            yield from z_loss(rng, family, rows)


def softmax(family: Family, rows: list[Row]) -> Iterator[Measured]:
    z, t, k = family.values, family.temperature, family.values.shape[1]
    exacts = {
        "softmax": exact([[c.p for c in row.chances] for row in rows]),
        "log_softmax": exact([[-c.surprisal for c in row.chances] for row in rows]),
    }
    computed = {
        "softmax": losses.softmax(z, temperature=t),
        "log_softmax": losses.softmax(z, temperature=t, log=True),
    }
    if t == 1.0:
        sizes = [max(abs(row.largest), row.others) for row in rows]
        exacts["logsumexp"] = exact([row.level for row in rows], sizes)
        computed["logsumexp"] = numerics.logsumexp(z)
    for name, values in computed.items():
        others = peers.of_softmax(name, z / t)
        yield measured(name, "", "logits", family.name, exacts[name], values, others, k=k)


def scored(
    rng: np.random.Generator, family: Family, chances: list[list[Chance]], source: str
) -> Iterator[Measured]:
    possible = np.array([[bool(c.p) for c in row] for row in chances])
    if family.targets is not None:
        chosen = [soft(family.targets)]
    else:
        chosen = list(forms(rng, family.values, possible))
        if possible.shape[1] > 1000:
            chosen = [form for form in chosen if form.name in ("", "soft")]
    for form in chosen:
        if form.name == "smoothed" and source == "probabilities" and not possible.all():
            continue  # nothing but infinite losses and slopes
        rows = [
            [
                Share(*c, t, w, -c.rest if t is ONE else c.p - t)
                for c, t, w in zip(row, true, weights, strict=True)
            ]
            for row, true, weights in zip(chances, form.truth, form.weights, strict=True)
        ]
        for name in catalogue.LOSSES:
            if name != "entropy" or not form.name:
                yield from one_loss(name, form, family, source, rows)


def one_loss(
    name: str, form: Form, family: Family, source: str, rows: list[list[Share]]
) -> Iterator[Measured]:
    digit = digit_of(form.name, source)
    over = None if family.temperature == 1.0 else 1 / mpf(family.temperature)
    found = [catalogue.LOSSES[name](row, form.hard, digit) for row in rows]
    scale = form.rows if name in catalogue.WHOLE else form.scale
    values = [scaled(f.value, f.size, s) for s, f in zip(scale, found, strict=True)]
    slopes = []
    for s, f, row in zip(scale, found, rows, strict=True):
        entries = f.gradient(source)
        limits = counted_sizes(name, row, entries, source)
        pairs = zip(entries, limits, strict=True)
        if over is None:
            slopes.append([scaled(x, size, s) for (x, _), size in pairs])
        else:
            slopes.append([scaled(over * x, over * size, s) for (x, _), size in pairs])
    members = {} if name == "entropy" else form.members
    if source == "logits":
        members = members | {"temperature": family.temperature}
    units = {"": None} | ({"bits": 1 / LN2} if name in catalogue.IN_BITS else {})
    for unit, per_nat in units.items():
        if unit and (form.name not in ("", "soft") or len(rows[0]) > 1000):
            continue
        result = answered(name, source, family.values, unit, **members)
        others = peers.of_loss(name, form, family, source, bits=bool(unit))
        exacts = in_unit([values], per_nat), in_unit(slopes, per_nat)
        words, k = (form.name, unit), family.values.shape[1]
        yield from loss_and_gradient(name, words, source, family.name, exacts, result, others, k=k)


def in_unit(rows: list[list[tuple[mpf, mpf]]], per_nat: mpf | None) -> Exact:
    """Values with their sizes, in nats or another unit."""
    if per_nat is not None:
        rows = [[scaled(x, size, per_nat) for x, size in row] for row in rows]
    return exact([[x for x, _ in row] for row in rows], [[size for _, size in row] for row in rows])


def z_loss(rng: np.random.Generator, family: Family, rows: list[Row]) -> Iterator[Measured]:
    """Cross-entropy with the square of the logarithm of the sum, ill-conditioned as that is."""
    (n, k), t = family.values.shape, mpf(family.temperature)
    labels = np.where(np.isfinite(family.values), rng.random((n, k)), -1.0).argmax(axis=1)
    values, sizes, slopes, counted = [], [], [], []
    for row, y in zip(rows, labels.tolist(), strict=True):
        size, own = max(abs(row.largest), row.others), row.chances[y]
        values.append(own.surprisal + mpf(Z_LOSS) * row.level**2)
        sizes.append(own.surprisal + mpf(Z_LOSS) * abs(row.level) * size)
        plain = [-c.rest if j == y else c.p for j, c in enumerate(row.chances)]
        more = [2 * mpf(Z_LOSS) * c.p for c in row.chances]
        slopes.append([(a + b * row.level) / t for a, b in zip(plain, more, strict=True)])
        counted.append(
            [
                max(abs(a + b * row.level), abs(a), b * size) / t
                if normal(c.p) and finite(a / t)
                else ZERO
                for a, b, c in zip(plain, more, row.chances, strict=True)
            ]
        )
    members = {"labels": labels, "temperature": family.temperature, "z_loss": Z_LOSS}
    result = answered("cross_entropy", "logits", family.values, "", **members)
    exacts = exact(values, sizes), exact(slopes, counted)
    yield from loss_and_gradient(
        "cross_entropy", ("z-loss",), "logits", family.name, exacts, result, k=k
    )
