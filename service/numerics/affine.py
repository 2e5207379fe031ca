"""Affine maps whose rows do not depend on the batch around them."""

import numpy as np

from service.numerics.arrays import Array

ROWS = 64
COLUMNS = 16
DEPTH = 256
SERIAL = 1 << 18
"""Multiplications of one product: OpenBLAS uses its threads above this number."""


def linear(inputs: Array, coefficients: Array, intercepts: Array) -> Array:
    """X W^T + b, the same bits for a row whatever rows are around it, on any number of threads.

    BLAS picks its kernel, and with it the order of the sums, by the shape of a product, by the
    place of a row in it and by the number of threads. Tiles of one shape, padded with zeros to
    multiples of what a kernel takes in and too small to be shared among threads, leave no choice.

    Args:
        inputs: (n, d) features X.
        coefficients: (k, d) W.
        intercepts: (k,) b.

    Returns:
        (n, k) logits.
    """
    n, d = inputs.shape
    k = len(coefficients)
    depth = max(1, min(d, DEPTH))
    columns = SERIAL // (ROWS * depth) // COLUMNS * COLUMNS
    width = min(columns, -(-k // COLUMNS) * COLUMNS)
    padded = np.zeros((d, -(-k // width) * width))
    padded[:, :k] = coefficients.T
    tiles = [
        (slice(a, a + depth), slice(c, c + width))
        for a in range(0, d, depth)
        for c in range(0, padded.shape[1], width)
    ]
    answer = np.empty((n, k))
    block = np.zeros((ROWS, d))
    for start in range(0, n, ROWS):
        rows = inputs[start : start + ROWS]
        block[: len(rows)] = rows
        block[len(rows) :] = 0.0
        sums = np.zeros((ROWS, padded.shape[1]))
        for features, classes in tiles:
            sums[:, classes] += block[:, features] @ padded[features, classes]
        np.add(sums[: len(rows), :k], intercepts, out=answer[start : start + ROWS])
    return answer
