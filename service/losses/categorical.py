"""Cross-entropy of blocks of rows: from logits, probabilities or their logarithms."""

import math
from dataclasses import dataclass

import numpy as np

from service.losses.options import uniform_loss
from service.losses.predictions import Block, Predictions
from service.losses.reduction import Scored, Selection
from service.losses.result import Array
from service.losses.shares import (
    LOG2_E,
    divided,
    log_in,
    log_shares,
    rest_of,
    scaled,
    through_sum,
)
from service.losses.truth import Indices
from service.numerics import (
    Scratch,
    by_class,
    cross_entropy,
    in_memory,
    labelled_softmax,
    log_softmax,
    places,
    plain_sums,
    soft_cross_entropy,
    softmax,
)


@dataclass(frozen=True, slots=True)
class Categorical(Predictions):
    """Cross-entropy of selected rows, before weights of samples and reduction.

    loss_i = sum_c w_c t'_ic (-log p_ic)
    """

    @property
    def uniform_loss(self) -> float:
        """See `Predictions`."""
        return uniform_loss(self.rows.classes, "bit" if self.bits else "nat")

    def score(self, block: Block, scale: Array | None) -> Scored:
        """See `Predictions.score`."""
        if self.as_logits:
            return self.from_logits(block, scale)
        return self._from_probabilities(block, scale)

    def with_probabilities(
        self, block: Array, sums: Array | None, selection: Selection, scratch: Scratch
    ) -> tuple[Scored, Array, Array]:
        """Scores rows of hard labels, from logits or probabilities, and keeps the probabilities.

        Args:
            block: (n, K), as `read` gives it.
            sums: (n,) of its probabilities, `None` for logits.
            selection: which rows these are.
            scratch: where the probabilities may be put, until it is used again.

        Returns:
            The scored rows, their (K, n) probabilities, and (n,) 1 - p of the label, from the
            other classes where rows sum to 1 by construction: the difference has no digits near 0.

        Raises:
            InvalidInput: an impossible label under `"reject"`.
        """
        assert self.labels is not None
        labels = self.labels[selection]
        if sums is None:
            losses, p, miss = labelled_softmax(block, labels, scratch)
            scored = self._bounded(block, labels, None, losses, None, None)
            return self.admit(scored, None, selection), p, miss
        scored = self.judge(block, sums, selection, None)
        if self.normalize != "renormalize":
            p = by_class(block)
            return scored, p, 1.0 - in_memory(p)[places(p, labels)]
        p = by_class(block / sums[:, None])
        flat, cells = in_memory(p), places(p, labels)
        own = flat[cells]
        flat[cells] = 0.0
        miss = plain_sums(p)
        flat[cells] = own
        return scored, p, miss

    def from_logits(self, block: Block, scale: Array | None) -> Scored:
        """Scores a block of logits; the arguments are those of `score`."""
        logits, labels = block.values, block.labels
        if labels is not None and not self.label_smoothing:
            losses, gradient = cross_entropy(
                logits, labels, temperature=self.temperature, bits=self.bits, scale=scale
            )
            weights = None
        else:
            weights = self.coefficients(block.selection)
            losses, gradient = soft_cross_entropy(
                logits, weights, temperature=self.temperature, bits=self.bits, scale=scale
            )
        return self._bounded(logits, labels, weights, losses, gradient, scale)

    def _bounded(
        self,
        block: Array,
        labels: Indices | None,
        weights: Array | None,
        losses: Array,
        gradient: Array | None,
        scale: Array | None,
    ) -> Scored:
        """Bounds losses where they are to be, or says which are infinite."""
        if self.zero_probability == "clip":
            return self._clip_logits(block, weights, losses, gradient, scale)
        impossible = None
        if np.isinf(losses).any():
            if labels is not None and weights is None:
                impossible = np.isneginf(block[np.arange(labels.size), labels])
            else:
                assert weights is not None
                impossible = np.any(np.isneginf(block) & (weights > 0), axis=1)
        return Scored(losses, gradient, impossible)

    def _clip_logits(
        self,
        block: Array,
        weights: Array | None,
        losses: Array,
        gradient: Array | None,
        scale: Array | None,
    ) -> Scored:
        """Bounds -log p of each class by -log clip; where it does, the loss is constant."""
        floor = math.log(self.clip)
        bound = -math.log2(self.clip) if self.bits else -floor
        if weights is None:
            clipped = losses > bound
            losses = np.minimum(losses, bound)
            if gradient is not None:
                gradient[clipped] = 0.0
            return Scored(losses, gradient, clipped=clipped)
        logs = log_softmax(block, self.temperature)
        low = (logs < floor) & (weights > 0)
        clipped = np.any(low, axis=1)
        if clipped.any():
            unit = LOG2_E if self.bits else 1.0
            some = weights[clipped]
            losses[clipped] = (some * -np.maximum(logs[clipped], floor)).sum(axis=1) * unit
            if gradient is not None and scale is not None:
                active = np.where(low[clipped], 0.0, some)
                rows = softmax(block[clipped], self.temperature)
                rows = rows * active.sum(axis=1, keepdims=True) - active
                with np.errstate(over="ignore"):  # a tiny temperature makes slopes infinite
                    factors = scale[clipped] * unit / self.temperature
                gradient[clipped] = scaled(rows, factors[:, None])
        return Scored(losses, gradient, clipped=clipped)

    def _from_probabilities(self, block: Block, scale: Array | None) -> Scored:
        """-log p where p or log p is given: of the label's column alone, or of every column."""
        logarithmic = self.rows.member == "log_probabilities"
        columns, weights = self.true_columns(block)
        values = np.take_along_axis(block.values, columns, axis=1)
        unit = LOG2_E if self.bits else 1.0
        rest: Array | None = None
        if logarithmic:
            logs = values * unit
        elif self.normalize == "renormalize":
            rest = rest_of(block.values, values, columns)
            logs = log_shares(values, rest) * unit
        else:
            logs = log_in(values, self.bits)
        counts = weights > 0
        clipped = None
        if self.zero_probability == "clip":
            floor = math.log2(self.clip) if self.bits else math.log(self.clip)
            low = counts & (logs < floor)
            clipped = np.any(low, axis=1)
            logs = np.maximum(logs, floor)
            counts &= ~low
        with np.errstate(invalid="ignore", over="ignore"):  # 0 * inf is 0
            losses = np.where(weights > 0, weights * -logs, 0.0).sum(axis=1)
        impossible = None
        if np.isinf(losses).any():
            impossible = np.any(np.isneginf(logs) & counts, axis=1)
        gradient = None
        if scale is not None:
            active = np.where(counts, weights, 0.0)
            slope = active if logarithmic else divided(active, values)
            gradient = np.zeros(block.values.shape)
            if rest is not None and block.sums is not None:
                with np.errstate(over="ignore"):
                    gradient += (active.sum(axis=1) / block.sums)[:, None]
                slope = through_sum(slope, rest, block.sums, gradient, columns, alone=self.hard)
            np.put_along_axis(gradient, columns, 0.0 - slope, axis=1)
            gradient = scaled(gradient, (scale * unit)[:, None])
        return Scored(losses, gradient, impossible, clipped)
