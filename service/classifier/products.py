"""Products of many feature rows with few columns, in blocks that one thread works through.

A block is still in the cache when the gradient needs it, and has the same bits whatever the number
of threads, as long as BLAS has one of its own (`blas`).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Result = TypeVar("Result")

BLOCK_ELEMENTS = 1 << 18
"""Elements of the rows of a block: 2 MiB of float64, about the L2 cache."""

SHORTEST_BLOCK = 256
"""Rows of a block at least, so that calls on its few columns do not cost more than their work."""


def map_blocks(
    work: Callable[[slice], Result], shape: tuple[int, int], threads: int
) -> Iterator[Result]:
    """The results of `work` for every block of rows, in the order of the rows.

    Args:
        work: takes the slice of a block; its result depends on these rows alone.
        shape: (N, D) of the rows.
        threads: how many work at the same time; changes no bit of an ordered sum.

    Yields:
        One result for each block.
    """
    size = max(SHORTEST_BLOCK, BLOCK_ELEMENTS // max(1, shape[1]))
    blocks = [slice(start, start + size) for start in range(0, shape[0], size)]
    if threads == 1 or len(blocks) == 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, blocks)


def scores(rows: Floats, coefficients: Floats) -> Floats:
    """Rows times coefficients: W X^T.

    Args:
        rows: X, shape (n, D).
        coefficients: W, shape (R, D).

    Returns:
        Shape (R, n), of the dtype of the rows.
    """
    # OpenBLAS is faster this way round, transposition included, than at W X^T.
    columns = np.ascontiguousarray(coefficients.T, rows.dtype)
    return np.ascontiguousarray((rows @ columns).T)


def moments(slopes: Floats, rows: Floats) -> Floats:
    """Slopes times rows: G X.

    Args:
        slopes: G, shape (R, n).
        rows: X, shape (n, D).

    Returns:
        Shape (R, D), of the dtype of the rows.
    """
    return slopes @ rows
