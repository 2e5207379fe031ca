"""Predictions over classes with what is true of them: scored in blocks, as a loss says."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from service.errors import Code
from service.losses.reader import Reader, refuse, row_numbers, target_rows
from service.losses.reduction import Scored, Selection
from service.losses.result import Array, ZeroProbability
from service.losses.rows import Rows, bad_logits, bad_probabilities, sum_tolerance
from service.losses.truth import Indices, Mask


class Block(NamedTuple):
    """Selected rows as they are scored.

    Attributes:
        values: (n, K), as `read` gives them.
        sums: (n,) of their probabilities, `None` for logits.
        labels: (n,), `None` where there are targets.
        selection: which rows these are.
    """

    values: Array
    sums: Array | None
    labels: Indices | None
    selection: Selection


@dataclass(frozen=True, slots=True)
class Predictions(Reader, ABC):
    """Rows over the classes and their truth; a loss says in `score` what a block of them costs.

    For hard labels without smoothing the class weight is left to the caller: it scales the loss.

    Attributes:
        labels: (N,) class indices, or `None` where there are targets.
        targets: rows of probabilities, or `None` where there are labels.
        class_weights: (K,), or `None`.
        label_smoothing: in [0, 1].
        bits: whether losses are in bits.
        zero_probability: what becomes of the loss where the true class is impossible.
        clip: the bound on probabilities of `zero_probability="clip"`.
    """

    labels: Indices | None
    targets: Rows | None
    class_weights: Array | None
    label_smoothing: float
    bits: bool
    zero_probability: ZeroProbability
    clip: float

    def __call__(self, selection: Selection, scale: Array | None) -> Scored:
        """Losses of the selected samples, with the gradient where a scale is given.

        Raises:
            InvalidInput: a row that means nothing, or an impossible label under `"reject"`.
        """
        return self.judge(*self.read(selection), selection, scale)

    def judge(
        self, block: Array, sums: Array | None, selection: Selection, scale: Array | None
    ) -> Scored:
        """The same of rows that have been read.

        Args:
            block: (n, K), as `read` gives it.
            sums: (n,) of its probabilities, `None` for logits.
            selection: which rows these are.
            scale: (n,), as in a call.

        Raises:
            InvalidInput: an impossible label under `"reject"`.
        """
        labels = None if self.labels is None else self.labels[selection]
        scored = self.score(Block(block, sums, labels, selection), scale)
        return self.admit(scored, sums, selection)

    def admit(self, scored: Scored, sums: Array | None, selection: Selection) -> Scored:
        """The same samples with the deviation of their sums, unless the policies refuse them.

        Raises:
            InvalidInput: an impossible label under `"reject"`.
        """
        deviation = float(np.abs(sums - 1.0).max()) if sums is not None and sums.size else 0.0
        if self.zero_probability == "reject" and scored.impossible is not None:
            impossible = scored.impossible
            if self.labels is not None and self.class_weights is not None:
                impossible = impossible & (
                    self.class_weights[self.labels[selection]] > 0
                )  # else the loss is 0
            self._reject(selection, impossible)
        return Scored(scored.losses, scored.gradient, scored.impossible, scored.clipped, deviation)

    @abstractmethod
    def score(self, block: Block, scale: Array | None) -> Scored:
        """Scores one block.

        Args:
            block: of rows.
            scale: (n,), the gradient is that of `scale * losses`; without it none is computed.
        """

    @property
    def truthful(self) -> bool:
        """Whether the loss compares with labels or targets."""
        return True

    @property
    def logarithmic(self) -> bool:
        """Whether the loss is an amount of information, which has a unit."""
        return True

    @property
    def inside(self) -> bool:
        """Whether class weights are inside the loss; otherwise they scale it."""
        return not self.hard

    @property
    @abstractmethod
    def uniform_loss(self) -> float:
        """What a hard label costs the uniform prediction."""

    def uniform(self, selection: Selection) -> Array | None:
        """(n,) losses at the uniform prediction, in units of `uniform_loss`; `None` for all 1."""
        if self.targets is not None:
            return np.asarray(self.coefficients(selection).sum(axis=1))
        if not self.inside or self.class_weights is None or self.labels is None:
            return None
        smooth = self.label_smoothing
        even = smooth * float((self.class_weights / self.rows.classes).sum())
        return (1.0 - smooth) * self.class_weights[self.labels[selection]] + even

    @property
    def hard(self) -> bool:
        """Whether one class alone is true of a sample."""
        return self.labels is not None and not self.label_smoothing

    def bad_rows(self, selection: Selection) -> Mask:
        """(n,) which of the selected rows, logits or probabilities, `read` or `judge` refuse."""
        block = self.block_of(selection)
        if self.rows.member == "logits":
            bad = bad_logits(block)
        else:
            block = block.astype(np.float64, copy=False)
            with np.errstate(over="ignore", invalid="ignore"):
                sums = block.sum(axis=1)
            tolerance = sum_tolerance(self.rows.array)
            bad = bad_probabilities(block, sums, self.normalize, tolerance)
        if self.zero_probability == "reject" and self.labels is not None:
            bad = bad | self.impossible(block[np.arange(len(block)), self.labels[selection]])
        return bad

    def coefficients(self, selection: Selection) -> Array:
        """(n, K) of the factors w_c t'_ic."""
        rows = self.truth_rows(selection)
        return rows if self.class_weights is None else rows * self.class_weights

    def truth_rows(self, selection: Selection) -> Array:
        """(n, K) of t': one-hot rows or targets, smoothed."""
        if self.targets is not None:
            values = target_rows(self.targets, selection, self.normalize)[0]
            if self.label_smoothing:
                values = (1.0 - self.label_smoothing) * values
        else:
            assert self.labels is not None
            labels = self.labels[selection]
            values = np.zeros((labels.size, self.rows.classes))
            values[np.arange(labels.size), labels] = 1.0 - self.label_smoothing
        if self.label_smoothing:
            values += self.label_smoothing / self.rows.classes
        return values

    def true_columns(self, block: Block) -> tuple[Indices, Array]:
        """The columns in which something is true of a block, and how much.

        Returns:
            (n, 1) labels and ones where one class alone is true; otherwise every column, (n, K),
            and the factors w_c t'_ic.
        """
        if self.hard:
            columns = np.asarray(block.labels)[:, None]
            return columns, np.ones(columns.shape)
        shape = block.values.shape
        every = np.broadcast_to(np.arange(shape[1]), shape)
        return every, self.coefficients(block.selection)

    def _reject(self, selection: Selection, impossible: Mask) -> None:
        if not impossible.any():
            return
        row = int(row_numbers(selection)[impossible.argmax()])
        # with smoothing the impossible class may be another one than the label's
        column = None if self.labels is None or self.label_smoothing else int(self.labels[row])
        refuse(
            self.rows.fault(
                row,
                column,
                Code.ZERO_PROBABILITY,
                "gives the true class the probability 0; "
                'see zero_probability ("infinite" or "clip")',
            )
        )
