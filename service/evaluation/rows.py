"""Scored rows: what the evaluation needs to know of each row, as columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.evaluation.outcomes import Outcomes
from service.evaluation.parts import RowId
from service.evaluation.slices import Factor
from service.evaluation.tables import Block
from service.evaluation.totals import Settings, Totals

# For each of the worst rows so many groups of rows are looked through for their largest losses.
GROUPS = 64

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Ids = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """A batch of rows that enter the evaluation, and a tally of what happened to them.

    Attributes:
        labels: (n,) true classes, 0..K-1.
        predicted: (n,) most probable classes, 0..K-1.
        losses: (n,) -log p(true class) in nat, `inf` allowed, without weights.
        probabilities: (n,) of the true class.
        confidences: (n,) probability of the predicted class, in [0, 1].
        settings: of the states that can add these rows; `None` for a comparison.
        block: these rows, if they are one block, whose tables cost less in the state than apart.
        outcomes: of all rows but those in the totals.
        totals: the sums over other rows, and the tables of all that are not in the block.
        ids: (n,) row numbers, or integer or string ids as objects; distinct over the evaluation.
        weights: (n,) finite and > 0, or `None` for 1.
        slices: by column, the value of each row.
        ignored: rows left out for their weight of 0.
        infinite: rows whose true class was given the probability 0.
        overflowed: rows whose loss is finite but exceeds float64.
        clipped: rows whose loss was bounded.
        renormalized: rows whose sum was off 1 by more than is let pass, and divided out.
        max_sum_deviation: largest distance from 1 of a row of probabilities; `None` for logits.
    """

    labels: Indices
    predicted: Indices
    losses: Array
    probabilities: Array
    confidences: Array
    settings: Settings | None
    block: Block | None
    outcomes: Outcomes | None
    totals: Totals | None
    ids: Ids
    weights: Array | None = None
    slices: Mapping[str, Factor] = field(default_factory=dict)
    ignored: int = 0
    infinite: int = 0
    overflowed: int = 0
    clipped: int = 0
    renormalized: int = 0
    max_sum_deviation: float | None = None

    def worst(self, limit: int) -> "list[BadRow]":
        """The rows with the `limit` largest losses, in no order; of equal losses the lower ids."""
        return [
            BadRow(
                float(self.losses[i]) + 0.0,  # -log 1 is -0.0
                self.ids[i] if isinstance(self.ids[i], str) else int(self.ids[i]),
                int(self.labels[i]),
                float(self.probabilities[i]),
            )
            for i in self._largest(limit)
        ]

    def _largest(self, limit: int) -> npt.NDArray[np.intp]:
        if limit >= self.losses.size:
            return np.arange(self.losses.size)
        if limit == 0:
            return np.arange(0)
        some = self._among_largest(limit)
        losses = self.losses[some]
        threshold = np.partition(losses, -limit)[-limit]
        above, tied = some[losses > threshold], some[losses == threshold]
        order = np.argsort(self.ids[tied], kind="stable")
        return np.concatenate([above, tied[order[: limit - above.size]]])

    def _among_largest(self, limit: int) -> npt.NDArray[np.intp]:
        """Rows among which are those with the `limit` largest losses, and their equals.

        Of as many groups as have one of these rows at most, none can be below the least of the
        largest: two passes that go faster than one that sorts.
        """
        groups = GROUPS * limit
        size = self.losses.size // groups
        if size < 2:
            return np.arange(self.losses.size)
        largest = self.losses[: size * groups].reshape(size, groups).max(axis=0)
        return np.flatnonzero(self.losses >= np.partition(largest, -limit)[-limit])


@dataclass(frozen=True, slots=True)
class BadRow:
    """A candidate for the worst rows.

    Attributes:
        loss: in nat, without weight.
        row: its number or id.
        label: index of the true class.
        probability: of the true class.
    """

    loss: float
    row: RowId
    label: int
    probability: float

    def order(self) -> tuple[float, bool, RowId, int, float]:
        """The largest loss first, ties by id; integers, which do not compare, before strings."""
        return -self.loss, isinstance(self.row, str), self.row, self.label, self.probability

    def to_json(self) -> list[RowId]:
        """Floats as hexadecimal digits, which spell infinity too."""
        return [self.loss.hex(), self.row, self.label, self.probability.hex()]

    @classmethod
    def from_json(cls, stored: list[Any], classes: int) -> Self:
        """Reads back what `to_json` gave.

        Raises:
            ValueError: it is no such row.
        """
        loss, row, label, probability = stored
        if type(row) not in (int, str) or type(label) is not int or not 0 <= label < classes:
            raise ValueError("a worst row has an id and the index of a class")
        return cls(float.fromhex(loss), row, label, float.fromhex(probability))
