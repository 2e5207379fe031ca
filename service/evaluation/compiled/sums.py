"""Exact sums of float64 values as machine code: the same integers as NumPy's."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from service.evaluation import pending
from service.evaluation.pending import HALF, WORD
from service.evaluation.pieces import Array, Groups, Integers
from service.numerics import elementary
from service.numerics.elementary import MANTISSA, bits
from service.numerics.machine import machine_code

STRIP = 256
"""Rows that are worked on together: what is kept of them stays in the L1 cache."""

at = np.uint64
"""Makes an index of a number that is not negative: machine code looks for the sign of others."""

Words = npt.NDArray[np.int64]
"""(WORDS, groups) integers."""


class Halves(NamedTuple):
    """Numbers of a strip of rows as `low` in the word `first` and `high` in the word `second`."""

    low: Integers
    first: Integers
    high: Integers
    second: Integers


@numba.njit(inline="always")
def room() -> Any:
    """Room for those of a strip."""
    table = np.empty((4, STRIP), np.int64)
    return Halves(table[0], table[1], table[2], table[3])


@numba.njit(inline="always")
def cut(values: Any, to: Any) -> None:
    """Cuts finite float64s into halves of their digits, each in the word that it belongs to."""
    for i in range(values.size):
        pattern = bits(values[i])
        exponent = (pattern >> 52) & 0x7FF
        digits = (pattern & MANTISSA) | (min(exponent, 1) << 52)
        exponent = max(exponent, 1)
        sign = pattern >> 63  # 0 or -1
        low = (digits & ((1 << HALF) - 1)) << (exponent % WORD)
        to.low[i], to.first[i] = (low ^ sign) - sign, exponent // WORD
        exponent += HALF
        high = (digits >> HALF) << (exponent % WORD)
        to.high[i], to.second[i] = (high ^ sign) - sign, exponent // WORD


@numba.njit(inline="always")
def put(groups: Any, halves: Any, words: Any) -> None:
    """Adds numbers that are cut to the sums of their groups."""
    for i in range(groups.size):
        words[at(halves.first[i]), at(groups[i])] += halves.low[i]
        words[at(halves.second[i]), at(groups[i])] += halves.high[i]


def _add(groups: Integers, values: Array, words: Words) -> None:
    halves = room()
    for start in range(0, groups.size, STRIP):
        cut(values[start : start + STRIP], halves)
        put(groups[start : start + STRIP], halves, words)


@cache
def loops() -> Any:
    """The loop, compiled or from the file of a former run."""
    numbers = types.Array(types.int64, 1, "C", readonly=True)
    values = types.Array(types.float64, 1, "C", readonly=True)
    adding = types.void(numbers, values, types.Array(types.int64, 2, "C"))
    return machine_code([(_add, [adding])], elementary, pending)[0]


def add(groups: Groups, values: Array, words: Words) -> None:
    """Adds to the group of each row its value.

    Args:
        groups: (n,) group numbers.
        values: (n,) finite.
        words: (WORDS, groups), see `Pending.words`.

    Raises:
        IndexError: there is no such group; machine code would write to whatever memory is there.
    """
    (of,), (added,) = columns(np.int64, groups), columns(np.float64, values)
    check(of, words.shape[1])
    loops()(of, added, words)


def columns(dtype: type[np.generic], *arrays: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Columns as machine code reads them; in tuples they have to be writable."""
    return (np.require(array, dtype, ["C", "A", "W"]) for array in arrays)


def check(numbers: Integers, size: int) -> None:
    """Refuses numbers that machine code would take for places outside of a table.

    Raises:
        IndexError: one is not in 0..size - 1.
    """
    if numbers.size and numbers.view(np.uint64).max() >= size:  # where -1 is the largest
        raise IndexError(f"a number is not in 0..{size - 1}")
