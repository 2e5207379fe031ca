"""Affine maps whose rows do not depend on the batch around them."""

import numpy as np

from service.numerics.arrays import Array

ROWS = 64
"""Rows of a product: BLAS picks its kernel by the shape, so every product has this many."""


def linear(inputs: Array, coefficients: Array, intercepts: Array) -> Array:
    """X W^T + b, the same bits for a row whatever rows are around it.

    BLAS sums in an order that depends on the number of rows; products of one fixed number of
    rows, the last one padded with zeros, always sum in the same order.

    Args:
        inputs: (n, d) features X.
        coefficients: (k, d) W.
        intercepts: (k,) b.

    Returns:
        (n, k) logits.
    """
    n, d = inputs.shape
    answer = np.empty((n, len(coefficients)))
    block = np.zeros((ROWS, d))
    transposed = np.ascontiguousarray(coefficients.T, dtype=np.float64)
    for start in range(0, n, ROWS):
        rows = inputs[start : start + ROWS]
        block[: len(rows)] = rows
        block[len(rows) :] = 0.0
        answer[start : start + ROWS] = (block @ transposed)[: len(rows)]
    answer += intercepts
    return answer
