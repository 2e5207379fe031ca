"""The multinomial logistic objective: its value, gradient and Hessian."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.classifier.products import map_blocks, moments, scores
from service.classifier.rows import Array
from service.numerics import cross_entropy, soft_cross_entropy, softmax

ROWS_PER_PARAMETER = 4
"""Rows of a part at least: with fewer its optimum is no better a start than 0."""


class Point(NamedTuple):
    """The objective at some parameters.

    Attributes:
        parameters: shape (R, C).
        value: F.
        loss: the part of F without penalty.
        gradient: shape (R, C).
        slopes: the gradient with respect to the logits of the rows, shape (R, N).
    """

    parameters: Array
    value: float
    loss: float
    gradient: Array
    slopes: Array


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """What training minimises, as a function of the parameters.

        F = sum_i w_i sum_c t_ic (-log p_ic) + (l2 / 2) |coefficients|^2

    Parameters are one matrix of shape (R, C): the coefficients of D features and, unless it is
    left out, the intercept, which carries no penalty. R is the number of classes; with two
    classes R is 1, the second class against the first (the binomial model).

    Attributes:
        inputs: feature rows, shape (N, D).
        labels: class indices, shape (N,); t is one-hot. Not read where there are targets.
        weights: w, shape (N,), > 0.
        classes: K, at least 2.
        l2: the penalty, >= 0.
        targets: t, shape (N, K), >= 0, of any row sums above 0; class weights multiplied in.
        intercept: whether the last parameter of every class is an intercept.
        threads: how many work at the same time; changes no bit.
        penalty: l2 of every parameter of a class, 0 of the intercept, shape (C,).
        masses: w_i sum_c t_ic, shape (N,).
    """

    inputs: Array
    labels: npt.NDArray[np.integer]
    weights: Array
    classes: int
    l2: float
    targets: Array | None = None
    intercept: bool = True
    threads: int = 1
    penalty: Array = field(init=False)
    masses: Array = field(init=False)

    def __post_init__(self) -> None:
        penalty = np.full(self.inputs.shape[1] + self.intercept, float(self.l2))
        penalty[self.inputs.shape[1] :] = 0.0
        masses = self.weights
        if self.targets is not None:
            masses = self.weights * self.targets.sum(axis=1)
        object.__setattr__(self, "penalty", penalty)
        object.__setattr__(self, "masses", masses)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (R, C) of the parameters."""
        return (1 if self.classes == 2 else self.classes), len(self.penalty)

    def subset(self, rows: slice | npt.NDArray[np.integer]) -> "Objective":
        """The objective of some rows, with their share of the penalty."""
        share = float(self.masses[rows].sum() / self.masses.sum())
        return Objective(
            self.inputs[rows],
            self.labels[rows],
            self.weights[rows],
            self.classes,
            self.l2 * share,
            None if self.targets is None else self.targets[rows],
            self.intercept,
            self.threads,
        )

    def part(self, fold: int) -> "Objective | None":
        """The objective of every `fold`-th row; None where these would be too few."""
        rows, columns = self.shape
        if len(self.inputs) < fold * max(1000, ROWS_PER_PARAMETER * rows * columns):
            return None
        return self.subset(np.arange(0, len(self.inputs), fold))

    @property
    def design(self) -> Array:
        """The feature rows with a column of ones for the intercept, shape (N, C); a copy."""
        ones = np.ones((len(self.inputs), int(self.intercept)))
        return np.hstack([self.inputs, ones])

    def logits(self, parameters: Array) -> Array:
        """The logits of the training rows, shape (N, K)."""
        width = self.inputs.shape[1]
        first = self.classes - self.shape[0]
        logits = np.zeros((self.classes, len(self.inputs)))

        def work(rows: slice) -> None:
            logits[first:, rows] = scores(self.inputs[rows], parameters[:, :width])

        for _ in map_blocks(work, self.inputs.shape, self.threads):
            pass
        if self.intercept:
            logits[first:] += parameters[:, width:]
        return logits.T

    def at(self, parameters: Array) -> Point:
        """F and its gradient: logits block by block, the kernel once, moments block by block.

        Args:
            parameters: shape (R, C).

        Returns:
            The point.
        """
        width = self.inputs.shape[1]
        losses, by_row = self._losses(self.logits(parameters))
        slopes = np.ascontiguousarray(by_row[:, -self.shape[0] :].T)
        gradient = self.penalty * parameters
        loss = float(losses.sum())
        value = 0.5 * float((gradient * parameters).sum()) + loss
        gradient[:, width:] += slopes.sum(axis=1)[:, None]
        for part in map_blocks(
            lambda rows: moments(slopes[:, rows], self.inputs[rows]),
            self.inputs.shape,
            self.threads,
        ):
            gradient[:, :width] += part
        return Point(parameters, value, loss, gradient, slopes)

    def value_and_gradient(self, parameters: Array) -> tuple[float, Array]:
        """F and its gradient, shape (R, C), at parameters of that shape."""
        point = self.at(parameters)
        return point.value, point.gradient

    def _losses(self, logits: Array) -> tuple[Array, Array]:
        """Weighted losses of the rows, shape (N,), and their slopes by logits, shape (N, K)."""
        weights, threads = self.weights, self.threads
        if self.targets is None:
            found = cross_entropy(logits, self.labels, scale=weights, threads=threads)
        else:
            found = soft_cross_entropy(logits, self.targets, scale=weights, threads=threads)
        losses, slopes = found
        assert slopes is not None  # scale asks for it
        return weights * losses, slopes

    def hessian(self, parameters: Array) -> Array:
        """The second derivative, made positive definite along the directions without effect.

        With three classes or more, adding one number to a parameter of every class changes no
        probability. Where no penalty fixes that direction, its square is added: the Newton step
        keeps its sum over the classes at 0 and is otherwise unchanged.

        Args:
            parameters: shape (R, C).

        Returns:
            Shape (R C, R C), symmetric.
        """
        first = self.classes - self.shape[0]
        hessian = self.information(parameters, np.arange(first, self.classes))
        self.penalise(hessian)
        return hessian

    def penalise(self, hessian: npt.NDArray[np.floating]) -> None:
        """Adds the penalty to the second derivative of the losses, in place.

        Args:
            hessian: shape (R C, R C); along the directions without effect, see `hessian`, it
                becomes definite.
        """
        rows, columns = self.shape
        blocks = hessian.reshape(rows, columns, rows, columns)
        if rows > 1:
            for column in np.flatnonzero(self.penalty == 0.0):
                blocks[:, column, :, column] += np.trace(blocks[:, column, :, column]) / rows
        diagonal = np.diag_indices_from(hessian)
        hessian[diagonal] += np.tile(self.penalty, rows).astype(hessian.dtype)

    def information(self, parameters: Array, classes: npt.NDArray[np.integer]) -> Array:
        """The second derivative of the losses with respect to the parameters of some classes.

        Args:
            parameters: shape (R, C).
            classes: M indices.

        Returns:
            Shape (M C, M C), symmetric.
        """
        probabilities = softmax(self.logits(parameters))[:, classes]
        design, size = self.design, len(classes)
        blocks = np.empty((size, len(self.penalty), size, len(self.penalty)))
        for j in range(size):
            for k in range(j + 1):
                curvature = probabilities[:, j] * ((j == k) - probabilities[:, k])
                blocks[j, :, k, :] = design.T @ ((self.masses * curvature)[:, None] * design)
                blocks[k, :, j, :] = blocks[j, :, k, :].T
        information: Array = blocks.reshape(size * len(self.penalty), -1)
        return information

    def truth(self) -> Array:
        """The targets, or the labels one-hot, shape (N, K)."""
        if self.targets is not None:
            return self.targets
        one_hot: Array = np.eye(self.classes)[self.labels]
        return one_hot

    def gradient_norm(self, gradient: Array) -> float:
        """The largest gradient entry divided by the total weight."""
        return float(np.abs(gradient).max() / self.masses.sum())

    def converged(self, gradient: Array, decrement: float, tolerance: float) -> bool:
        """Whether the gradient norm and the Newton decrement per weight are at most a tolerance.

        The norm depends on the units of the features; the decrement does not.
        """
        near = decrement <= tolerance * float(self.masses.sum())
        return near and self.gradient_norm(gradient) <= tolerance
