"""Losses of whole rows: divergences from the targets, entropy, and the Brier score."""

import math
from dataclasses import replace
from typing import Unpack

import numpy as np

from service import numerics
from service.losses.members import ClassMembers, check_members
from service.losses.options import uniform_loss
from service.losses.pipeline import class_loss
from service.losses.predictions import Block
from service.losses.reduction import SMALLEST_NORMAL, Scored
from service.losses.result import Array, LossResult
from service.losses.shares import divided, log_in, scaled
from service.losses.whole_rows import RowLosses, WholeRows, off_truth
from service.numerics import Chances, Pair, as_pair


class Kullback(WholeRows):
    """KL(t, p)."""

    __slots__ = ()

    def of_rows(self, c: Chances, t: Array) -> RowLosses:
        """See `WholeRows`."""
        p, logs, difference = c.p.high, c.logs.high, off_truth(c, t)
        # a p below float64 is possible as long as its logarithm is finite
        faint = (p < SMALLEST_NORMAL) & (t > 0) & np.isfinite(logs)
        possible, q, apart = (
            Pair(*(np.where(faint, 0.0, part) for part in pair))
            for pair in (as_pair(t), c.p, difference)
        )
        losses = numerics.kullback_leibler(possible.high, q, apart)
        if faint.any():
            terms = t * (np.log(np.where(faint, t, 1.0)) - logs) - t + p
            losses += np.where(faint, np.maximum(terms, 0.0), 0.0).sum(axis=1)
        ratio = divided(t, p)
        return RowLosses(losses, difference.high, 1.0 - ratio, -t, -ratio)

    def by_logits(self, found: RowLosses, p: Pair) -> Pair:
        """See `WholeRows`; x = t / p would be rounded before it is multiplied by p."""
        total = numerics.row_sums(found.tied_by_log)[:, None]
        return as_pair(found.tied_by_log - p.high * total)


class JensenShannon(WholeRows):
    """KL(t, m) / 2 + KL(p, m) / 2 with m = (t + p) / 2."""

    __slots__ = ()

    def of_rows(self, c: Chances, t: Array) -> RowLosses:
        """See `WholeRows`."""
        p, difference = c.p, off_truth(c, t)
        total = numerics.minus(p, -t)
        # log(p / m) of p near t: from their difference, which is exact there; of p far below t the
        # difference has lost p, and of p below 2**-900 the ratio has
        lift = np.where(p.high < 2.0**-900, 200, 0)
        near = numerics.ratio(difference, total)
        far = numerics.ratio(Pair(*(np.ldexp(part, lift) for part in p)), total)
        slope = np.where(
            p.high < 0.25 * t,
            np.log(2.0 * far.high)
            + (np.where(far.high > 0, far.low / far.high, 0.0) - lift * math.log(2.0)),
            np.log1p(near.high) + near.low / (1.0 + near.high),
        )
        slope = np.where(total.high > 0, 0.5 * slope, 0.0)
        by_log = scaled(slope, p.high)
        losses = numerics.jensen_shannon(t, p, difference)
        return RowLosses(losses, by_log, slope, by_log, slope)


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

    def of_rows(self, c: Chances, t: Array) -> RowLosses:
        """See `WholeRows`."""
        p, logs = c.p.high, c.logs.high
        terms = scaled(-logs, p)
        each = -(logs + 1.0)
        return RowLosses(numerics.row_sums(terms), scaled(each, p), each, terms, -logs)

    def score(self, block: Block, scale: Array | None) -> Scored:
        """See `Predictions.score`; bits come from logarithms to the base 2."""
        scored = WholeRows.score(self, block, scale)
        if not self.bits or self.rows.member == "log_probabilities":
            return scored
        p = self.chances(block.values, block.sums).p.high
        if self.as_logits:
            losses, _ = numerics.soft_cross_entropy(
                block.values, p, temperature=self.temperature, bits=True
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

    def of_rows(self, c: Chances, t: Array) -> RowLosses:
        """See `WholeRows`."""
        p, (difference, low) = c.p.high, off_truth(c, t)
        slope = 2.0 * difference
        losses = numerics.row_sums(difference * difference)
        return RowLosses(losses, p * slope, slope, p * slope, slope, 2.0 * low)


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
    check_members("kl-divergence", members)
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
    check_members("js-divergence", members)
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
    check_members("entropy", members)
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
    check_members("brier", members)
    return class_loss(Brier, **members)
