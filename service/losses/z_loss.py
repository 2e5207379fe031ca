"""Cross-entropy with the square of the logarithm of the sum that softmax divides by."""

from dataclasses import dataclass

import numpy as np

from service.losses.categorical import Categorical
from service.losses.options import uniform_loss
from service.losses.predictions import Block
from service.losses.reduction import Scored, Selection
from service.losses.result import Array
from service.losses.shares import over_temperature, scaled
from service.numerics import log_softmax, softmax, two_sum


@dataclass(frozen=True, slots=True)
class WithZLoss(Categorical):
    """Cross-entropy of logits, in nats, and a second term beside it.

        loss_i = sum_c w_c t'_ic (-log p_ic) + z_loss (log sum_c exp z_ic)^2

    Attributes:
        z_loss: weight of the second term.
    """

    z_loss: float

    @property
    def uniform_loss(self) -> float:
        """See `Predictions`; `uniform` has the losses themselves."""
        return 1.0

    @property
    def inside(self) -> bool:
        """See `Predictions`: class weights do not weigh the second term."""
        return True

    def uniform(self, selection: Selection) -> Array:
        """See `Predictions`."""
        nats = uniform_loss(self.rows.classes, "nat")
        multiples = Categorical.uniform(self, selection)
        if multiples is None:
            multiples = np.ones(np.arange(self.rows.size)[selection].size)
        with np.errstate(over="ignore"):
            return multiples * nats + self.z_loss * nats * nats

    def score(self, block: Block, scale: Array | None) -> Scored:
        """See `Predictions.score`."""
        logits = block.values
        outer = np.ones(len(logits))
        if block.labels is not None and self.hard and self.class_weights is not None:
            outer = self.class_weights[block.labels]
        inner = None if scale is None else scale * outer
        scored = self.from_logits(block, inner)
        with np.errstate(over="ignore", invalid="ignore"):  # a quotient may overflow
            levels = logits.max(axis=1) / self.temperature
            level = two_sum(levels, -log_softmax(logits, self.temperature).max(axis=1))
            levels = level.high
        gradient = scored.gradient
        with np.errstate(over="ignore", invalid="ignore"):
            losses = scaled(scored.losses, outer) + self.z_loss * levels * levels
            if gradient is not None and scale is not None:
                p, weight = softmax(logits, self.temperature), scale * (2.0 * self.z_loss)
                steps = over_temperature(level, weight, self.temperature)
                spread = scaled(p, steps[:, None])
                beyond = np.isinf(steps)  # then the temperature comes last
                late = scaled(p[beyond], scaled(levels, weight)[beyond, None])
                spread[beyond] = late / self.temperature
                total = gradient + spread
                gradient = np.where(np.isnan(total), spread, total)  # inf - inf: the square decides
        return Scored(losses, gradient, scored.impossible, scored.clipped)
