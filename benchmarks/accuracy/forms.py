"""What is said to be true of rows over classes: labels, weighted, smoothed, and targets."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from exact import ONE, ZERO
from mpmath import mpf

SMOOTHING = 0.1


class Form(NamedTuple):
    """A way to say what is true.

    Attributes:
        name: "", "soft" and so on.
        members: of the call.
        truth: (n, k) what is true, exactly.
        weights: (n, k) the same times class weights, unless they weigh the row.
        scale: (n,) what the loss of a row is multiplied with, or `None`.
        rows: (n,) the same of losses that fall apart by row alone.
        hard: whether one class alone is true.
    """

    name: str
    members: dict[str, Any]
    truth: list[list[mpf]]
    weights: list[list[mpf]]
    scale: list[mpf | None]
    rows: list[mpf | None]
    hard: bool


def forms(rng: np.random.Generator, values: np.ndarray, possible: np.ndarray) -> Iterator[Form]:
    """Labels, weighted labels, smoothed labels with class weights, and targets."""
    n, k = values.shape
    labels = np.where(possible, rng.random((n, k)), -1.0).argmax(axis=1)
    w, s = rng.random(k), rng.random(n)
    weight, sample = [mpf(x) for x in w.tolist()], [mpf(x) for x in s.tolist()]
    alone: list[mpf | None] = [None] * n
    hot = [spread(y, [ONE] * k, ZERO) for y in labels.tolist()]
    own = [weight[y] for y in labels.tolist()]
    yield Form("", {"labels": labels}, hot, hot, alone, alone, hard=True)
    members = {"labels": labels, "class_weights": w, "sample_weights": s}
    rows = [x * y for x, y in zip(sample, own, strict=True)]
    yield Form("weighted", members, hot, hot, rows, rows, hard=True)
    even, rest = mpf(SMOOTHING) / k, 1 - mpf(SMOOTHING)
    smooth = [spread(y, [rest + even] * k, even) for y in labels.tolist()]
    weighted = [[x * y for x, y in zip(row, weight, strict=True)] for row in smooth]
    members = {"labels": labels, "class_weights": w, "label_smoothing": SMOOTHING}
    yield Form("smoothed", members, smooth, weighted, alone, own, hard=False)
    targets = np.where(possible, rng.dirichlet(np.ones(k), n), 0.0)
    yield soft(targets / targets.sum(axis=1, keepdims=True))


def spread(label: int, own: list[mpf], others: mpf) -> list[mpf]:
    """A row that is `own` at the label and `others` elsewhere."""
    return [own[j] if j == label else others for j in range(len(own))]


def soft(targets: np.ndarray) -> Form:
    truth = [[ONE if x == 1.0 else mpf(x) for x in row] for row in targets.tolist()]
    alone: list[mpf | None] = [None] * len(targets)
    return Form("soft", {"targets": targets}, truth, truth, alone, alone, hard=False)
