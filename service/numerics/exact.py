"""Sums of float64 values without any rounding, mergeable in any order."""

import math

import numpy as np
import numpy.typing as npt

from service.numerics.arrays import Array
from service.numerics.errorfree import two_product

BUCKET = 256
"""Exponents of a bucket: far from the limits of float64 on both sides."""

SCALE = 9 * BUCKET
"""The integer counts units of 2**-2304; the smallest product of two float64 numbers is 2**-2148,
and exponents are counted from the bottom of its bucket."""

PART = 1 << 14
"""Values that are added at a time, so that the passes over them stay in the cache."""


class ExactSum:
    """The exact sum of float64 values: an integer in units of 2**-2304 and a count of infinities.

    Integer addition is associative, so that values may be added and sums merged in any order,
    in any number of parts, threads or machines, and give the same sum; it is rounded once, when
    it is read. Losses are never -inf or NaN: these are refused, and so no order of +inf and -inf
    has to be given a meaning.
    """

    __slots__ = ("_infinities", "_units")

    def __init__(self) -> None:
        self._units = 0
        self._infinities = 0

    @classmethod
    def of(cls, values: Array, weights: Array | None = None) -> "ExactSum":
        """The sum of values or products; the arguments are those of `add`."""
        answer = cls()
        answer.add(values, weights)
        return answer

    def add(self, values: Array, weights: Array | None = None) -> None:
        """Adds every value, or every exact product value * weight (inf * 0 = 0).

        Args:
            values: any shape, finite or +inf.
            weights: the same shape, finite, >= 0 where the value is infinite.

        Raises:
            ValueError: any other value, weight or shape; nothing is then added.
        """
        values = np.asarray(values, dtype=np.float64)
        if weights is not None:
            weights = np.asarray(weights, dtype=np.float64)
            if weights.shape != values.shape:
                raise ValueError(f"weights of shape {weights.shape} for values of {values.shape}")
            weights = weights.ravel()
        values = values.ravel()
        units = infinities = 0
        for start in range(0, values.size, PART):
            part = slice(start, start + PART)
            more = _counted(values[part], None if weights is None else weights[part])
            units, infinities = units + more[0], infinities + more[1]
        self._units += units
        self._infinities += infinities

    def merge(self, other: "ExactSum") -> None:
        """Adds everything that was added to another sum."""
        self._units += other._units
        self._infinities += other._infinities

    @property
    def value(self) -> float:
        """The sum, correctly rounded; inf if an infinity was added or it exceeds float64."""
        if self._infinities:
            return math.inf
        return _quotient(self._units, 1 << SCALE)

    def ratio(self, denominator: "ExactSum") -> float:
        """The correctly rounded quotient of two exact sums.

        Args:
            denominator: the divisor, without infinities.

        Returns:
            The quotient; inf if an infinity was added here, nan for 0 / 0.
        """
        if self._infinities:
            return math.inf
        return _quotient(self._units, denominator._units)

    def to_bytes(self) -> bytes:
        """The sum as bytes: the count of infinities (8 bytes), then the integer, little-endian."""
        length = self._units.bit_length() // 8 + 1
        return self._infinities.to_bytes(8, "little") + self._units.to_bytes(
            length, "little", signed=True
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "ExactSum":
        """The sum that `to_bytes` wrote.

        Raises:
            ValueError: if the bytes are not those of a sum.
        """
        answer = cls()
        answer._infinities = int.from_bytes(data[:8], "little")
        answer._units = int.from_bytes(data[8:], "little", signed=True)
        if answer.to_bytes() != data:
            raise ValueError("these bytes are not an exact sum")
        return answer

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExactSum):
            return NotImplemented
        return (self._units, self._infinities) == (other._units, other._infinities)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"ExactSum({self.value!r})"


def _counted(values: Array, weights: Array | None) -> tuple[int, int]:
    """The exact sum of finite values or products in units, and how many are infinite."""
    if weights is None:
        if _within(values, 0.0, 2.0**900):
            return _units(values, 0), 0
    elif _within(values, 2.0**-400, 2.0**400) and _within(weights, 2.0**-400, 2.0**400):
        return sum(_units(part, 0) for part in two_product(values, weights)), 0
    infinite = np.isposinf(values)
    if infinite.any():
        if weights is None:
            return _counted(values[~infinite], None)[0], int(np.count_nonzero(infinite))
        of_infinite = weights[infinite]
        _require(np.isfinite(of_infinite) & (of_infinite >= 0.0))
        units, _ = _counted(values[~infinite], weights[~infinite])
        return units, int(np.count_nonzero(of_infinite))
    mantissas, exponents = np.frexp(values)
    if weights is None:
        _require(np.isfinite(values))
        return _units_of_buckets(mantissas, exponents), 0
    _require(np.isfinite(values) & np.isfinite(weights))
    factors, more = np.frexp(weights)
    parts = two_product(mantissas, factors)
    return sum(_units_of_buckets(part, exponents + more) for part in parts), 0


def _require(good: npt.NDArray[np.bool_]) -> None:
    if not good.all():
        raise ValueError("an exact sum takes finite values and +inf, not -inf or NaN")


def _units_of_buckets(mantissas: Array, exponents: npt.NDArray[np.int32]) -> int:
    """The sum of mantissa * 2**exponent, by buckets of exponents so that nothing overflows."""
    total, buckets = 0, exponents // BUCKET
    for bucket in np.unique(buckets):
        chosen = buckets == bucket
        parts = np.ldexp(mantissas[chosen], exponents[chosen] - bucket * BUCKET)
        total += _units(parts, int(bucket) * BUCKET)
    return total


def _quotient(numerator: int, denominator: int) -> float:
    """Python divides integers with a single, correct rounding."""
    infinity = math.inf if (numerator < 0) == (denominator < 0) else -math.inf
    if denominator == 0:
        return infinity if numerator else math.nan
    try:
        return numerator / denominator
    except OverflowError:
        return infinity


def _within(values: Array, smallest: float, largest: float) -> bool:
    """Whether the sizes of all values that are not 0 are within these bounds."""
    sizes = np.abs(values)
    if not sizes.max(initial=0.0) < largest:  # of NaN, too
        return False
    if smallest == 0.0 or sizes.min(initial=largest) > smallest:
        return True
    return bool(((sizes > smallest) | (sizes == 0.0)).all())


def _units(parts: Array, exponent: int) -> int:
    """The exact sum of parts * 2**exponent in units of 2**-SCALE.

    Each pass rounds the parts to multiples of a common power of two, sums those (exactly, as
    sigma bounds the sum), and goes on with what the rounding left (Rump, Ogita & Oishi, "Accurate
    floating-point summation", SIAM J. Sci. Comput. 31, 2008: ExtractVector).
    """
    total = 0
    while parts.size:
        bound = math.frexp(float(np.abs(parts).max()))[1] + (parts.size + 2).bit_length()
        sigma = math.ldexp(1.0, bound)
        heads = (sigma + parts) - sigma
        numerator, denominator = float(heads.sum()).as_integer_ratio()
        total += numerator << (SCALE + exponent - denominator.bit_length() + 1)
        parts = parts - heads
        parts = parts[parts != 0.0]
    return total
