"""Affine maps whose rows do not depend on the batch around them."""

import numpy as np

from service.numerics.arrays import Array

ROWS = 16
COLUMNS = 16
DEPTH = 256
SERIAL = 1 << 18
"""Multiplications of one product: OpenBLAS uses its threads above this number."""
BLOCK = 1 << 16
"""Elements of the tiles of one call of NumPy, and of their products: both fit the cache."""


class Linear:
    """X W^T + b, prepared: the same bits for a row whatever is around it, on any number of threads.

    BLAS picks its kernel, and with it the order of the sums, by the shape of a product, by the
    place of a row in it and by the number of threads. Tiles of one shape, padded with zeros to
    multiples of what a kernel takes in and too small to be shared among threads, leave no choice.
    """

    __slots__ = ("_block", "_depth", "_intercepts", "_ordinary", "_padded", "_single", "_width")

    def __init__(self, coefficients: Array, intercepts: Array) -> None:
        """Prepares the tiles.

        Args:
            coefficients: (k, d) W.
            intercepts: (k,) b.
        """
        k, d = coefficients.shape
        self._depth = max(1, min(d, DEPTH))
        columns = SERIAL // (ROWS * self._depth) // COLUMNS * COLUMNS
        self._width = min(columns, -(-k // COLUMNS) * COLUMNS)
        self._padded = np.zeros((d, -(-k // self._width) * self._width))
        self._padded[:, :k] = coefficients.T
        self._single = d <= self._depth and self._padded.shape[1] == self._width
        self._intercepts = intercepts
        self._block = max(1, BLOCK // max(1, *self._padded.shape) // ROWS) * ROWS
        # By Cauchy and Schwarz no logit of rows below this overflows: to switch the warnings off
        # costs as much as a row.
        self._ordinary = 2.0**1000 / max(1.0, float(np.vdot(coefficients, coefficients)))

    def __call__(self, inputs: Array) -> Array:
        """The (n, k) logits of (n, d) features; not finite where they exceed float64."""
        n, d = inputs.shape
        k = len(self._intercepts)
        if n <= ROWS and np.vdot(inputs, inputs) < self._ordinary:
            tile = np.zeros((ROWS, d))
            tile[:n] = inputs
            # of a single tile, a product of `dot` begins sooner
            products = np.dot(tile, self._padded) if self._single else self._products(tile)
            logits: Array = products[:n, :k] + self._intercepts
            return logits
        answer = np.empty((n, k))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, n, self._block):
                rows = inputs[start : start + self._block]
                tiles = np.zeros((-(-len(rows) // ROWS), ROWS, d))
                tiles.reshape(len(tiles) * ROWS, d)[: len(rows)] = rows
                sums = self._products(tiles).reshape(len(tiles) * ROWS, -1)[: len(rows), :k]
                np.add(sums, self._intercepts, out=answer[start : start + self._block])
        return answer

    def _products(self, tiles: Array) -> Array:
        if self._single:
            whole: Array = np.matmul(tiles, self._padded)
            return whole
        d, columns = self._padded.shape
        products = np.zeros((*tiles.shape[:-1], columns))
        for features in (slice(a, a + self._depth) for a in range(0, d, self._depth)):
            for classes in (slice(c, c + self._width) for c in range(0, columns, self._width)):
                products[..., classes] += tiles[..., features] @ self._padded[features, classes]
        return products


def linear(inputs: Array, coefficients: Array, intercepts: Array) -> Array:
    """X W^T + b by `Linear`, for one use.

    Args:
        inputs: (n, d) features X.
        coefficients: (k, d) W.
        intercepts: (k,) b.

    Returns:
        (n, k) logits.
    """
    return Linear(coefficients, intercepts)(inputs)
