"""Stochastic gradient descent: a few rows a step, for data that come in parts."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from service.classifier.blas import one_blas_thread
from service.classifier.objective import Objective
from service.classifier.options import Options
from service.classifier.rows import Array
from service.classifier.samples import samples
from service.classifier.trace import Trace

PATIENCE = 3
"""Epochs without a better validation loss after which the descent ends."""


class Descent:
    """The state of a descent, to which parts of the data may be given as they come.

        theta <- theta - rate / sqrt(1 + t / period) * gradient of the part's mean objective

    The result is the average of the parameters, step t weighing as t: it converges where the last
    parameters still jump about.

    Attributes:
        parameters: after the last step, shape (R, C).
        average: of all steps, shape (R, C).
        steps: t.

    Source: O. Shamir and T. Zhang, Stochastic gradient descent for non-smooth optimization,
    ICML (2013), polynomial-decay averaging.
    """

    def __init__(self, start: Array, rate: float, period: float) -> None:
        self.parameters, self.average, self.steps = start.copy(), start.copy(), 0
        self._rate, self._period = rate, period

    def update(self, part: Objective) -> None:
        """One step by the gradient of a part of the rows, which carries its share of penalty."""
        rate = self._rate / math.sqrt(1.0 + self.steps / self._period)
        gradient = part.at(self.parameters).gradient / part.masses.sum()
        self.parameters = self.parameters - rate * gradient
        self.steps += 1
        self.average = self.average + (2.0 / (self.steps + 1.0)) * (self.parameters - self.average)


@one_blas_thread()
def partial_fit(
    descent: Descent,
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    targets: npt.ArrayLike | None = None,
    classes: int,
    total_weight: float,
    sample_weights: npt.ArrayLike | None = None,
    options: Options | None = None,
) -> None:
    """One step of a descent by rows of data that need not fit memory together.

    Args:
        descent: the state, of parameters (K, C), or (1, C) with two classes; its `average` is
            the result.
        inputs: some feature rows, shape (n, D), finite.
        labels: class indices 0..K-1, shape (n,); or
        targets: shape (n, K), >= 0. A class may be absent.
        classes: K, at least 2.
        total_weight: W of all rows of one pass: these rows carry their share of the penalty.
        sample_weights: shape (n,), >= 0; all 1 when absent.
        options: of which `l2`, `intercept` and `class_weights` by index are used.

    Raises:
        InvalidInput: the data mean nothing, or all have weight 0.
    """
    options = options or Options()
    rows = samples(inputs, labels, targets=targets, classes=classes, sample_weights=sample_weights)
    rows = rows.weighed(options, whole=False)
    share = float(rows.class_masses().sum()) / total_weight
    descent.update(rows.objective(replace(options, l2=options.l2 * share)))


def safe_rate(objective: Objective) -> float:
    """The reciprocal of a bound of the mean objective's curvature: |x|^2 / 2 + l2 / W."""
    total = float(objective.masses.sum())
    squares = np.einsum("ij,ij->i", objective.inputs, objective.inputs) + objective.intercept
    bound = 0.5 * float(objective.masses @ squares) + objective.l2
    return total / bound if bound > 0.0 else 1.0


def sgd(
    objective: Objective,
    start: Array,
    *,
    rate: float | None,
    batch_size: int,
    epochs: int,
    seed: int,
    trace: Trace,
) -> tuple[Array, int]:
    """Descend by shuffled batches, and stop early where the validation loss stops falling.

    Args:
        objective: what to minimise.
        start: parameters, shape (R, C).
        rate: of the first epoch; None is `safe_rate`.
        batch_size: rows of a step.
        epochs: passes over the rows.
        seed: of the order (PCG64).
        trace: takes the start and every epoch; the best parameters by its validation loss, where
            it has one, are returned.

    Returns:
        The parameters and the number of steps.
    """
    size = len(objective.inputs)
    rate = safe_rate(objective) if rate is None else rate
    descent = Descent(start, rate, period=math.ceil(size / batch_size))
    random = np.random.Generator(np.random.PCG64(seed))
    best, least, since = start, math.inf, 0
    trace(0, objective.at(start))
    for epoch in range(epochs):
        order = random.permutation(size)
        for first in range(0, size, batch_size):
            descent.update(objective.subset(order[first : first + batch_size]))
        loss = trace(epoch + 1, objective.at(descent.average)).validation_log_loss
        if loss is None:
            best = descent.average
            continue
        since += 1
        if loss < least:
            best, least, since = descent.average, loss, 0
        if since == PATIENCE:
            break
    return best, descent.steps
