"""The Hessian at one point: its products with directions, and solves that approximate it."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from service.classifier.moments import Moments, sample
from service.classifier.objective import Objective, Point
from service.classifier.products import Floats, map_blocks, moments, scores
from service.classifier.rows import Array

Solve = Callable[[Array], Array]

EVEN = 1e-9
"""Part of the total weight below which the spread of the classes is taken for rounding."""

ROWS_PER_PARAMETER = 50
"""Rows that estimate the whole Hessian."""

JITTER = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-14}


class Curvature:
    """Second derivatives at a point, in the precision of the rows that are given.

    The probabilities come from the slopes of the point, s_k = w (p_k - t_k), which keep their
    digits where a probability is near 0 or 1.

    Attributes:
        objective: what is minimised.
        rows: the feature rows, shape (N, D), float32 or float64.
    """

    def __init__(self, objective: Objective, point: Point, rows: Floats) -> None:
        self.objective, self.rows = objective, rows
        # One long row for each class: a row of the data is too short a vector to be fast.
        self._masses: Floats = objective.masses.astype(rows.dtype)
        self._relative: Floats = (point.slopes / objective.masses).astype(rows.dtype)
        self._probabilities = self._relative.copy()
        first = objective.classes - objective.shape[0]
        if objective.targets is None:
            own = np.flatnonzero(objective.labels >= first)
            self._probabilities[objective.labels[own] - first, own] += 1.0
        else:
            shares = objective.targets[:, first:] * (objective.weights / objective.masses)[:, None]
            self._probabilities += shares.T
            # Rounding must not make them negative: roots of the variances are taken.
            self._probabilities.clip(0, 1, out=self._probabilities)

    @cached_property
    def _variances(self) -> Floats:
        """The weighted p (1 - p) of every class and row."""
        if self.objective.targets is not None:
            return self._probabilities * (1 - self._probabilities) * self._masses
        distances = np.abs(self._relative)  # from 0, or from 1 where that is nearer to the label
        variances: Floats = distances * (1 - distances) * self._masses
        return variances

    def product(self, direction: Array) -> Array:
        """The Hessian times a direction, shape (R, C)."""
        width, shape = self.rows.shape[1], self.objective.shape

        def work(rows: slice) -> Array:
            x = self.rows[rows]
            changes = scores(x, direction[:, :width].astype(x.dtype))
            changes += direction[:, width:].sum(axis=1, keepdims=True).astype(x.dtype)
            slopes = self._changed(changes, rows)
            answer = np.empty(shape)
            answer[:, :width] = moments(slopes, x)
            answer[:, width:] = slopes.sum(axis=1)[:, None]
            return answer

        total = np.asarray(self.objective.penalty * direction)
        for part in map_blocks(work, self.rows.shape, self.objective.threads):
            total += part
        return total

    def _changed(self, changes: Floats, rows: slice) -> Floats:
        """How the slopes change with the logits of some rows, both (R, n)."""
        if self.objective.shape[0] == 1:
            return changes * self._variances[:, rows]
        probabilities = self._probabilities[:, rows]
        moved = probabilities * changes
        moved -= probabilities * moved.sum(axis=0)
        moved *= self._masses[rows]
        return moved

    def diagonal(self) -> Array:
        """The diagonal of the Hessian, shape (R, C), above 0."""
        width = self.rows.shape[1]
        answer = np.empty(self.objective.shape)
        answer[:, :width] = self._variances @ self.rows**2
        answer[:, width:] = self._variances.sum(axis=1)[:, None]
        answer += self.objective.penalty
        bounded: Array = np.maximum(answer, EVEN * answer.max())
        return bounded

    def whole_inverse(self) -> Solve:
        """The inverse of the Hessian of a part of the rows, by Cholesky."""
        from scipy.linalg import cho_solve

        (classes, columns), dtype = self.objective.shape, self.rows.dtype
        wanted = ROWS_PER_PARAMETER * classes * columns
        design, chosen, factor = sample(self.rows, columns, wanted)
        roots = (np.sqrt(self._masses[chosen]) * self._probabilities[:, chosen]).T
        deviations = np.sqrt(self._variances[:, chosen])
        hessian = np.zeros((classes, columns, classes, columns), dtype)
        flat = hessian.reshape(classes * columns, -1)
        if classes > 1:
            step = max(1, (1 << 21) // (classes * columns))
            for start in range(0, len(design), step):
                part = slice(start, start + step)
                products = roots[part, :, None] * design[part, None, :]
                products = products.reshape(len(products), -1)
                flat -= products.T @ products
        for k in range(classes):
            weighted = deviations[k][:, None] * design
            hessian[k, :, k, :] = weighted.T @ weighted
        flat *= factor
        self.objective.penalise(flat)
        lower = cholesky(flat, JITTER[flat.dtype])

        def solve(gradient: Array) -> Array:
            step = cho_solve((lower, True), gradient.ravel().astype(dtype), check_finite=False)
            wide: Array = step.astype(np.float64).reshape(gradient.shape)
            return wide

        return solve

    def product_inverse(self, moments: Moments) -> Solve:
        """The inverse of (class covariances) x (feature moments) + l2.

        It is diagonal in the product of their eigenvectors.
        """
        from scipy.linalg import eigh

        masses, l2 = self.objective.masses, self.objective.l2
        probabilities = self._probabilities.astype(np.float64)
        covariance = -(self._masses * probabilities) @ probabilities.T
        covariance[np.diag_indices_from(covariance)] = self._variances.sum(axis=1, dtype=float)
        spread, classes = eigh(covariance)
        # Adding one number to every class changes nothing: no step is taken that way.
        spread[spread < EVEN * masses.sum()] = np.inf
        inverse = 1.0 / (spread[:, None] * moments.sizes + l2)

        def solve(gradient: Array) -> Array:
            turned = moments.turn(classes.T @ gradient)
            answer: Array = classes @ moments.turn_back(inverse * turned)
            return answer

        return solve


def cholesky(hessian: Floats, jitter: float) -> Floats:
    """The lower Cholesky factor of a symmetric matrix that is positive definite but for rounding.

    A matrix that is singular in floating point (collinear features without a penalty, or
    probabilities that have reached 0 and 1) gets its largest diagonal entry times `jitter`, or ten
    times that, and so on, until the factorisation succeeds. Works in place.
    """
    # SciPy is only needed to train: serving never pays for its import.
    from scipy.linalg import LinAlgError
    from scipy.linalg import cholesky as factor

    diagonal = np.diag_indices_from(hessian)
    largest = max(float(hessian[diagonal].max()), float(np.finfo(hessian.dtype).tiny))
    damping = 0.0
    while True:
        try:
            lower: Floats = factor(hessian, lower=True, check_finite=False)
        except LinAlgError:
            damping = max(10.0 * damping, jitter * largest)
            hessian[diagonal] += damping
        else:
            return lower
