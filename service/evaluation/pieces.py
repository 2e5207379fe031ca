"""Numbers in pieces that add up without rounding."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from service.numerics.errorfree import two_product

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.integer]
Integers = npt.NDArray[np.int64]
Scaled = tuple[Array, npt.NDArray[np.int32]]
"""Numbers as fractions * 2**exponents."""

# Values of sizes between these are cut at powers of two, into integers of so many bits; the powers
# are multiples of STEP, so that tables are few.
LARGE, SMALL = 2.0**32, 2.0**-140
STEP = 4
PIECE = 42
# Above this many groups, or pairs of group and exponent, sorting costs less than a table of them.
TABLE = 1 << 20


def cut(groups: Groups, values: Array) -> Iterator[tuple[Groups, Integers | Array, int | None]]:
    """Values in whole multiples of one power of two after another.

    Each pass rounds them to multiples of it and goes on with what the rounding left (Rump, Ogita &
    Oishi, "Accurate floating-point summation", SIAM J. Sci. Comput. 31, 2008: ExtractVector).

    Args:
        groups: (n,) group numbers, n > 0.
        values: (n,) finite.

    Yields:
        Groups, integers of at most 2**PIECE, and the level: they stand for integer * 2**level;
        `None` for the last, which are any numbers.
    """
    level = level_of(values)
    while level is not None:
        sigma = unit_apart(level)
        heads = values + sigma
        units = heads.view(np.int64) - sigma.view(np.int64)
        heads -= sigma
        yield groups, units, level
        values = values - heads
        left = values != 0.0
        count = np.count_nonzero(left)
        if count == 0:
            return
        if count < values.size // 2:
            groups, values = groups[left], values[left]
        level = level_of(values)
    yield groups, values, None


def level_of(values: Array) -> int | None:
    """The lowest level of which some values have a piece; `None` if they are not cut."""
    largest = max(float(values.max()), -float(values.min()))
    if not SMALL < largest < LARGE:
        return None
    # at most 2**e, e from frexp, and rounded up
    return -((PIECE - math.frexp(largest)[1]) // STEP) * STEP


def in_units(values: Array, level: int) -> Integers:
    """Values of at most 2**(51 + level) as the nearest multiples of 2**level: how many."""
    sigma = unit_apart(level)
    units = (values + sigma).view(np.int64)
    units -= sigma.view(np.int64)
    return units


def unit_apart(level: int) -> np.float64:
    """A number of the octave whose floats are 2**level apart, and their bits by 1."""
    return np.float64(1.5 * 2.0 ** (52 + level))


def product(factors: Sequence[Scaled]) -> list[Scaled]:
    """The exact product of (n,) finite numbers, as a sum of parts."""
    terms = [factors[0]]
    for fraction, exponent in factors[1:]:
        terms = [
            _normal(part, exponents + exponent)
            for fractions, exponents in terms
            for part in two_product(fractions, fraction)  # nothing over- or underflows
        ]
    return terms


def moderate(values: Array) -> bool:
    """Whether products of such values are exact in two parts."""
    sizes = np.abs(values)
    return bool(((sizes < 2.0**400) & ((sizes > 2.0**-400) | (sizes == 0.0))).all())


def _normal(fractions: Array, exponents: npt.NDArray[np.int32]) -> Scaled:
    fractions, shift = np.frexp(fractions)
    return fractions, exponents + shift


def counted(groups: Groups) -> tuple[list[int], list[int]]:
    """The groups that occur and how often."""
    found, counts = np.unique(groups, return_counts=True)
    return found.tolist(), counts.tolist()


def by_key(
    keys: Groups, size: int, highs: Array, lows: Array
) -> tuple[list[int], list[int], list[int]]:
    """The keys that occur, and the sums of whole numbers by key."""
    if size > TABLE:
        found, keys = np.unique(keys, return_inverse=True)
        size = found.size
    else:
        found = np.flatnonzero(np.bincount(keys, minlength=1))
    tables = (np.bincount(keys, part, minlength=size).astype(np.int64) for part in (highs, lows))
    high, low = (table if table.size == found.size else table[found] for table in tables)
    return found.tolist(), high.tolist(), low.tolist()
