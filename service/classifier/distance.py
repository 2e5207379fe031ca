"""How far a row lies from the data that a model was trained on."""

from dataclasses import dataclass

import numpy as np

from service.classifier.rows import Array
from service.classifier.samples import Samples
from service.errors import Code, InvalidInput
from service.numerics import linear

MOST_FEATURES = 1024
"""Beyond it the matrix of a distance would be larger than many a model."""

ROWS = 1024
DIGITS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Distance:
    """The Mahalanobis distance to the nearest class mean; its arrays are read-only copies.

        d(x) = min_k |whitening (x - means_k)|

    Attributes:
        means: of the classes, shape (K, D), finite.
        whitening: shape (D, D), finite: whitening^T whitening is the inverse of the covariance.

    Raises:
        InvalidInput: arrays that do not fit together.
    """

    means: Array
    whitening: Array

    def __post_init__(self) -> None:
        for member in ("means", "whitening"):
            array = np.array(getattr(self, member), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, member, array)
        means, whitening = self.means, self.whitening
        if means.ndim != 2 or whitening.shape != (means.shape[1], means.shape[1]):
            detail = "distance needs means (K, D) and a whitening matrix (D, D)"
            raise InvalidInput.at("/distance", Code.SHAPE_MISMATCH, detail)
        if not (np.isfinite(means).all() and np.isfinite(whitening).all()):
            detail = "means and whitening of distance must be finite"
            raise InvalidInput.at("/distance", Code.INFINITE_VALUE, detail)

    def __call__(self, inputs: Array) -> Array:
        """The distances of checked rows; the bits of a row do not depend on its batch.

        Args:
            inputs: shape (N, D).

        Returns:
            Shape (N,); infinite where the squares exceed float64.
        """
        none = np.zeros(len(self.whitening))
        places = linear(self.means, self.whitening, none)
        nearest = np.empty(len(inputs))
        for start in range(0, len(inputs), ROWS):
            with np.errstate(over="ignore", invalid="ignore"):
                rows = linear(inputs[start : start + ROWS], self.whitening, none)
                squares = [((rows - place) ** 2).sum(axis=1) for place in places]
                # What is too far to be computed is far.
                nearest[start : start + ROWS] = np.nan_to_num(np.min(squares, axis=0), nan=np.inf)
        return np.sqrt(nearest)


def fit_distance(rows: Samples) -> Distance | None:
    """The distance from the rows of a fit, in units of their spread within the classes.

    The covariance is that within the classes, pooled, its correlations shrunk by D / (n + D)
    towards 0, so that features may repeat each other and outnumber the rows. It does not depend on
    the units of the features; one that never varies within a class is measured by the root mean
    square of the others' deviations.

    Args:
        rows: with labels, every class among them.

    Returns:
        The distance, its numbers rounded to 9 digits so that no library's order of sums shows;
        None beyond 1,024 features.

    Source: K. Lee et al., A simple unified framework for detecting out-of-distribution samples,
    NeurIPS (2018).
    """
    count, width = rows.inputs.shape
    if width > MOST_FEATURES:
        return None
    weights = rows.weights / rows.weights.sum()
    means = np.empty((rows.classes, width))
    residuals = rows.inputs.copy()
    for k in range(rows.classes):
        own = rows.labels == k
        means[k] = np.average(rows.inputs[own], axis=0, weights=rows.weights[own])
        residuals[own] -= means[k]
    # Rounding of the means is no spread.
    residuals[np.abs(residuals) <= 1e-12 * np.abs(rows.inputs)] = 0.0
    deviations = np.sqrt(weights @ residuals**2)
    typical = np.sqrt(np.mean(deviations**2)) or 1.0
    deviations = np.where(deviations > 0.0, deviations, typical)
    residuals /= deviations
    correlation = (residuals * weights[:, None]).T @ residuals
    correlation *= count / (count + width)
    np.fill_diagonal(correlation, 1.0)
    whitening = np.linalg.inv(np.linalg.cholesky(correlation)) / deviations
    return Distance(rounded(means, DIGITS), rounded(whitening, DIGITS))


def rounded(values: Array, digits: int) -> Array:
    """Numbers to so many significant digits."""
    texts = np.char.mod(f"%.{digits - 1}e", values)
    answer: Array = texts.astype(np.float64)
    return answer
