"""Newton's method: with the whole Hessian factored, or with conjugate gradients."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from service.classifier.conjugate import Searched, conjugate_gradients
from service.classifier.curvature import Curvature, cholesky
from service.classifier.inverses import Inverses
from service.classifier.objective import Objective, Point
from service.classifier.rows import Array
from service.classifier.trace import Trace

# A decrease below this part of the objective is lost in its rounding: from there on the
# gradient, which is still accurate, decides whether a step is an improvement.
FLAT = 1e-10
SUFFICIENT_DECREASE = 1e-4
HALVINGS = 40
FORCING = 0.1
GAMMA = 0.9
FLOAT32_RANGE = 1e-9, 1e9
"""Sizes whose squares, weighted and summed, float32 can hold."""

JITTER = 1e-15
"""Part of its largest diagonal entry that is added to a Hessian that is singular by rounding."""

FIRST_PART = 8
ROUGH = 1e-3


class Solution(NamedTuple):
    """Where a solver stopped.

    Attributes:
        point: the parameters with value and gradient.
        iterations: accepted steps.
        newton_decrement: g^T H^-1 g / 2, about the distance of the value from its minimum.
    """

    point: Point
    iterations: int
    newton_decrement: float


def newton_cholesky(
    objective: Objective, start: Array, tolerance: float, max_iterations: int, trace: Trace
) -> Solution:
    """Newton steps with a Cholesky factor of the Hessian and a backtracking line search.

    Args:
        objective: what to minimise.
        start: parameters, shape (R, C).
        tolerance: of the gradient norm; with 0 it goes on until no step improves.
        max_iterations: of accepted steps.
        trace: takes the start and every accepted step.

    Returns:
        The solution; its decrement is exact to rounding.

    Source: S. Boyd and L. Vandenberghe, Convex Optimization (2004), 9.5.
    """
    point, iteration = objective.at(start), 0
    trace(iteration, point)
    while True:
        step = newton_step(objective, point.parameters, point.gradient)
        slope = float(np.vdot(point.gradient, step))
        done = objective.converged(point.gradient, 0.5 * slope, tolerance)
        found = None if done or iteration == max_iterations else search(objective, point, step)
        if found is None:
            return Solution(point, iteration, 0.5 * slope)
        point, iteration = found, iteration + 1
        trace(iteration, point)


def search(objective: Objective, point: Point, step: Array) -> Point | None:
    """A better point along a step, or None; `step` is subtracted."""
    slope = float(np.vdot(point.gradient, step))
    flat = slope <= FLAT * abs(point.value)
    for halving in range(1 if flat else HALVINGS):
        size = 0.5**halving
        trial = objective.at(point.parameters - size * step)
        if flat:
            better = bool(np.abs(trial.gradient).max() < np.abs(point.gradient).max())
        else:
            better = trial.value <= point.value - SUFFICIENT_DECREASE * size * slope
        if better:
            return trial
    return None


def newton_step(objective: Objective, parameters: Array, gradient: Array) -> Array:
    """The solution of `Hessian step = gradient`, by Cholesky.

    Args:
        objective: what is minimised.
        parameters: where, shape (R, C).
        gradient: there, shape (R, C).

    Returns:
        The step to subtract, shape (R, C).
    """
    from scipy.linalg import cho_solve  # needed to train alone: serving does not pay for it

    lower = cholesky(objective.hessian(parameters), JITTER)
    step: Array = cho_solve((lower, True), gradient.ravel()).reshape(gradient.shape)
    return step


def newton_cg(
    objective: Objective, start: Array, tolerance: float, max_iterations: int, trace: Trace
) -> Solution:
    """Inexact Newton steps: conjugate gradients with an approximate inverse that is kept.

    Value and gradient are float64. Where float32 can hold the rows, the products with the Hessian
    are float32, which is twice as fast and only changes how good a step is; a step that does not
    improve has the rest done in float64. The inverse is renewed when the products needed for one
    step become many, and improved by the directions of the step before.

    Args:
        objective: what to minimise.
        start: parameters, shape (R, C).
        tolerance: of the gradient norm.
        max_iterations: of accepted steps.
        trace: takes the start and every accepted step.

    Returns:
        The solution; its decrement is as good as the approximate inverse.

    Source: R. S. Dembo, S. C. Eisenstat and T. Steihaug, SIAM J. Numer. Anal. 19 (1982), 400; the
    forcing terms S. C. Eisenstat and H. F. Walker, SIAM J. Sci. Comput. 17 (1996), 16, choice 2.
    """
    part = objective.part(FIRST_PART)
    if part is not None:
        rough = max(tolerance, ROUGH)
        start = newton_cg(part, start, rough, max_iterations, Trace(part)).point.parameters
    point, iteration = objective.at(start), 0
    trace(iteration, point)
    rows: npt.NDArray[np.floating[Any]] = objective.inputs
    if _fits_float32(objective):
        rows = rows.astype(np.float32)
    inverses = Inverses(objective, rows)
    before, forcing = math.inf, FORCING
    searched: Searched | None = None
    while True:
        curvature = Curvature(objective, point, inverses.rows)
        inverse = inverses.at(curvature)
        if searched is not None:
            inverse = searched.improve(inverse)
        decrement = 0.5 * float(np.vdot(point.gradient, inverse(point.gradient)))
        done = objective.converged(point.gradient, decrement, tolerance)
        if done or iteration == max_iterations:
            break
        norm = objective.gradient_norm(point.gradient)
        if iteration > 0:  # no better than the quadratic model has lately been
            forcing = GAMMA * (norm / before) ** 2
        forcing, before = min(0.5, max(forcing, 0.3 * tolerance / norm)), norm
        step, searched = conjugate_gradients(curvature.product, inverse, point.gradient, forcing)
        found = search(objective, point, step)
        if found is None and inverses.rows.dtype == np.float64:
            break
        if found is None:
            inverses = Inverses(objective, objective.inputs)
        else:
            point, iteration = found, iteration + 1
            trace(iteration, point)
            products = len(searched.bends)
            left = objective.gradient_norm(point.gradient) / max(tolerance, 1e-300)
            inverses.used(products, products * math.log(max(left, 1.0)) / -math.log(forcing))
    return Solution(point, iteration, decrement)


def _fits_float32(objective: Objective) -> bool:
    """Whether the terms of the Hessian neither overflow nor vanish in float32."""
    rows, (smallest, largest) = objective.inputs, FLOAT32_RANGE
    columns = np.maximum(rows.max(axis=0, initial=0.0), -rows.min(axis=0, initial=0.0))
    sizes = np.array([*columns[columns > 0.0], objective.masses.max()])
    return bool(sizes.min() > smallest and max(sizes.max(), objective.l2) < largest)


def lbfgs(
    objective: Objective, start: Array, tolerance: float, max_iterations: int, trace: Trace
) -> Solution:
    """SciPy's L-BFGS: little memory and no Hessian, for very many parameters.

    Args:
        objective: what to minimise.
        start: parameters, shape (R, C).
        tolerance: of the gradient norm.
        max_iterations: of steps.
        trace: takes the start and every step.

    Returns:
        The solution; its decrement is as good as the approximate inverse of `newton_cg`.

    Source: D. C. Liu and J. Nocedal, Math. Program. 45 (1989), 503.
    """
    from scipy.optimize import minimize

    total = float(objective.masses.sum())
    point, iteration = objective.at(start), 0
    trace(iteration, point)

    def mean(flat: Array) -> tuple[float, Array]:
        nonlocal point
        point = objective.at(flat.reshape(objective.shape).copy())
        return point.value / total, point.gradient.ravel() / total

    def accepted(_: Array) -> None:  # the line search ends with the point it takes
        nonlocal iteration
        iteration += 1
        trace(iteration, point)

    options = {"maxiter": max_iterations, "maxfun": 2 * max_iterations, "gtol": tolerance}
    options |= {"ftol": 0.0, "maxcor": 20, "maxls": 50}
    found = minimize(
        mean, start.ravel(), jac=True, method="L-BFGS-B", callback=accepted, options=options
    )
    point = objective.at(found.x.reshape(objective.shape))
    inverse = Inverses(objective, objective.inputs).at(
        Curvature(objective, point, objective.inputs)
    )
    decrement = 0.5 * float(np.vdot(point.gradient, inverse(point.gradient)))
    return Solution(point, int(found.nit), decrement)
