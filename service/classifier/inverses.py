"""Which approximate inverse of the Hessian pays, and when to renew it."""

import math

from service.classifier.curvature import ROWS_PER_PARAMETER, Curvature, Solve
from service.classifier.moments import ROWS_PER_COLUMN, Moments
from service.classifier.objective import Objective
from service.classifier.products import Floats

EIGEN = 20
LEVEL3 = 0.5
"""How eigenvectors and products of matrices compare in time with products with few columns."""

WIDE = 2048
DENSE = 2048
"""Columns and parameters up to which their moments and the Hessian are ever factored."""

FREE = 4
"""Products whose time an approximate inverse may cost before any have been spent."""

STALE = 8
"""Products for one step after which the inverse is renewed."""


class Inverses:
    """Which approximate inverse of the Hessian to use, and when to renew it.

    There are three, each better and dearer than the one before: by the moments of the features,
    by these and their eigenvectors, and by the whole Hessian. A dearer one is built once the
    products spent so far would have paid for it, if as many are still to come.

    Attributes:
        objective: what is minimised.
        rows: the feature rows for products, shape (N, D), float32 or float64.
    """

    def __init__(self, objective: Objective, rows: Floats) -> None:
        self.objective, self.rows = objective, rows
        size, columns = len(rows), objective.shape[1]
        whole = objective.shape[0] * columns
        product = 4.0 * size * whole
        sample = min(size, ROWS_PER_COLUMN * columns)
        turned = (sample * columns**2 + EIGEN * columns**3) / product
        sample = min(size, ROWS_PER_PARAMETER * whole)
        factored = (sample * whole**2 + whole**3) / product * LEVEL3
        self._costs = (
            0.0,
            turned if columns <= WIDE else math.inf,
            factored if whole <= DENSE else math.inf,
        )
        self._level, self._spent, self._last = 0, 0, 0
        self._expected = 0.0
        self._moments: Moments | None = None
        self._inverse: Solve | None = None

    def used(self, products: int, expected: float) -> None:
        """Says how many products the last step took, and about how many are to come."""
        self._last, self._spent, self._expected = products, self._spent + products, expected

    def at(self, curvature: Curvature) -> Solve:
        """The inverse to use at a point."""
        if self._inverse is not None and self._last <= STALE:
            return self._inverse
        worth = FREE + min(self._spent, self._expected)
        level = max(i for i, cost in enumerate(self._costs) if cost <= worth)
        if self._inverse is not None and level < self._level:
            return self._inverse
        if level == 2:
            self._inverse, self._spent = curvature.whole_inverse(), 0
        else:
            if self._moments is None or level > self._level:
                self._moments = Moments.of(self.objective, self.rows, turned=level == 1)
            self._inverse = curvature.product_inverse(self._moments)
        self._level = level
        return self._inverse
