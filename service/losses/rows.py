"""Arrays of rows over the classes: which axis they lie on, and whether they mean something."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput, cell
from service.losses.result import Array, Normalize, Numbers
from service.losses.truth import Mask, place_of

SUM_TOLERANCE = 1e-5
SUM_TOLERANCE_16_BIT = 1e-2

PROBABILITY = "a probability lies in [0, 1]"
LOG_PROBABILITY = "the logarithm of a probability is at most 0"


@dataclass(frozen=True, slots=True)
class Rows:
    """A member of a request seen as N rows over K classes.

    Attributes:
        member: the name it was sent under.
        array: (N, K), a view of what was sent where its layout allows.
        samples: the shape of the samples, without the class axis.
        axis: where the class axis was, from 0.
        sent: the shape that was sent.
    """

    member: str
    array: Numbers
    samples: tuple[int, ...]
    axis: int
    sent: tuple[int, ...]

    @classmethod
    def of(cls, member: str, array: Numbers, axis: int = -1) -> "Rows":
        """Moves the class axis last and flattens the others.

        Args:
            member: the name of the array in the request.
            array: shape (..., K), or with K on `axis`; `(0,)` is an empty batch.
            axis: of the classes.

        Raises:
            InvalidInput: a scalar, no such axis, or rows without a class.
        """
        array, sent = floating(array), array.shape
        if sent == (0,):
            return cls(member, array.reshape(0, 0), (0,), 0, sent)
        if array.ndim == 0:
            raise InvalidInput.at(
                f"/{member}", Code.NOT_AN_ARRAY, f"{member} is a number; it needs a class axis"
            )
        if not -array.ndim <= axis < array.ndim:
            raise InvalidInput.at(
                "/axis",
                Code.INVALID_OPTION,
                f"axis is {axis}; {member} has {array.ndim} axes, so it lies in "
                f"[{-array.ndim}, {array.ndim - 1}]",
            )
        moved = np.moveaxis(array, axis, -1)
        samples, classes = moved.shape[:-1], moved.shape[-1]
        if classes == 0 and 0 not in samples:
            first = (0,) * len(samples)
            pointer, name = cell(member, *first)
            raise InvalidInput.at(pointer, Code.EMPTY_ROW, f"{name} is an empty row")
        rows = moved.reshape(int(np.prod(samples, dtype=np.int64)), classes)
        return cls(member, rows, samples, axis % array.ndim, sent)

    @property
    def size(self) -> int:
        """N, the number of rows."""
        return int(self.array.shape[0])

    @property
    def classes(self) -> int:
        """K, the width of a row."""
        return int(self.array.shape[1])

    def restore(self, array: Numbers) -> Numbers:
        """Puts an (N, K) array into the layout that was sent."""
        if self.sent == (0,):
            return array.reshape(0)
        return np.moveaxis(array.reshape(*self.samples, self.classes), -1, self.axis)

    def index(self, row: int, column: int | None = None) -> tuple[int, ...]:
        """Where a row, or one of its cells, was sent."""
        place = list(place_of(row, self.samples))
        if column is not None:
            place.insert(self.axis, column)
        return tuple(place)

    def fault(self, row: int, column: int | None, code: Code, text: str) -> Fault:
        """A fault at a cell or row; `text` goes on after its name."""
        pointer, name = cell(self.member, *self.index(row, column))
        return Fault(pointer, code, f"{name} {text}")


def floating(array: Numbers) -> Numbers:
    """Integers and booleans as float64, so that answers of the same dtype can hold fractions."""
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


SMALL = 1024
"""Up to this many elements a product with itself tells sooner than a sum whether all are finite."""


def finite(block: Array) -> bool:
    """Whether a block is finite, at the price of one sum; an overflowing sum also says no."""
    if block.size <= SMALL and block.dtype == np.float64:
        # BLAS raises no floating-point warnings, whose switching off costs more than a row
        return math.isfinite(np.vdot(block, block))
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(block.sum())


def bad_logits(block: Array) -> Mask:
    """(n,) which rows of logits (n, K) mean nothing: a NaN, two certain classes, none possible."""
    if finite(block):
        return np.zeros(len(block), np.bool_)
    bad: Mask = np.isnan(block).any(axis=1) | (block == -np.inf).all(axis=1)
    bad |= np.count_nonzero(block == np.inf, axis=1) > 1
    return bad


def logit_fault(rows: Rows, entering: npt.NDArray[np.intp], block: Array) -> Fault | None:
    """The first row of a block that means nothing, at the cell that is to blame.

    Args:
        rows: where the block comes from.
        entering: (n,) the row numbers of the block.
        block: (n, K) logits.
    """
    bad = np.flatnonzero(bad_logits(block))
    if not bad.size:
        return None
    row, logits = int(entering[bad[0]]), block[bad[0]]
    nan, sure = np.flatnonzero(np.isnan(logits)), np.flatnonzero(logits == np.inf)
    if nan.size:
        return rows.fault(row, int(nan[0]), Code.NAN_VALUE, "is NaN")
    if sure.size > 1:
        text = "is the second +Infinity of its row; only one class can be certain"
        return rows.fault(row, int(sure[1]), Code.AMBIGUOUS_ROW, text)
    text = f"has no possible class: every one of its {rows.member} is -Infinity"
    return rows.fault(row, None, Code.IMPOSSIBLE_ROW, text)


def certain(block: Array) -> Array:
    """Rewrites rows with one +Infinity as their limit: 0 there, -Infinity elsewhere."""
    sure = block == np.inf
    rows = sure.any(axis=1)
    if not rows.any():
        return block
    return np.where(rows[:, None], np.where(sure, 0.0, -np.inf), block)


def bad_probabilities(block: Array, sums: Array, normalize: Normalize, tolerance: float) -> Mask:
    """(n,) which rows are no distributions; the arguments are those of `probability_fault`."""
    inside = (block >= 0) & (block <= _most(normalize))
    bad = _off(sums, normalize, tolerance)
    return bad if inside.all() else bad | ~inside.all(axis=1)


def _most(normalize: Normalize) -> float:
    return float(np.finfo(np.float64).max) if normalize == "renormalize" else 1.0


def _off(sums: Array, normalize: Normalize, tolerance: float) -> Mask:
    """Which sums of rows are not what the policy asks for."""
    if normalize == "renormalize":
        return np.asarray((sums == 0) | np.isinf(sums))
    return np.asarray(np.abs(sums - 1.0) > (np.inf if normalize == "off" else tolerance))


def probability_fault(
    rows: Rows,
    entering: npt.NDArray[np.intp],
    block: Array,
    sums: Array,
    normalize: Normalize,
    tolerance: float,
) -> Fault | None:
    """The first row of a block that is no distribution, at the cell that is to blame.

    Args:
        rows: where the block comes from.
        entering: (n,) the row numbers of the block.
        block: (n, K) probabilities; Infinity stands for what is beyond them.
        sums: (n,) their sums.
        normalize: `"renormalize"` allows any weights >= 0 with a sum above 0.
        tolerance: of the sums.
    """
    bad = np.flatnonzero(bad_probabilities(block, sums, normalize, tolerance))
    if not bad.size:
        return None
    row, probabilities = int(entering[bad[0]]), block[bad[0]]
    choice = rows.member != "target"  # explain has no normalize
    nan = np.flatnonzero(np.isnan(probabilities))
    if nan.size:
        return rows.fault(row, int(nan[0]), Code.NAN_VALUE, "is NaN")
    outside = np.flatnonzero((probabilities < 0) | (probabilities > _most(normalize)))
    if outside.size:
        column = int(outside[0])
        sent = float(rows.array[row, column])
        if normalize == "renormalize":
            wanted = "a weight is a finite number >= 0"
        else:
            wanted = LOG_PROBABILITY if rows.member == "log_probabilities" else PROBABILITY
            if choice and 0 < sent < math.inf:
                wanted += ' (weights need normalize "renormalize")'
        text = f"is {shown(sent)}; {wanted}"
        return rows.fault(row, column, Code.PROBABILITY_OUT_OF_RANGE, text)
    if normalize == "renormalize":
        why = "which cannot be divided out"
    else:
        why = f"more than {tolerance:g} off 1"
        if choice:
            why += '; see normalize ("renormalize" or "off")'
    text = f"has the sum {shown(float(sums[bad[0]]))}, {why}"
    return rows.fault(row, None, Code.NOT_NORMALIZED, text)


def shown(number: float) -> str:
    """A number in the text of a fault, an infinity as the contract writes it."""
    return repr(number).replace("inf", "Infinity")


def sum_tolerance(array: Numbers) -> float:
    """How far from 1 the sum of a row may be: wider for 16-bit numbers."""
    narrow = array.dtype.itemsize == 2 or "bfloat16" in (array.dtype.metadata or ())
    return SUM_TOLERANCE_16_BIT if narrow else SUM_TOLERANCE
