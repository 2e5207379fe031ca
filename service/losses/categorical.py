"""Scores blocks of rows over the classes: from logits, probabilities or their logarithms."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput
from service.losses.reduction import Scored, Selection, scaled
from service.losses.result import Array, Normalize, ZeroProbability
from service.losses.rows import (
    Rows,
    certain,
    finite,
    logit_fault,
    probability_fault,
    sum_tolerance,
)
from service.losses.shares import LOG2_E, divided, log_in, log_shares, rest_of, through_sum
from service.losses.truth import Indices
from service.numerics import cross_entropy, log_softmax, soft_cross_entropy, softmax


@dataclass(frozen=True, slots=True)
class Categorical:
    """Cross-entropy of selected rows, before weights of samples and reduction.

        loss_i = sum_c w_c t'_ic (-log p_ic)     t' = (1 - label_smoothing) t + label_smoothing / K

    For hard labels without smoothing the class weight is left to the caller: it scales the loss.

    Attributes:
        rows: the predictions, as logits, probabilities or log-probabilities.
        labels: (N,) class indices, or `None` where there are targets.
        targets: rows of probabilities, or `None` where there are labels.
        class_weights: (K,), or `None`.
        label_smoothing: in [0, 1].
        temperature: divides logits.
        bits: whether losses are in bits.
        zero_probability: what becomes of the loss where the true class is impossible.
        clip: the bound on probabilities of `zero_probability="clip"`.
        normalize: what becomes of rows that do not sum to 1.
    """

    rows: Rows
    labels: Indices | None
    targets: Rows | None
    class_weights: Array | None
    label_smoothing: float
    temperature: float
    bits: bool
    zero_probability: ZeroProbability
    clip: float
    normalize: Normalize

    def __call__(self, selection: Selection, scale: Array | None) -> Scored:
        """Losses of the selected samples, with the gradient where a scale is given.

        Raises:
            InvalidInput: a row that means nothing, or an impossible label under `"reject"`.
        """
        block, sums = self.read(selection)
        deviation = float(np.abs(sums - 1.0).max()) if sums is not None and sums.size else 0.0
        labels = None if self.labels is None else self.labels[selection]
        if self._as_logits:
            scored = self._from_logits(block, labels, selection, scale)
        else:
            scored = self._from_probabilities(block, sums, labels, selection, scale)
        if self.zero_probability == "reject" and scored.impossible is not None:
            impossible = scored.impossible
            if labels is not None and self.class_weights is not None:
                impossible = impossible & (self.class_weights[labels] > 0)  # else the loss is 0
            self._reject(selection, impossible)
        return Scored(scored.losses, scored.gradient, scored.impossible, scored.clipped, deviation)

    @property
    def _as_logits(self) -> bool:
        """Logarithms of weights that are to be divided by their sum are logits."""
        return self.rows.member == "logits" or (
            self.rows.member == "log_probabilities" and self.normalize == "renormalize"
        )

    def read(self, selection: Selection) -> tuple[Array, Array | None]:
        """The selected rows, checked, and the sums of their probabilities where they are such.

        Raises:
            InvalidInput: at the first cell or row that means nothing.
        """
        block = self.rows.array[selection]
        if block.dtype not in (np.float64, np.float32):
            block = block.astype(np.float64)
        if self._as_logits:
            if not finite(block):
                self._raise(logit_fault(self.rows, self._numbers(selection), block))
                block = certain(block)
            if self.rows.member == "logits":
                return block, None
        block = block.astype(np.float64, copy=False)
        probabilities = block
        with np.errstate(over="ignore", invalid="ignore"):
            if self.rows.member == "log_probabilities":
                probabilities = np.exp(block)
            sums = probabilities.sum(axis=1)
            if self._as_logits:
                return block, sums
            if self.rows.member == "log_probabilities":  # exp of a tiny logarithm rounds to 1
                probabilities = np.where(block > 0, np.inf, probabilities)
        self._raise(
            probability_fault(
                self.rows,
                self._numbers(selection),
                probabilities,
                sums,
                self.normalize,
                sum_tolerance(self.rows.array),
            )
        )
        return block, sums

    def coefficients(self, selection: Selection) -> Array:
        """(n, K) of the factors w_c t'_ic."""
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
        return values if self.class_weights is None else values * self.class_weights

    def _from_logits(
        self, block: Array, labels: Indices | None, selection: Selection, scale: Array | None
    ) -> Scored:
        if labels is not None and not self.label_smoothing:
            losses, gradient = cross_entropy(
                block, labels, temperature=self.temperature, bits=self.bits, scale=scale
            )
            weights = None
        else:
            weights = self.coefficients(selection)
            losses, gradient = soft_cross_entropy(
                block, weights, temperature=self.temperature, bits=self.bits, scale=scale
            )
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

    def _from_probabilities(
        self,
        block: Array,
        sums: Array | None,
        labels: Indices | None,
        selection: Selection,
        scale: Array | None,
    ) -> Scored:
        """-log p where p or log p is given: of the label's column alone, or of every column."""
        logarithmic = self.rows.member == "log_probabilities"
        hard = labels is not None and not self.label_smoothing
        if hard:
            columns = np.asarray(labels)[:, None]
            weights = np.ones(columns.shape)
        else:
            columns = np.broadcast_to(np.arange(block.shape[1]), block.shape)
            weights = self.coefficients(selection)
        values = np.take_along_axis(block, columns, axis=1)
        unit = LOG2_E if self.bits else 1.0
        rest: Array | None = None
        if logarithmic:
            logs = values * unit
        elif self.normalize == "renormalize":
            rest = rest_of(block, values, columns)
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
            gradient = np.zeros(block.shape)
            if rest is not None and sums is not None:
                with np.errstate(over="ignore"):
                    gradient += (active.sum(axis=1) / sums)[:, None]
                slope = through_sum(slope, rest, sums, gradient, columns, alone=hard)
            np.put_along_axis(gradient, columns, 0.0 - slope, axis=1)
            gradient = scaled(gradient, (scale * unit)[:, None])
        return Scored(losses, gradient, impossible, clipped)

    def _numbers(self, selection: Selection) -> npt.NDArray[np.intp]:
        if isinstance(selection, slice):
            return np.arange(selection.start, selection.stop)
        return selection

    def _reject(self, selection: Selection, impossible: npt.NDArray[np.bool_]) -> None:
        if not impossible.any():
            return
        first = int(np.flatnonzero(impossible)[0])
        row = int(self._numbers(selection)[first])
        # with smoothing the impossible class may be another one than the label's
        column = None if self.labels is None or self.label_smoothing else int(self.labels[row])
        self._raise(
            self.rows.fault(
                row,
                column,
                Code.ZERO_PROBABILITY,
                "gives the true class the probability 0; "
                'see zero_probability ("infinite" or "clip")',
            )
        )

    def _raise(self, fault: Fault | None) -> None:
        if fault is not None:
            raise InvalidInput([fault])


def target_rows(targets: Rows, selection: Selection, normalize: Normalize) -> tuple[Array, Array]:
    """Selected target rows, divided by their sums where asked for, and those sums.

    Raises:
        InvalidInput: a target outside [0, 1], or a row that does not sum to 1.
    """
    block = targets.array[selection].astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = block.sum(axis=1)
    numbers = (
        np.arange(selection.start, selection.stop) if isinstance(selection, slice) else selection
    )
    fault = probability_fault(
        targets, numbers, block, sums, normalize, sum_tolerance(targets.array)
    )
    if fault is not None:
        raise InvalidInput([fault])
    return (block / sums[:, None] if normalize == "renormalize" else block), sums
