"""Second moments of the features: what a cheap inverse of the Hessian needs of them."""

from dataclasses import dataclass

import numpy as np

from service.classifier.objective import Objective
from service.classifier.products import Floats
from service.classifier.rows import Array

SMALLEST = 1e-7
"""Part of the largest eigenvalue below which one is taken for rounding."""

ROWS_PER_COLUMN = 10
"""Rows that estimate the moments: enough that a few products more make up for what is missing."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Second moments of the columns, with their eigenvectors unless there are too many.

    Attributes:
        sizes: eigenvalues or, without vectors, the moments themselves, shape (C,).
        vectors: in columns, shape (C, C), or None.
    """

    sizes: Array
    vectors: Array | None

    @classmethod
    def of(cls, objective: Objective, rows: Floats, turned: bool) -> "Moments":
        """The moments of evenly spread rows and of the intercept."""
        from scipy.linalg import eigh

        columns = objective.shape[1]
        design, _, _ = sample(rows, columns, ROWS_PER_COLUMN * columns)
        if not turned:
            sizes, vectors = np.mean(design.astype(np.float64) ** 2, axis=0), None
        else:
            sizes, vectors = eigh(design.T @ design / len(design))
            sizes, vectors = sizes.astype(np.float64), vectors.astype(np.float64)
        return cls(np.maximum(sizes, SMALLEST * sizes.max()), vectors)

    def turn(self, gradient: Array) -> Array:
        """Rows (R, C) in the basis of the vectors."""
        return gradient if self.vectors is None else gradient @ self.vectors

    def turn_back(self, turned: Array) -> Array:
        """The rows again."""
        return turned if self.vectors is None else turned @ self.vectors.T


def sample(rows: Floats, columns: int, wanted: int) -> tuple[Floats, slice, float]:
    """Evenly spread rows, with ones for an intercept, and how many each one stands for."""
    chosen = slice(None, None, max(1, len(rows) // wanted))
    part = rows[chosen]
    design = np.hstack([part, np.ones((len(part), columns - rows.shape[1]), rows.dtype)])
    return design, chosen, len(rows) / len(part)
