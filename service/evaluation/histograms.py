"""Rows by the size of their loss and by their confidence: histograms that merge."""

import math

import numpy as np
import numpy.typing as npt

from service.evaluation.bins import RANKS
from service.evaluation.named import NamedSums
from service.evaluation.pieces import Array

Indices = npt.NDArray[np.int64]

# Bins of the loss: STEPS of equal ratio to each power of two between these, one below, one above.
LOWEST, HIGHEST = -20, 10
ROOT = math.sqrt(math.sqrt(2.0))
STEPS = (1.0, ROOT, math.sqrt(2.0), math.sqrt(2.0) * ROOT)
LOSS_BINS = (HIGHEST - LOWEST) * len(STEPS) + 2

SIZES = {
    "rows": LOSS_BINS,  # weight
    "loss": LOSS_BINS,  # weight times loss
    "answered": RANKS,  # weight
    "right": RANKS,  # weight of the rows predicted right
}


def loss_edges() -> list[float]:
    """(LOSS_BINS + 1,) the edges: 0, then 2**(k / 4) from 2**-20 to 2**10, infinity."""
    octaves = range(LOWEST, HIGHEST)
    return [0.0, *(2.0**k * step for k in octaves for step in STEPS), 2.0**HIGHEST, math.inf]


def loss_numbers(losses: Array) -> Indices:
    """The bin of each loss, [lower, upper); the last takes infinity too."""
    below = 2.0**LOWEST * (1.0 - 2.0**-53)
    bits = np.clip(losses, below, 2.0**HIGHEST).view(np.int64)
    numbers: Indices = bits >> 52
    numbers -= 1023 + LOWEST
    numbers *= len(STEPS)
    numbers += 1
    bits &= (1 << 52) - 1
    for step in STEPS[1:]:
        numbers += bits >= np.float64(step).view(np.int64) & (1 << 52) - 1
    return numbers


class Histograms(NamedSums):
    """Exact sums over the rows by bin of their loss, and of log odds of their confidence."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(SIZES)

    def add(self, losses: Array, ranks: Indices, right: Indices, weights: Array | None) -> None:
        """Adds rows.

        Args:
            losses: (n,) in nat, >= 0, `inf` allowed.
            ranks: (n,) bins of the confidences in the ranking.
            right: which rows are predicted right.
            weights: (n,) finite and > 0, or `None` for 1.
        """
        bins = loss_numbers(losses)
        self.sums["rows"].weigh(bins, weights)
        self.sums["loss"].add(bins, losses, weights)
        self.sums["answered"].weigh(ranks, weights)
        self.sums["right"].weigh(ranks[right], None if weights is None else weights[right])
