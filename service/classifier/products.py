"""Products of many feature rows with few columns, in blocks that one thread works through.

A product of all rows at once would be handed to BLAS's own threads, which wait for each other by
spinning and take many times as long where other work is going on. A block below BLAS's threshold
is computed by its caller alone, is still in the cache when the gradient needs it, and has the same
bits whatever the number of threads.
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

SERIAL_PRODUCT = 1 << 18
"""Multiplications up to which OpenBLAS uses the calling thread alone (interface/gemm.c)."""


NARROW = 256
"""Columns below which OpenBLAS multiplies rows by columns faster than columns by rows."""


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
    answer = np.empty((len(coefficients), len(rows)), rows.dtype)
    factors = np.ascontiguousarray(coefficients, rows.dtype)
    narrow, columns = rows.shape[1] < NARROW, np.ascontiguousarray(factors.T)
    for part in _parts(rows, len(coefficients)):
        if narrow:
            answer[:, part] = (rows[part] @ columns).T
        else:
            np.matmul(factors, rows[part].T, out=answer[:, part])
    return answer


def moments(slopes: Floats, rows: Floats) -> Floats:
    """Slopes times rows: G X.

    Args:
        slopes: G, shape (R, n).
        rows: X, shape (n, D).

    Returns:
        Shape (R, D), of the dtype of the rows.
    """
    answer = np.zeros((len(slopes), rows.shape[1]), rows.dtype)
    for part in _parts(rows, len(slopes)):
        answer += slopes[:, part] @ rows[part]
    return answer


def _parts(rows: Floats, columns: int) -> Iterator[slice]:
    size = max(8, SERIAL_PRODUCT // max(1, rows.shape[1] * columns) // 8 * 8)
    return (slice(start, start + size) for start in range(0, len(rows), size))
