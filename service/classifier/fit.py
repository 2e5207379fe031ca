"""Fit a multinomial logistic model: from checked rows to parameters and how good they are."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.classifier.blas import one_blas_thread
from service.classifier.newton import Solution, lbfgs, newton_cg, newton_cholesky
from service.classifier.objective import Objective
from service.classifier.options import Options
from service.classifier.orthant import orthant_newton
from service.classifier.rows import Array
from service.classifier.samples import Samples, samples
from service.classifier.scaling import Scaling
from service.classifier.separation import is_separable
from service.classifier.sgd import sgd
from service.classifier.trace import Step, Tell, Trace
from service.classifier.uniqueness import is_unique

SMALL = 300
CHEAP = 1e9
"""Parameters, and multiplications of a Hessian, up to which it is factored whole every step."""

ITERATIONS = {"lbfgs": 20_000}
MOST_ITERATIONS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The parameters that were reached, and how well.

    Attributes:
        coefficients: shape (K, D), or (1, D) for the second of two classes.
        intercepts: shape (K,) summing to 0, or (1,); zeros when left out.
        objective: the minimised value.
        iterations: accepted steps; those of SGD are batches.
        gradient_norm: the largest entry of the gradient (with l1, of the subgradient of least
            norm) divided by the total weight.
        newton_decrement: g^T H^-1 g / 2, about how far the objective is above its minimum; but
            for `newton-cholesky` H is approximate.
        converged: whether the gradient norm, and the decrement per weight, are at most the
            tolerance.
        solver: that was used.
        seconds: of wall time.
        log_likelihood: minus the weighted sum of the losses, in nats.
        null_log_likelihood: the same for the weighted class frequencies, without features.
        separable: without a penalty, whether the classes can be told apart so that no finite
            optimum exists; None when that is not known, False with a penalty.
        unique: without a penalty, whether no feature is constant or a combination of others, so
            that no other parameters do as well; None when that is not known, or with a penalty.
        curve: the steps from the start to the end; every second, fourth, ... of very many.
    """

    coefficients: Array
    intercepts: Array
    objective: float
    iterations: int
    gradient_norm: float
    newton_decrement: float
    converged: bool
    solver: str
    seconds: float
    log_likelihood: float
    null_log_likelihood: float
    separable: bool | None
    unique: bool | None
    curve: tuple[Step, ...]


def fit(
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    targets: npt.ArrayLike | None = None,
    classes: int,
    sample_weights: npt.ArrayLike | None = None,
    options: Options | None = None,
    start: tuple[Array, Array] | None = None,
    tell: Tell | None = None,
    threads: int = 1,
) -> Fit:
    """Fit a multinomial logistic model to the optimum of its objective.

        F = sum_i s_i sum_c w_c t_ic (-log p_ic) + (l2 / 2) |coefficients|^2 + l1 |coefficients|_1

    Two classes are the binomial model. The intercepts carry no penalty. Directions without
    penalty are given as those that sum to 0 over three classes or more.

    Args:
        inputs: feature rows, shape (N, D), finite.
        labels: class indices 0..K-1, shape (N,); or
        targets: t, shape (N, K), >= 0: probabilities, or counts of so many labels.
        classes: K, at least 2.
        sample_weights: s, shape (N,), >= 0; all 1 when absent. Rows of weight 0 are not read.
        options: see `Options`; class weights by name are by index here.
        start: coefficients and intercepts to start from, in the shapes of `Fit`.
        tell: is called with every step as it is made.
        threads: how many work at the same time; changes no bit.

    Returns:
        The fit; `converged` says whether the tolerance was met.

    Raises:
        InvalidInput: the data or an option means nothing.
    """
    options = options or Options()
    rows = samples(inputs, labels, targets=targets, classes=classes, sample_weights=sample_weights)
    return fit_samples(rows.weighed(options), options, start=start, tell=tell, threads=threads)


@one_blas_thread()
def fit_samples(
    rows: Samples,
    options: Options,
    *,
    start: tuple[Array, Array] | None = None,
    watch: Callable[[Array, Array], float] | None = None,
    tell: Tell | None = None,
    threads: int = 1,
) -> Fit:
    """Fit checked rows, class weights multiplied in.

    Args:
        rows: the samples.
        options: of the fit.
        start: coefficients and intercepts to start from.
        watch: the log loss, on other rows, of coefficients and intercepts: it is told with every
            step, and SGD stops early by it.
        tell: is called with every step as it is made.
        threads: how many work at the same time.

    Returns:
        The fit.
    """
    begun = time.perf_counter()
    scaling = Scaling.of(rows, options)
    objective = scaling.applied(rows).objective(options, threads)
    first = np.zeros(objective.shape) if start is None else scaling.inward(*start)
    solver = _solver(objective, options)
    outside = None if watch is None else lambda found: watch(*scaling.outward(found))
    trace = Trace(objective, outside, tell)
    solution = _solve(objective, options, solver, first, trace)
    point = solution.point
    parameters = _centred(point.parameters, options, objective.inputs.shape[1])
    coefficients, intercepts = scaling.outward(parameters)
    separable: bool | None = False
    unique = None
    if options.l1 == 0.0 and options.l2 == 0.0:
        unique = is_unique(objective.inputs, options.intercept)
        separable = is_separable(objective, point.parameters, solution.newton_decrement)
    return Fit(
        coefficients=coefficients,
        intercepts=intercepts,
        objective=point.value,
        iterations=solution.iterations,
        gradient_norm=objective.gradient_norm(point.gradient),
        newton_decrement=solution.newton_decrement,
        converged=objective.converged(point.gradient, solution.newton_decrement, options.tolerance),
        solver=solver,
        seconds=time.perf_counter() - begun,
        log_likelihood=-point.loss,
        null_log_likelihood=_null_log_likelihood(rows),
        separable=separable,
        unique=unique,
        curve=trace.curve,
    )


def _solver(objective: Objective, options: Options) -> str:
    if options.solver != "auto":
        return options.solver
    if options.l1 > 0.0:
        return "orthant-newton"
    size = objective.shape[0] * objective.shape[1]
    small = size <= SMALL and len(objective.inputs) * float(size) ** 2 <= CHEAP
    return "newton-cholesky" if small else "newton-cg"


def _solve(
    objective: Objective, options: Options, solver: str, start: Array, trace: Trace
) -> Solution:
    most = options.max_iterations or ITERATIONS.get(solver, MOST_ITERATIONS)
    if solver == "orthant-newton":
        return orthant_newton(objective, options.l1, start, options.tolerance, most, trace)
    if solver == "sgd":
        parameters, steps = sgd(
            objective,
            start,
            rate=options.learning_rate,
            batch_size=options.batch_size,
            epochs=options.epochs,
            seed=options.seed,
            trace=trace,
        )
        judged = newton_cg(objective, parameters, options.tolerance, 0, Trace(objective))
        return judged._replace(iterations=steps)
    smooth = {"newton-cholesky": newton_cholesky, "newton-cg": newton_cg, "lbfgs": lbfgs}
    return smooth[solver](objective, start, options.tolerance, most, trace)


def _centred(parameters: Array, options: Options, width: int) -> Array:
    """Directions without effect or penalty, in the form that sums to 0 over the classes."""
    if len(parameters) == 1:
        return parameters
    free = slice(0 if options.l1 == 0.0 and options.l2 == 0.0 else width, None)
    centred = parameters.copy()
    centred[:, free] -= centred[:, free].mean(axis=0)
    return centred


def _null_log_likelihood(rows: Samples) -> float:
    return math.fsum((rows.class_masses() * rows.log_frequencies()).tolist())
