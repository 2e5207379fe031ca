"""Parameters to a stated number of digits, the same on every machine."""

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.newton import newton_step
from service.classifier.objective import Objective
from service.classifier.rows import Array

PRECISION = 40  # decimal digits of the gradient: twice those the parameters need, and some


def refine(objective: Objective, parameters: Array, digits: int) -> tuple[Array, float]:
    """Round the optimum, not an approximation of it, to so many significant digits.

    A float64 gradient fixes the optimum to about 13 digits of its largest entry, so the last
    digits of small coefficients would depend on the processor and its BLAS. Here the gradient is
    computed in decimal arithmetic, whose every operation is correctly rounded and therefore the
    same everywhere; Newton steps with it reach the optimum far beyond the digits asked for.

    Args:
        objective: what is minimised.
        parameters: the float64 optimum, shape (R, D + 1).
        digits: significant digits to keep.

    Returns:
        The rounded parameters, shape (R, D + 1), and the gradient norm there.

    Source: iterative refinement, N. J. Higham, Accuracy and Stability of Numerical Algorithms
    (2002), chapter 12.
    """
    with localcontext(prec=PRECISION):
        design = _decimals(objective.design)
        exact = _decimals(parameters)
        for _ in range(3):
            gradient = _gradient(objective, design, exact)
            step = newton_step(objective, parameters, gradient.astype(np.float64))
            exact = exact - _decimals(step)
        if objective.classes > 2:
            # The objective does not see these sums: any start would keep its own.
            for column in np.flatnonzero(objective.penalty == 0.0):
                exact[:, column] -= exact[:, column].sum() / objective.classes
        rounded = np.array([float(f"{entry:.{digits - 1}e}") for entry in exact.ravel()])
        stored: Array = rounded.reshape(parameters.shape) + 0.0  # no negative zeros
        residual = _gradient(objective, design, _decimals(stored)).astype(np.float64)
    return stored, objective.gradient_norm(residual)


def _gradient(
    objective: Objective, design: npt.NDArray[Any], parameters: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    first = objective.classes - objective.shape[0]
    penalty = _decimals(objective.penalty)
    weights = _decimals(objective.weights)
    slopes = np.empty((len(design), objective.shape[0]), dtype=object)
    for i, row in enumerate(design @ parameters.T):
        logits = [Decimal(0)] * first + list(row)
        largest = max(logits)
        terms = [(logit - largest).exp() for logit in logits]
        total = sum(terms)
        probabilities = [term / total for term in terms]
        probabilities[objective.labels[i]] -= 1
        slopes[i] = [weights[i] * entry for entry in probabilities[first:]]
    gradient: npt.NDArray[Any] = slopes.T @ design + penalty * parameters
    return gradient


def _decimals(array: Array) -> npt.NDArray[Any]:
    exact = np.empty(array.shape, dtype=object)
    exact.ravel()[:] = [Decimal(entry) for entry in array.ravel().tolist()]
    return exact
