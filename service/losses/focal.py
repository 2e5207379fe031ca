"""Losses of the probability of the true class that are not its logarithm."""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Unpack

import numpy as np

from service.losses.members import ClassMembers, check_members
from service.losses.options import within
from service.losses.pipeline import class_loss
from service.losses.pointwise import Focal, Generalized, Pointwise, Poly
from service.losses.predictions import Block, Predictions
from service.losses.reduction import Scored
from service.losses.result import Array, LossResult
from service.losses.shares import at_least, rest_of, scaled, through_sum
from service.losses.truth import Indices
from service.numerics import (
    Chances,
    Pair,
    as_pair,
    column_sums,
    complement,
    pair_product,
    plain_sums,
    ratio,
    row_sums,
    two_product,
)

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
        one, count = (as_pair(np.array([float(n)])) for n in (1, self.rows.classes))
        p, exact = ratio(one, count), -Decimal(self.rows.classes).ln()
        high = float(exact)
        logs = Pair(np.array([high]), np.array([float(exact - Decimal(high))]))
        even = Chances(p, logs, complement(p))
        return float(self.function(even)[0][0])

    def score(self, block: Block, scale: Array | None) -> Scored:
        """See `Predictions.score`."""
        columns, weights = self.true_columns(block)
        every = self.chances(block.values, block.sums)
        true = every.each(lambda array: np.take_along_axis(array, columns, axis=1))
        counts = weights > 0
        clipped, active = None, np.where(counts, weights, 0.0)
        if self.zero_probability == "clip":
            floor = math.log(self.clip)
            low = counts & (true.logs.high < floor)
            clipped = np.any(low, axis=1)
            active = np.where(low, 0.0, weights)
            true = at_least(true, self.clip, floor)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # infinities are meant
            values, slopes = self.function(true)
        losses = row_sums(scaled(values, weights))
        impossible = None
        if np.isinf(losses).any():
            sent = np.take_along_axis(block.values, columns, axis=1)
            impossible = np.any(self.impossible(sent) & (active > 0), axis=1)
        gradient = None
        if scale is not None:
            if (active > HUGE).any():  # inf - inf of slopes would be NaN
                with np.errstate(over="ignore"):
                    active, scale = active / HUGE, scale * HUGE
            gradient = self._gradient(block, columns, every, slopes, active)
            gradient = scaled(gradient, scale[:, None])
        return Scored(losses, gradient, impossible, clipped)

    def _gradient(
        self,
        block: Block,
        columns: Indices,
        every: Chances,
        slopes: Array,
        active: Array,
    ) -> Array:
        """From the slopes by log p of the true columns to those by what was sent."""
        weighted = scaled(slopes, active)
        gradient = np.zeros(block.values.shape)
        if self.as_logits:
            with np.errstate(over="ignore", invalid="ignore"):
                terms = Pair(weighted, _finite(two_product(slopes, active).low))
            return self._to_logits(every, terms, columns, gradient)
        if self.rows.member == "log_probabilities":
            np.put_along_axis(gradient, columns, weighted, axis=1)
            return gradient
        p = np.take_along_axis(block.values, columns, axis=1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            at_zero = np.where(active > 0, active * -self.function.steepness_at_zero, 0.0)
            steep = np.where(p > 0, -weighted / p, at_zero)
        if self.normalize == "renormalize" and block.sums is not None:
            gradient -= (weighted.sum(axis=1) / block.sums)[:, None]
            rest = rest_of(block.values, p, columns)
            steep = through_sum(steep, rest, block.sums, gradient, columns, alone=self.hard)
        np.put_along_axis(gradient, columns, 0.0 - steep, axis=1)
        return gradient

    def _to_logits(self, every: Chances, terms: Pair, columns: Indices, gradient: Array) -> Array:
        """(u - p sum u) / T, in which two terms of one size may cancel."""
        with np.errstate(over="ignore", invalid="ignore"):  # a tiny temperature: infinite slopes
            total = column_sums(-terms.high.T)
            low = _finite(total.low - plain_sums(terms.low.T))
            total = Pair(-total.high[:, None], -low[:, None])
            shares_low = _finite(pair_product(every.p, total).low)
            gradient -= scaled(every.p.high, total.high)
            if self.hard:  # one class alone: slope (1 - p), in which nothing cancels
                own = terms.high * np.take_along_axis(every.rest.high, columns, axis=1)
            else:
                own = terms.high + np.take_along_axis(gradient, columns, axis=1)
                own += terms.low - np.take_along_axis(shares_low, columns, axis=1)
            np.put_along_axis(gradient, columns, own, axis=1)
            return gradient / self.temperature


def _finite(low: Array) -> Array:
    """What was rounded off, where that is a number."""
    return np.where(np.isfinite(low), low, 0.0)


def focal(*, gamma: float = 2.0, **members: Unpack[ClassMembers]) -> LossResult:
    """Focal loss: cross-entropy in which what is classified well hardly counts.

        loss_i = s_i sum_c w_c t'_ic (1 - p_ic)^gamma (-log p_ic)

    Args:
        gamma: >= 0; 0 is cross-entropy.
        **members: see `ClassMembers`; `class_weights` are the alpha of the paper.

    Returns:
        The loss, with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: see `service.losses.pointwise.Focal`.
    """
    check_members("focal", members)
    within("gamma", gamma, 0, 1e6)
    function = Focal(gamma, bits=members.get("unit") == "bit")
    return class_loss(partial(OfTruth, function=function), **members)


def poly_cross_entropy(*, epsilon: float = 1.0, **members: Unpack[ClassMembers]) -> LossResult:
    """Poly-1 cross-entropy: cross-entropy with the first coefficient of its series changed.

        loss_i = s_i sum_c w_c t'_ic (-log p_ic + epsilon (1 - p_ic))

    Args:
        epsilon: >= -1; 0 is cross-entropy.
        **members: see `ClassMembers`; there is no `unit`, as 1 - p has none: in bits epsilon would
            weigh it against another logarithm.

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
