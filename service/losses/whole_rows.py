"""Losses of all probabilities of a row: their slopes by what was sent, and their baselines."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from service import numerics
from service.losses.predictions import Predictions
from service.losses.reduction import Scored, Selection, scaled
from service.losses.result import Array
from service.losses.shares import LOG2_E, log_in, log_shares, rest_of
from service.losses.truth import Indices


class RowLosses(NamedTuple):
    """The losses of rows in nats and their slopes.

    Attributes:
        losses: (n,).
        by_log: (n, K) slopes by log p, each probability on its own.
        by_p: (n, K) slopes by p, each on its own.
        tied_by_log: (n, K) the same where the probabilities of a row sum to 1: a multiple of p that
            all slopes share drops out there, and is better left out before it costs digits.
        tied_by_p: (n, K) likewise.
    """

    losses: Array
    by_log: Array
    by_p: Array
    tied_by_log: Array
    tied_by_p: Array


@dataclass(frozen=True, slots=True)
class WholeRows(Predictions):
    """Scores rows by a function of all their probabilities; class weights scale a row's loss.

    A subclass gives the loss of rows and its slope by log p, each probability on its own; what the
    slopes are by logits and by probabilities follows from it here.
    """

    @abstractmethod
    def of_rows(self, p: Array, logs: Array, t: Array) -> RowLosses:
        """The losses of rows in nats and their slopes.

        Args:
            p: (n, K) probabilities.
            logs: (n, K) their logarithms.
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
        p = np.full(truth.shape, 1.0 / self.rows.classes)
        return self.of_rows(p, np.log(p), truth).losses * self.unit

    @property
    def unit(self) -> float:
        """What a nat is in the unit asked for."""
        return LOG2_E if self.bits else 1.0

    def score(
        self,
        block: Array,
        sums: Array | None,
        labels: Indices | None,
        selection: Selection,
        scale: Array | None,
    ) -> Scored:
        """See `Predictions.score`."""
        p, logs = self._probabilities(block, sums)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # infinities are meant
            truth = self.truth_rows(selection) if self.truthful else p
            found = self.of_rows(p, logs, truth)
            losses = found.losses * self.unit
        gradient = None
        if scale is not None:
            gradient = self._gradient(found, p, sums, labels)
            gradient = scaled(gradient, (scale * self.unit)[:, None])
        impossible = None
        if np.isinf(losses).any():
            dead = block == 0 if self.rows.member == "probabilities" else np.isneginf(block)
            impossible = np.isinf(losses) & np.any(dead & (truth > 0), axis=1)
        return Scored(losses, gradient, impossible)

    def _gradient(
        self, found: RowLosses, p: Array, sums: Array | None, labels: Indices | None
    ) -> Array:
        """The slopes by what was sent."""
        if self.as_logits:
            gradient: Array = found.tied_by_log - p * found.tied_by_log.sum(axis=1, keepdims=True)
            if self.hard and labels is not None:
                # near p = 1 the true class loses its digits; it is minus the sum of the others
                rows = np.flatnonzero(p[np.arange(len(p)), labels] > 0.5)
                others = gradient[rows]
                others[np.arange(rows.size), labels[rows]] = 0.0
                gradient[rows, labels[rows]] = 0.0 - others.sum(axis=1)
            with np.errstate(over="ignore"):  # a tiny temperature makes slopes infinite
                gradient /= self.temperature
            return gradient
        if self.rows.member == "log_probabilities":
            return found.by_log
        if self.normalize == "renormalize" and sums is not None:
            common: Array = found.tied_by_log.sum(axis=1, keepdims=True)
            return (found.tied_by_p - common) / sums[:, None]
        return found.by_p

    def _probabilities(self, block: Array, sums: Array | None) -> tuple[Array, Array]:
        if self.as_logits:
            soft = numerics.softmax(block, self.temperature)
            return soft, numerics.log_softmax(block, self.temperature)
        if self.rows.member == "log_probabilities":
            return np.exp(block), block
        if self.normalize == "renormalize" and sums is not None:
            columns = np.broadcast_to(np.arange(block.shape[1]), block.shape)
            return block / sums[:, None], log_shares(block, rest_of(block, block, columns))
        return block, log_in(block, bits=False)
