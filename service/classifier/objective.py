"""The multinomial logistic objective: its value, gradient and Hessian."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from service.classifier.rows import Array
from service.numerics import cross_entropy, softmax


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """What training minimises, as a function of the parameters.

        F = sum_i w_i loss_i + (l2 / 2) |coefficients|^2

    Parameters are one matrix of shape (R, D + 1): the coefficients, then the intercept, which
    carries no penalty. R is the number of classes; with two classes R is 1, the second class
    against the first (the binomial model).

    Attributes:
        inputs: feature rows, shape (N, D).
        labels: class indices, shape (N,).
        weights: shape (N,), >= 0.
        classes: K, at least 2.
        l2: the penalty, >= 0.
    """

    inputs: Array
    labels: npt.NDArray[np.integer]
    weights: Array
    classes: int
    l2: float
    design: Array = field(init=False)
    penalty: Array = field(init=False)

    def __post_init__(self) -> None:
        ones = np.ones((len(self.inputs), 1))
        penalty = np.full(self.inputs.shape[1] + 1, float(self.l2))
        penalty[-1] = 0.0
        object.__setattr__(self, "design", np.hstack([self.inputs, ones]))
        object.__setattr__(self, "penalty", penalty)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (R, D + 1) of the parameters."""
        return (1 if self.classes == 2 else self.classes), self.design.shape[1]

    def logits(self, parameters: Array) -> Array:
        """The logits of the training rows, shape (N, K)."""
        logits: Array = self.design @ parameters.T
        return np.hstack([np.zeros_like(logits), logits]) if self.classes == 2 else logits

    def value_and_gradient(self, parameters: Array) -> tuple[float, Array]:
        """F and its gradient.

        Args:
            parameters: shape (R, D + 1).

        Returns:
            F, correctly rounded from its terms, and the gradient, shape (R, D + 1).
        """
        losses, slopes = cross_entropy(self.logits(parameters), self.labels, scale=self.weights)
        assert slopes is not None  # scale asks for it
        penalties = 0.5 * self.penalty * parameters**2
        value = math.fsum((self.weights * losses).tolist() + penalties.ravel().tolist())
        rows = slopes[:, -self.shape[0] :]
        return value, rows.T @ self.design + self.penalty * parameters

    def hessian(self, parameters: Array) -> Array:
        """The second derivative, made positive definite along the directions without effect.

        With three classes or more, adding one number to a parameter of every class changes no
        probability. Where no penalty fixes that direction, its square is added: the Newton step
        keeps its sum over the classes at 0 and is otherwise unchanged.

        Args:
            parameters: shape (R, D + 1).

        Returns:
            Shape (R (D + 1), R (D + 1)), symmetric.
        """
        rows, columns = self.shape
        probabilities = softmax(self.logits(parameters))[:, -rows:]
        blocks = np.empty((rows, columns, rows, columns))
        for j in range(rows):
            for k in range(j + 1):
                blocks[j, :, k, :] = self._block(probabilities, j, k)
                blocks[k, :, j, :] = blocks[j, :, k, :].T
        if rows > 1:
            for column in np.flatnonzero(self.penalty == 0.0):
                scale = np.trace(blocks[:, column, :, column]) / rows
                blocks[:, column, :, column] += scale
        hessian = blocks.reshape(rows * columns, rows * columns)
        hessian[np.diag_indices_from(hessian)] += np.tile(self.penalty, rows)
        return hessian

    def _block(self, probabilities: Array, j: int, k: int) -> Array:
        if j == k:
            curvature = probabilities[:, j] * (1.0 - probabilities[:, j])
        else:
            curvature = -probabilities[:, j] * probabilities[:, k]
        block: Array = self.design.T @ ((self.weights * curvature)[:, None] * self.design)
        return block

    def gradient_norm(self, gradient: Array) -> float:
        """The largest gradient entry divided by the total weight."""
        return float(np.abs(gradient).max() / self.weights.sum())
