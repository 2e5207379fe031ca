"""Rows of predictions and of targets, read in blocks and checked on the way."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service import numerics
from service.errors import Fault, InvalidInput
from service.losses.reduction import Selection
from service.losses.result import Array, Normalize
from service.losses.rows import (
    Rows,
    certain,
    finite,
    logit_fault,
    probability_fault,
    sum_tolerance,
)
from service.losses.shares import log_in, log_shares, rest_of
from service.numerics import Chances


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads selected rows over the classes.

    Attributes:
        rows: the predictions, as logits, probabilities or log-probabilities.
        temperature: divides logits.
        normalize: what becomes of rows that do not sum to 1.
    """

    rows: Rows
    temperature: float
    normalize: Normalize

    @property
    def as_logits(self) -> bool:
        """Logarithms of weights that are to be divided by their sum are logits."""
        return self.rows.member == "logits" or (
            self.rows.member == "log_probabilities" and self.normalize == "renormalize"
        )

    def read(self, selection: Selection) -> tuple[Array, Array | None]:
        """The selected rows, checked, and the sums of their probabilities where they are such.

        Raises:
            InvalidInput: at the first cell or row that means nothing.
        """
        block = self.block_of(selection)
        if self.as_logits:
            if not finite(block):
                refuse(logit_fault(self.rows, row_numbers(selection), block))
                block = certain(block)
            if self.rows.member == "logits":
                return block, None
        block = block.astype(np.float64, copy=False)
        probabilities = block
        with np.errstate(over="ignore", invalid="ignore"):
            if self.rows.member == "log_probabilities":
                probabilities = np.exp(block)
            sums = probabilities.sum(axis=1)
            if self.as_logits:
                return block, sums
            if self.rows.member == "log_probabilities":  # exp of a tiny logarithm rounds to 1
                probabilities = np.where(block > 0, np.inf, probabilities)
        numbers, tolerance = row_numbers(selection), sum_tolerance(self.rows.array)
        refuse(
            probability_fault(self.rows, numbers, probabilities, sums, self.normalize, tolerance)
        )
        return block, sums

    def block_of(self, selection: Selection) -> Array:
        """The selected rows, unchecked, as float64 or float32."""
        # NumPy adds along a row in an order that depends on its layout in memory
        block = np.ascontiguousarray(self.rows.array[selection])
        wide = block.dtype in (np.float64, np.float32)
        return block if wide else block.astype(np.float64)

    def impossible(self, values: Array) -> npt.NDArray[np.bool_]:
        """Which values, as they are read, say that a class is impossible."""
        return np.asarray(values == 0 if self.rows.member == "probabilities" else values == -np.inf)

    def chances(self, block: Array, sums: Array | None) -> Chances:
        """(n, K) probabilities, their logarithms and complements, with the digits beyond float64.

        Args:
            block: (n, K), as `read` gives it.
            sums: (n,) of its probabilities, `None` for logits.
        """
        if self.as_logits:
            return numerics.chances(block, self.temperature)
        if self.rows.member == "log_probabilities":
            return numerics.chances_of_logs(block)
        if self.normalize == "renormalize" and sums is not None:
            columns = np.broadcast_to(np.arange(block.shape[1]), block.shape)
            p, rest = numerics.shares_of_weights(block)
            logs = log_shares(block, rest_of(block, block, columns))
            return Chances(p, numerics.as_pair(logs), rest)
        p = numerics.as_pair(block)
        return Chances(p, numerics.as_pair(log_in(block, bits=False)), numerics.complement(p))


def row_numbers(selection: Selection) -> npt.NDArray[np.intp]:
    """(n,) which rows were selected."""
    if isinstance(selection, slice):
        return np.arange(selection.start, selection.stop)
    return selection


def refuse(fault: Fault | None) -> None:
    """Raises a fault, if there is one.

    Raises:
        InvalidInput: with that fault.
    """
    if fault is not None:
        raise InvalidInput([fault])


def target_rows(targets: Rows, selection: Selection, normalize: Normalize) -> tuple[Array, Array]:
    """Selected target rows, divided by their sums where asked for, and those sums.

    Raises:
        InvalidInput: a target outside [0, 1], or a row that does not sum to 1.
    """
    block = np.ascontiguousarray(targets.array[selection], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = block.sum(axis=1)
    numbers, tolerance = row_numbers(selection), sum_tolerance(targets.array)
    refuse(probability_fault(targets, numbers, block, sums, normalize, tolerance))
    return (block / sums[:, None] if normalize == "renormalize" else block), sums
