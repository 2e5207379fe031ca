"""Features with mean 0 and variance 1 for the fit, and parameters for the features as they came."""

from dataclasses import dataclass, replace

import numpy as np

from service.classifier.options import Options
from service.classifier.rows import Array
from service.classifier.samples import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How the features of a fit follow from the given ones: (x - mean) / scale.

    Attributes:
        means: shape (D,); zeros without an intercept, which has to take them up.
        scales: shape (D,), > 0; 1 for a feature that does not vary.
        identity: whether nothing changes.
        intercept: whether the parameters end with one.
    """

    means: Array
    scales: Array
    identity: bool
    intercept: bool

    @classmethod
    def of(cls, rows: Samples, options: Options) -> "Scaling":
        """The weighted means and standard deviations of the features, where asked for."""
        width = rows.inputs.shape[1]
        means, scales = np.zeros(width), np.ones(width)
        if options.standardize:
            weights = rows.weights
            if rows.targets is not None:
                weights = weights * rows.targets.sum(axis=1)
            shares = weights / weights.sum()
            centre = shares @ rows.inputs
            # a constant feature differs from its mean by the rounding of that
            varies = rows.inputs.max(axis=0) > rows.inputs.min(axis=0)
            centre = np.where(varies, centre, rows.inputs[0])
            far = np.where(varies, np.abs(rows.inputs - centre).max(axis=0), 1.0)
            # squares of what is divided by the largest neither vanish nor overflow
            spread = far * np.sqrt(shares @ ((rows.inputs - centre) / far) ** 2)
            scales = np.where(varies, spread, 1.0)
            means = centre if options.intercept else means
        return cls(means, scales, not options.standardize, options.intercept)

    def applied(self, rows: Samples) -> Samples:
        """The rows with their features scaled."""
        if self.identity:
            return rows
        return replace(rows, inputs=(rows.inputs - self.means) / self.scales)

    def inward(self, coefficients: Array, intercepts: Array) -> Array:
        """Parameters (R, C) of the scaled features."""
        if not self.intercept:
            return np.array(coefficients * self.scales)
        shifted = intercepts + coefficients @ self.means
        return np.column_stack([coefficients * self.scales, shifted])

    def outward(self, parameters: Array) -> tuple[Array, Array]:
        """Coefficients (R, D) and intercepts (R,) for the features as they came."""
        coefficients: Array = parameters[:, : len(self.scales)] / self.scales
        if not self.intercept:
            return coefficients, np.zeros(len(parameters))
        return coefficients, parameters[:, -1] - coefficients @ self.means
