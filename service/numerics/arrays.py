"""The arrays of this room and the blocks in which they are worked through."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64] | npt.NDArray[np.float32]
Integers = npt.NDArray[np.integer]

BLOCK_ELEMENTS = 1 << 15
"""Elements of a block: 256 KiB of float64, so that a block and its scratch stay in the L2 cache."""


def row_blocks(n: int, k: int) -> Iterator[slice]:
    """Slices that cut n rows of k elements into blocks that fit the L2 cache.

    Args:
        n: rows.
        k: elements of a row.

    Returns:
        The slices in order; a block has at least one row.
    """
    rows = max(1, BLOCK_ELEMENTS // max(1, k))
    return (slice(start, min(start + rows, n)) for start in range(0, n, rows))
