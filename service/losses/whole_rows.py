"""Losses of all probabilities of a row: their slopes by what was sent, and their baselines."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from service.losses.predictions import Block, Predictions
from service.losses.reduction import Scored, Selection
from service.losses.result import Array
from service.losses.shares import LOG2_E, over_temperature, scaled
from service.numerics import Chances, Pair, as_pair, complement, minus, row_sums, through_softmax


class RowLosses(NamedTuple):
    """The losses of rows in nats and their slopes.

    Attributes:
        losses: (n,).
        by_log: (n, K) slopes by log p, each probability on its own.
        by_p: (n, K) slopes by p, each on its own.
        tied_by_log: (n, K) the same where the probabilities of a row sum to 1: a multiple of p that
            all slopes share drops out there, and is better left out before it costs digits.
        tied_by_p: (n, K) likewise.
        tied_low: (n, K) what the rounding of the last one lost, where it is known.
    """

    losses: Array
    by_log: Array
    by_p: Array
    tied_by_log: Array
    tied_by_p: Array
    tied_low: Array | float = 0.0


def off_truth(c: Chances, t: Array) -> Pair:
    """The p - t, with digits of p that float64 does not hold; 1 - p itself where all is true."""
    apart = zip(c.rest, minus(c.p, t), strict=True)
    return Pair(*(np.where(t == 1.0, -a, b) for a, b in apart))


@dataclass(frozen=True, slots=True)
class WholeRows(Predictions):
    """Scores rows by a function of all their probabilities; class weights scale a row's loss.

    A subclass gives the loss of rows and its slope by log p, each probability on its own; what the
    slopes are by logits and by probabilities follows from it here.
    """

    @abstractmethod
    def of_rows(self, c: Chances, t: Array) -> RowLosses:
        """The losses of rows in nats and their slopes.

        Args:
            c: (n, K) probabilities, their logarithms and complements.
            t: (n, K) what is true of them.
        """

    @property
    def inside(self) -> bool:
        """See `Predictions`."""
        return False

    @property
    def uniform_loss(self) -> float:
        """See `Predictions`; where targets differ, `uniform` has the losses themselves."""
        if self.targets is not None or self.rows.classes == 0:
            return 1.0
        truth = np.full((1, self.rows.classes), self.label_smoothing / self.rows.classes)
        truth[0, 0] += 1.0 - self.label_smoothing
        return float(self._uniform(truth)[0])

    def uniform(self, selection: Selection) -> Array | None:
        """See `Predictions`."""
        return None if self.targets is None else self._uniform(self.truth_rows(selection))

    def _uniform(self, truth: Array) -> Array:
        p = as_pair(np.full(truth.shape, 1.0 / self.rows.classes))
        even = Chances(p, as_pair(np.log(p.high)), complement(p))
        return self.of_rows(even, truth).losses * self.unit

    @property
    def unit(self) -> float:
        """What a nat is in the unit asked for."""
        return LOG2_E if self.bits else 1.0

    def score(self, block: Block, scale: Array | None) -> Scored:
        """See `Predictions.score`."""
        c = self.chances(block.values, block.sums)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # infinities are meant
            truth = self.truth_rows(block.selection) if self.truthful else c.p.high
            found = self.of_rows(c, truth)
            losses = found.losses * self.unit
        gradient = None
        if scale is not None:
            gradient = self._gradient(found, c.p, block, (scale * self.unit)[:, None])
        impossible = None
        if np.isinf(losses).any():
            dead = self.impossible(block.values) & (truth > 0)
            impossible = np.isinf(losses) & np.any(dead, axis=1)
        return Scored(losses, gradient, impossible)

    def by_logits(self, found: RowLosses, p: Pair) -> Pair:
        """The slopes by logits, as if the temperature were 1."""
        return through_softmax(p, Pair(found.tied_by_p, np.zeros_like(p.high) + found.tied_low))

    def _gradient(self, found: RowLosses, p: Pair, block: Block, scale: Array) -> Array:
        """The slopes by what was sent, times a scale (n, 1)."""
        labels, sums = block.labels, block.sums
        if self.as_logits:
            slopes = self.by_logits(found, p)
            gradient = over_temperature(slopes, scale, self.temperature)
            if self.hard and labels is not None:
                # near p = 1 the true class loses its digits; it is minus the sum of the others
                rows = np.flatnonzero(p.high[np.arange(labels.size), labels] > 0.5)
                others = gradient[rows]
                others[np.arange(rows.size), labels[rows]] = 0.0
                gradient[rows, labels[rows]] = 0.0 - row_sums(others)
            return gradient
        if self.rows.member == "log_probabilities":
            return scaled(found.by_log, scale)
        if self.normalize == "renormalize" and sums is not None:
            common = row_sums(found.tied_by_log)[:, None]
            return scaled((found.tied_by_p - common) / sums[:, None], scale)
        return scaled(found.by_p, scale)
