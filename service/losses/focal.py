"""Losses of the probability of the true class that are not its logarithm."""

from dataclasses import dataclass
from functools import partial
from typing import Unpack

import numpy as np

from service.losses.members import ClassMembers, check_members
from service.losses.options import within
from service.losses.pipeline import class_loss
from service.losses.pointwise import Focal, Generalized, Pointwise, Poly
from service.losses.predictions import Predictions
from service.losses.reduction import Scored, Selection, scaled
from service.losses.result import Array, LossResult
from service.losses.shares import log_in, log_shares, rest_of, through_sum
from service.losses.truth import Indices
from service.numerics import log_softmax, softmax

HUGE = 2.0**900
"""Weights above this may overflow where they are multiplied by a slope."""


@dataclass(frozen=True, slots=True)
class OfTruth(Predictions):
    """Scores loss_i = sum_c w_c t'_ic f(p_ic) for a function f of a probability.

    Attributes:
        function: f.
    """

    function: Pointwise

    @property
    def logarithmic(self) -> bool:
        """See `Predictions`."""
        return not isinstance(self.function, Generalized)

    @property
    def uniform_loss(self) -> float:
        """See `Predictions`."""
        if self.rows.classes < 2:
            return 0.0
        logs = -np.log(np.array([float(self.rows.classes)]))
        return float(self.function(np.exp(logs), logs, -np.expm1(logs))[0][0])

    def score(
        self,
        block: Array,
        sums: Array | None,
        labels: Indices | None,
        selection: Selection,
        scale: Array | None,
    ) -> Scored:
        """See `Predictions.score`."""
        columns, weights = self.true_columns(block, labels, selection)
        p, logs = self._probabilities(block, sums, columns)
        counts = weights > 0
        clipped = None
        if self.zero_probability == "clip":
            floor = np.log(self.clip)
            low = counts & (logs < floor)
            clipped = np.any(low, axis=1)
            p, logs = np.maximum(p, self.clip), np.maximum(logs, floor)
            active = np.where(low, 0.0, weights)
        else:
            active = np.where(counts, weights, 0.0)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # infinities are meant
            values, slopes = self.function(p, logs, -np.expm1(logs))
        losses = scaled(values, weights).sum(axis=1)
        impossible = None
        if np.isinf(losses).any():
            sent = np.take_along_axis(block, columns, axis=1)
            dead = sent == 0 if self.rows.member == "probabilities" else np.isneginf(sent)
            impossible = np.any(dead & (active > 0), axis=1)
        gradient = None
        if scale is not None:
            if (active > HUGE).any():  # inf - inf of slopes would be NaN
                with np.errstate(over="ignore"):
                    active, scale = active / HUGE, scale * HUGE
            gradient = self._gradient(block, sums, columns, logs, scaled(slopes, active), active)
            gradient = scaled(gradient, scale[:, None])
        return Scored(losses, gradient, impossible, clipped)

    def _probabilities(
        self, block: Array, sums: Array | None, columns: Indices
    ) -> tuple[Array, Array]:
        """The probabilities of the columns that are true, and their logarithms."""
        if self.as_logits:
            soft = softmax(block, self.temperature), log_softmax(block, self.temperature)
            p, logs = (np.take_along_axis(rows, columns, axis=1) for rows in soft)
            return p, logs
        values = np.take_along_axis(block, columns, axis=1)
        if self.rows.member == "log_probabilities":
            return np.exp(values), values
        if self.normalize == "renormalize" and sums is not None:
            return values / sums[:, None], log_shares(values, rest_of(block, values, columns))
        return values, log_in(values, bits=False)

    def _gradient(
        self,
        block: Array,
        sums: Array | None,
        columns: Indices,
        logs: Array,
        slopes: Array,
        active: Array,
    ) -> Array:
        """From the slopes by log p of the true columns to those by what was sent."""
        gradient = np.zeros(block.shape)
        if self.as_logits:
            total = slopes.sum(axis=1, keepdims=True)
            gradient -= scaled(softmax(block, self.temperature), total)
            # one class alone: slope (1 - p), in which nothing cancels
            own = slopes * -np.expm1(logs) if self.hard else slopes
            if not self.hard:
                own = own + np.take_along_axis(gradient, columns, axis=1)
            np.put_along_axis(gradient, columns, own, axis=1)
            with np.errstate(over="ignore"):  # a tiny temperature makes slopes infinite
                return gradient / self.temperature
        if self.rows.member == "log_probabilities":
            np.put_along_axis(gradient, columns, slopes, axis=1)
            return gradient
        p = np.take_along_axis(block, columns, axis=1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            at_zero = np.where(active > 0, active * -self.function.steepness_at_zero, 0.0)
            steep = np.where(p > 0, -slopes / p, at_zero)
        if self.normalize == "renormalize" and sums is not None:
            gradient -= (slopes.sum(axis=1) / sums)[:, None]
            rest = rest_of(block, p, columns)
            steep = through_sum(steep, rest, sums, gradient, columns, alone=self.hard)
        np.put_along_axis(gradient, columns, 0.0 - steep, axis=1)
        return gradient


def focal(*, gamma: float = 2.0, **members: Unpack[ClassMembers]) -> LossResult:
    """Focal loss: cross-entropy in which what is classified well hardly counts.

        loss_i = s_i sum_c w_c t'_ic (1 - p_ic)^gamma (-log p_ic)

    Args:
        gamma: >= 0; 0 is cross-entropy.
        **members: see `ClassMembers`; `class_weights` are the alpha of the paper.

    Returns:
        The loss in nats, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: see `service.losses.pointwise.Focal`.
    """
    check_members("focal", members)
    within("gamma", gamma, 0, 1e6)
    return class_loss(partial(OfTruth, function=Focal(gamma)), **members)


def poly_cross_entropy(*, epsilon: float = 1.0, **members: Unpack[ClassMembers]) -> LossResult:
    """Poly-1 cross-entropy: cross-entropy with the first coefficient of its series changed.

        loss_i = s_i sum_c w_c t'_ic (-log p_ic + epsilon (1 - p_ic))

    Args:
        epsilon: >= -1; 0 is cross-entropy.
        **members: see `ClassMembers`.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: see `service.losses.pointwise.Poly`.
    """
    check_members("poly-1-cross-entropy", members)
    within("epsilon", epsilon, -1, 1e6)
    return class_loss(partial(OfTruth, function=Poly(epsilon)), **members)


def generalized_cross_entropy(*, q: float = 0.7, **members: Unpack[ClassMembers]) -> LossResult:
    """Generalised cross-entropy: bounded by 1 / q, so that wrong labels weigh less.

        loss_i = s_i sum_c w_c t'_ic (1 - p_ic^q) / q

    Args:
        q: in (0, 1]; towards 0 it is cross-entropy, 1 is 1 - p.
        **members: see `ClassMembers`.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: see `service.losses.pointwise.Generalized`.
    """
    check_members("generalized-cross-entropy", members)
    within("q", q, 0, 1, low_open=True)
    return class_loss(partial(OfTruth, function=Generalized(q)), **members)
