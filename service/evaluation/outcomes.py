"""What comes of rows: the predicted class, its probability, the rank of the true one and so on."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from service.evaluation.bins import bin_numbers, rank_numbers
from service.evaluation.engine import machine_code
from service.evaluation.pieces import Array
from service.numerics import in_memory, places, plain_sums
from service.numerics.arrays import NARROW

Indices = npt.NDArray[np.int64]


class Predicted(NamedTuple):
    """Rows by their predicted classes.

    Attributes:
        predicted: (n,) most probable classes, of equal ones the first.
        true: (n,) probabilities of the true classes.
        confidences: (n,) probabilities of the predicted classes.
    """

    predicted: Indices
    true: Array
    confidences: Array

    @classmethod
    def of_rows(cls, count: int) -> "Predicted":
        """Room for so many."""
        return cls(np.empty(count, np.int64), np.empty(count), np.empty(count))

    def among(self, rows: slice) -> "Predicted":
        """The part of some rows, which shares their memory."""
        return Predicted(self.predicted[rows], self.true[rows], self.confidences[rows])


class Judged(NamedTuple):
    """Rows judged by their probabilities.

    Attributes:
        bins: (n,) calibration bins of the confidences.
        steps: (n,) their bins in the ranking.
        ranks: (n,) how many classes come before the true one: of equal ones the lower.
        brier: (n,) sum_c (p_c - onehot_c)**2.
    """

    bins: Indices
    steps: Indices
    ranks: Indices
    brier: Array


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of rows, as columns.

    Attributes:
        labels: (n,) true classes.
        losses: (n,) in nat, `inf` allowed.
        weights: (n,) finite and > 0, or `None` for 1.
        predicted: and the others are those of `Predicted` and `Judged`.
    """

    labels: Indices
    losses: Array
    weights: Array | None
    predicted: Indices
    true: Array
    confidences: Array
    bins: Indices
    steps: Indices
    ranks: Indices
    brier: Array

    @classmethod
    def together(cls, parts: Sequence["Outcomes"]) -> "Outcomes":
        """Those of some rows after each other, as one."""
        if len(parts) == 1:
            return parts[0]
        columns: list[Any] = []
        for column in fields(cls):
            values = [getattr(part, column.name) for part in parts]
            columns.append(None if values[0] is None else np.concatenate(values))
        return cls(*columns)


def judge(
    z: Array, p: Array, miss: Array, labels: Indices, bins: int | None, to: Predicted
) -> Judged | None:
    """Judges rows.

    Args:
        z: (K, n) logits or probabilities.
        p: (K, n) their probabilities.
        miss: (n,) 1 - p of the true classes.
        labels: (n,) true classes.
        bins: of the calibration; without it there is nothing but the predicted classes.
        to: where these are put.
    """
    code = machine_code()
    if code:
        judged: Judged = code.judge(z.T, p, miss, labels, bins or 1, to)
        if bins is None:
            return None
        return (
            judged
            if len(p) <= NARROW
            else judged._replace(brier=_brier(p, places(p, labels), miss))
        )
    to.predicted[:] = _first(z == z.max(axis=0))
    flat = in_memory(p)
    own, top = places(p, labels), places(p, to.predicted)
    # "clip" for the places that are all inside, or they would be looked at first
    flat.take(own, out=to.true, mode="clip")
    flat.take(top, out=to.confidences, mode="clip")
    if bins is None:
        return None
    return Judged(
        bin_numbers(to.confidences, bins),
        rank_numbers(to.confidences),
        _ranks(z, labels, own),
        _brier(p, own, miss),
    )


def _ranks(z: Array, labels: Indices, places: Indices) -> Indices:
    """How many classes come before the true one in each row: of equal classes the lower ones."""
    own = in_memory(z)[places]
    ranks = _how_many(z > own)
    near = z >= own
    if np.count_nonzero(near) > ranks.sum() + labels.size:
        tied = np.flatnonzero(_how_many(near) - ranks > 1)
        lower = np.arange(len(z))[:, None] < labels[tied]
        ranks[tied] += _how_many((z[:, tied] == own[tied]) & lower)
    return ranks


def _first(which: npt.NDArray[np.bool_]) -> Indices:
    """The first class (K, n) that is true in each row; one is.

    Of the numbers K, K - 1, ..., 1 of those classes it has the largest.
    """
    kind = _narrow(len(which))
    numbers = np.arange(len(which), 0, -1, dtype=kind)[:, None]
    found: Indices = len(which) - (which * numbers).max(axis=0).astype(np.int64)
    return found


def _how_many(which: npt.NDArray[np.bool_]) -> Indices:
    """The number of classes (K, n) in each row."""
    kind = _narrow(len(which))
    found: Indices = np.add.reduce(which.view(np.uint8), axis=0, dtype=kind).astype(np.int64)
    return found


def _narrow(count: int) -> type[np.unsignedinteger[Any]]:
    """A byte where it holds the numbers up to so many: the narrower, the faster."""
    return np.uint8 if count < 256 else np.uint32


def _brier(p: Array, own: Indices, miss: Array) -> Array:
    """sum_c (p_c - onehot_c)**2 of each row."""
    squares = p * p
    in_memory(squares)[own] = miss * miss
    return plain_sums(squares)
