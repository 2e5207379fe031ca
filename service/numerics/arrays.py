"""The arrays of this room and the blocks in which they are worked through."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64] | npt.NDArray[np.float32]
Integers = npt.NDArray[np.integer]
Scalar = TypeVar("Scalar", bound=np.generic)

BLOCK_ELEMENTS = 1 << 17
"""Elements of a block: 1 MiB of float64, about the L2 cache; smaller blocks cost more in calls."""

BLOCK_ROWS = 1 << 15
"""Most rows of a block: what is kept for each row has to fit the cache, too."""

BUFFER = 512
"""Elements that NumPy converts at a time. It also copies a factor of each row into such buffers
where a row is shorter than one, which with its default of 8192 doubles the price of a product."""

NARROW = 64
"""Rows of so few classes are worked on transposed, in long vectors instead of many short ones."""


def row_blocks(n: int, k: int, times: int = 1) -> Iterator[slice]:
    """Slices that cut n rows of k elements into blocks for the cache.

    Wide rows are worked on in place, without a transposed copy, and get blocks of twice the size.

    Args:
        n: rows.
        k: elements of a row.
        times: by how much larger the blocks are, for work that has its own strips in the cache.

    Returns:
        The slices in order; a block has at least one row.
    """
    elements = BLOCK_ELEMENTS if k <= NARROW else 2 * BLOCK_ELEMENTS
    rows = min(BLOCK_ROWS * times, max(1, elements * times // max(1, k)))
    return (slice(start, min(start + rows, n)) for start in range(0, n, rows))


def for_each_block(work: Callable[[slice], None], shape: tuple[int, ...], threads: int) -> None:
    """Calls `work` for every block of (n, k) rows, on as many threads as asked for.

    A block's result depends on its rows alone, so that the number of threads changes no bit.
    Floating-point warnings are off inside: weights that vanish, losses beyond float64 and
    remainders of infinite differences are meant, and the kernels say what becomes of them.
    """

    def quietly(rows: slice) -> None:
        with np.errstate(all="ignore"):
            np.setbufsize(BUFFER)  # until the end of `errstate`
            work(rows)

    n, k = shape
    blocks = row_blocks(n, k)
    if threads == 1 or n * k <= BLOCK_ELEMENTS:
        for rows in blocks:
            quietly(rows)
        return
    for _ in _pool(threads).map(quietly, blocks):
        pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: new ones for each call cost a batch of 2 million logits a tenth of it."""
    return ThreadPoolExecutor(threads, "blocks")


if hasattr(os, "register_at_fork"):  # a forked child has the pool, but none of its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


class Scratch(threading.local):
    """Memory for one block, kept from block to block; each thread has its own.

    Allocating it anew costs a thread more than the exponentials: its pages go back in between.
    """

    def __init__(self) -> None:
        self._memory: Array = np.empty(0)

    def like(self, rows: Floats) -> Array:
        """Uninitialised float64 of the shape of `rows`."""
        if self._memory.size < rows.size:
            self._memory = np.empty(rows.size)
        return self._memory[: rows.size].reshape(rows.shape)

    def class_first(self, rows: Floats) -> Array:
        """Uninitialised float64 for working on (n, k) rows, as the function of that name."""
        room = self.like(rows)
        return room.reshape(rows.shape[::-1]) if rows.shape[1] <= NARROW else room.T


def class_first(rows: Array) -> Array:
    """Room of shape (k, n) for working on (n, k) rows: the rows transposed, or new memory.

    Reductions over the classes and products with one factor for each row then run along
    contiguous memory for every k: along the samples for few classes, along the classes for many.
    """
    n, k = rows.shape
    return np.empty((k, n)) if k <= NARROW else rows.T


def by_class(rows: Floats) -> Array:
    """The (n, k) rows as (k, n) float64 in the layout of `class_first`; may share their memory."""
    if rows.shape[1] <= NARROW:
        return np.ascontiguousarray(rows.T, dtype=np.float64)
    return np.asarray(rows.T, dtype=np.float64)


def in_memory(table: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A contiguous (k, n) table, of few or of many classes, as one vector of the same memory."""
    return table.reshape(-1, order="C" if table.flags.c_contiguous else "F")


def places(table: npt.NDArray[Any], classes: Integers) -> npt.NDArray[np.intp]:
    """Where one class of each row is in `in_memory(table)`, (n,).

    One index into memory is several times faster than a pair of them.
    """
    k, n = table.shape
    step, stride = (1, n) if table.flags.c_contiguous else (k, 1)
    cells: npt.NDArray[np.intp] = np.arange(0, step * n, step)
    cells += classes * stride
    return cells
