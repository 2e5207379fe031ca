"""Newton's method for penalties with absolute values."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.classifier.conjugate import conjugate_gradients
from service.classifier.curvature import Curvature, Solve
from service.classifier.newton import (
    FLAT,
    FORCING,
    HALVINGS,
    SUFFICIENT_DECREASE,
    Solution,
)
from service.classifier.objective import Objective, Point
from service.classifier.rows import Array
from service.classifier.trace import Trace

NEAR = 1e-3
RIDGE = 1e-9


class _Place(NamedTuple):
    """A point with its penalty: the value of both, and the subgradient of least norm."""

    point: Point
    value: float
    gradient: Array

    @property
    def whole(self) -> Point:
        """The point with value and gradient of the whole objective."""
        return self.point._replace(value=self.value, gradient=self.gradient)


def orthant_newton(
    objective: Objective,
    l1: float,
    start: Array,
    tolerance: float,
    max_iterations: int,
    trace: Trace,
) -> Solution:
    """Minimise F + l1 |coefficients|_1 by Newton steps within the orthant of their signs.

    The positive and negative parts of the coefficients are bounded variables of a smooth
    objective. Those close to their bound and drawn to it go there, the others take a Newton step
    by conjugate gradients; the line search follows the projection onto the bounds. Zeros are
    exact. Coordinate descent, the usual choice, needs loops over single numbers; first-order
    proximal methods need thousands of passes where features are correlated.

    Args:
        objective: the smooth part F.
        l1: the penalty, > 0.
        start: parameters, shape (R, C).
        tolerance: of the largest entry of the least subgradient divided by the total weight.
        max_iterations: of accepted steps.
        trace: takes the start and every accepted step.

    Returns:
        The solution, its value and gradient those of the whole objective; the decrement is that
        of the diagonal of the Hessian, for the parameters not at a bound.

    Source: D. P. Bertsekas, SIAM J. Control Optim. 20 (1982), 221 (two-metric projection).
    """
    rates = np.where(np.arange(objective.shape[1]) < objective.inputs.shape[1], l1, 0.0)
    place, iteration = _place(objective.at(start), rates), 0
    trace(iteration, place.whole)
    while True:
        norm = objective.gradient_norm(place.gradient)
        free, pressed = _free(place, rates, norm)
        curvature = Curvature(objective, place.point, objective.inputs)
        product, inverse = _restricted(curvature, free)
        wanted = np.where(free, place.gradient, 0.0)
        decrement = 0.5 * float(np.vdot(wanted, inverse(wanted)))
        if norm <= tolerance or iteration == max_iterations:
            break
        step = np.where(pressed, place.point.parameters, 0.0)
        if wanted.any():
            forcing = min(0.5, max(min(FORCING, norm), 0.3 * tolerance / norm))
            step = step + conjugate_gradients(product, inverse, wanted, forcing)[0]
        found = _search(objective, place, step, rates)
        if found is None:
            break
        place, iteration = _centred(objective, found, rates), iteration + 1
        trace(iteration, place.whole)
    return Solution(place.whole, iteration, decrement)


def _place(point: Point, rates: Array) -> _Place:
    parameters, gradient = point.parameters, point.gradient
    at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - rates, 0.0)
    least = np.where(parameters != 0.0, gradient + rates * np.sign(parameters), at_zero)
    return _Place(point, point.value + float((rates * np.abs(parameters)).sum()), least)


def _restricted(curvature: Curvature, free: npt.NDArray[np.bool_]) -> tuple[Solve, Solve]:
    """The Hessian of the free parameters and the inverse of its diagonal."""
    diagonal = curvature.diagonal()
    ridge = RIDGE * diagonal

    def product(direction: Array) -> Array:
        return np.where(free, curvature.product(direction) + ridge * direction, 0.0)

    return product, lambda gradient: np.where(free, gradient / diagonal, 0.0)


def _centred(objective: Objective, place: _Place, rates: Array) -> _Place:
    """Moves the classes of a feature together to where their median is 0.

    Where only absolute values are penalised, that changes the penalty alone, and minimises it.
    """
    if objective.shape[0] == 1 or objective.l2 > 0.0:
        return place
    parameters = place.point.parameters
    middle = np.sort(parameters, axis=0)[(len(parameters) - 1) // 2]
    moved = parameters - np.where(rates > 0.0, middle, 0.0)
    return _place(place.point._replace(parameters=moved), rates)


def _free(
    place: _Place, rates: Array, norm: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which parameters take a Newton step, and which are close to 0 and drawn to it."""
    parameters, gradient = place.point.parameters, place.gradient
    sizes = np.abs(parameters)
    near = min(norm, NEAR * float(sizes.max()))
    pressed = (rates > 0.0) & (sizes > 0.0) & (sizes <= near) & (parameters * gradient > 0.0)
    return ((parameters != 0.0) | (gradient != 0.0)) & ~pressed, pressed


def _search(objective: Objective, place: _Place, step: Array, rates: Array) -> _Place | None:
    parameters = place.point.parameters
    signs = np.where(parameters != 0.0, np.sign(parameters), -np.sign(place.gradient))
    for halving in range(HALVINGS):
        moved = parameters - 0.5**halving * step
        moved = np.where((rates > 0.0) & (np.sign(moved) != signs), 0.0, moved)
        gain = float(np.vdot(place.gradient, parameters - moved))
        trial = _place(objective.at(moved), rates)
        if gain <= FLAT * abs(place.value):
            if np.abs(trial.gradient).max() < np.abs(place.gradient).max():
                return trial
        elif trial.value <= place.value - SUFFICIENT_DECREASE * gain:
            return trial
    return None
