"""Losses of whole rows: divergences from the targets, entropy, and the Brier score."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np

from service import numerics
from service.losses.options import uniform_loss
from service.losses.pipeline import ClassMembers, class_loss
from service.losses.predictions import Predictions
from service.losses.reduction import Scored, Selection, scaled
from service.losses.result import Array, LossResult
from service.losses.shares import LOG2_E, divided, log_in, log_shares, rest_of
from service.losses.truth import Indices


@dataclass(frozen=True, slots=True)
class WholeRows(Predictions):
    """Scores rows by a function of all their probabilities; class weights scale a row's loss.

    A subclass gives the loss of rows and its slope by log p, each probability on its own; what the
    slopes are by logits and by probabilities follows from it here.
    """

    @abstractmethod
    def of_rows(self, p: Array, logs: Array, t: Array) -> tuple[Array, Array, Array]:
        """The losses of rows in nats and their slopes.

        Args:
            p: (n, K) probabilities.
            logs: (n, K) their logarithms.
            t: (n, K) what is true of them.

        Returns:
            (n,) losses, (n, K) slopes by log p, (n, K) slopes by p.
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
        losses, _, _ = self.of_rows(p, np.log(p), truth)
        return losses * self.unit

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
            losses, by_log, by_p = self.of_rows(p, logs, truth)
            losses = losses * self.unit
        gradient = None
        if scale is not None:
            if self.as_logits:
                gradient = by_log - p * by_log.sum(axis=1, keepdims=True)
                scale = scale / self.temperature
            elif self.rows.member == "log_probabilities":
                gradient = by_log
            elif self.normalize == "renormalize" and sums is not None:
                gradient = (by_p - by_log.sum(axis=1, keepdims=True)) / sums[:, None]
            else:
                gradient = by_p
            gradient = scaled(gradient, (scale * self.unit)[:, None])
        impossible = np.isinf(losses)
        return Scored(losses, gradient, impossible if impossible.any() else None)

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


class Kullback(WholeRows):
    """KL(t, p)."""

    __slots__ = ()

    def of_rows(self, p: Array, logs: Array, t: Array) -> tuple[Array, Array, Array]:
        """See `WholeRows`."""
        return numerics.kullback_leibler(t, p), p - t, 1.0 - divided(t, p)


class JensenShannon(WholeRows):
    """KL(t, m) / 2 + KL(p, m) / 2 with m = (t + p) / 2."""

    __slots__ = ()

    def of_rows(self, p: Array, logs: Array, t: Array) -> tuple[Array, Array, Array]:
        """See `WholeRows`."""
        total = p + t
        # log(p / m) of p near t: from their difference, which is exact there
        slope = 0.5 * np.log1p(np.where(total > 0, (p - t) / total, 0.0))
        return numerics.jensen_shannon(t, p), scaled(slope, p), slope


class Entropy(WholeRows):
    """Sum of p (-log p): of the prediction alone."""

    __slots__ = ()

    @property
    def truthful(self) -> bool:
        """See `Predictions`."""
        return False

    @property
    def uniform_loss(self) -> float:
        """See `Predictions`."""
        return uniform_loss(self.rows.classes, "bit" if self.bits else "nat")

    def of_rows(self, p: Array, logs: Array, t: Array) -> tuple[Array, Array, Array]:
        """See `WholeRows`."""
        return scaled(-logs, p).sum(axis=1), scaled(-(logs + 1.0), p), -(logs + 1.0)

    def score(
        self,
        block: Array,
        sums: Array | None,
        labels: Indices | None,
        selection: Selection,
        scale: Array | None,
    ) -> Scored:
        """See `Predictions.score`; bits come from logarithms to the base 2."""
        scored = WholeRows.score(self, block, sums, labels, selection, scale)
        if not self.bits or self.rows.member == "log_probabilities":
            return scored
        p, _ = self._probabilities(block, sums)
        if self.as_logits:
            losses, _ = numerics.soft_cross_entropy(
                block, p, temperature=self.temperature, bits=True
            )
        else:
            losses = scaled(-log_in(p, bits=True), p).sum(axis=1)
        return replace(scored, losses=losses)


class Brier(WholeRows):
    """Sum of (p - t)^2."""

    __slots__ = ()

    @property
    def logarithmic(self) -> bool:
        """See `Predictions`."""
        return False

    def of_rows(self, p: Array, logs: Array, t: Array) -> tuple[Array, Array, Array]:
        """See `WholeRows`."""
        # 1 - p of a hard label near p = 1 keeps its digits in the logarithm
        difference = np.where(t == 1.0, np.expm1(logs), p - t)
        slope = 2.0 * difference
        return (difference * difference).sum(axis=1), p * slope, slope


def kl_divergence(**members: Unpack[ClassMembers]) -> LossResult:
    """Kullback-Leibler divergence of the targets from the predictions.

        loss_i = s_i w_i sum_c [t'_ic log(t'_ic / p_ic) - t'_ic + p_ic]

    which is the textbook's sum where both rows sum to 1, and never negative.

    Args:
        **members: see `ClassMembers`; w_i is the mean class weight of the row. There is no
            `zero_probability` here.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Kullback, Leibler, "On information and sufficiency", 1951.
    """
    return class_loss(Kullback, **members)


def js_divergence(**members: Unpack[ClassMembers]) -> LossResult:
    """Jensen-Shannon divergence of targets and predictions, bounded by log 2.

        loss_i = s_i w_i (KL(t', m) + KL(p, m)) / 2     m = (t' + p) / 2

    Args:
        **members: as in `kl_divergence`.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    return class_loss(JensenShannon, **members)


def entropy(**members: Unpack[ClassMembers]) -> LossResult:
    """Entropy of the predictions: how undecided they are. It has no truth.

        loss_i = s_i sum_c p_ic (-log p_ic)

    Args:
        **members: see `ClassMembers`, without labels, targets and what belongs to them.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Shannon, "A mathematical theory of communication", 1948.
    """
    return class_loss(Entropy, **members)


def brier(**members: Unpack[ClassMembers]) -> LossResult:
    """Brier score: the squared distance of predictions and truth, in [0, 2].

        loss_i = s_i w_i sum_c (p_ic - t'_ic)^2

    Args:
        **members: as in `kl_divergence`.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    return class_loss(Brier, **members)
