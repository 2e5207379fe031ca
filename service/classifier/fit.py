"""Maximum penalised likelihood for multinomial logistic models, by Newton's method."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.objective import Objective
from service.classifier.rows import Array, feature_rows
from service.errors import Code, Fault, Faults, InvalidInput
from service.losses.truth import Indices, check_weights, class_indices, shape_fault

# A decrease below this part of the objective is lost in its rounding: from there on the
# gradient, which is still accurate, decides whether a step is an improvement.
FLAT = 1e-10
SUFFICIENT_DECREASE = 1e-4
HALVINGS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The optimum that was reached, and how well.

    Attributes:
        coefficients: shape (K, D), or (1, D) for the second of two classes.
        intercepts: shape (K,) summing to 0, or (1,).
        objective: the minimised value.
        iterations: accepted Newton steps.
        gradient_norm: the largest gradient entry divided by the total weight.
        converged: whether `gradient_norm` is at most the tolerance.
        log_likelihood: minus the weighted sum of the losses, in nats.
        null_log_likelihood: the same for the weighted class frequencies, without features.
    """

    coefficients: Array
    intercepts: Array
    objective: float
    iterations: int
    gradient_norm: float
    converged: bool
    log_likelihood: float
    null_log_likelihood: float


def fit(
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    classes: int,
    sample_weights: npt.ArrayLike | None = None,
    class_weights: npt.ArrayLike | None = None,
    l2: float = 1.0,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> Fit:
    """Fit a multinomial logistic model to the optimum of its objective.

        F = sum_i s_i w_{y_i} loss_i + (l2 / 2) |coefficients|^2

    Newton steps with a Cholesky factor of the full Hessian and a backtracking line search, and
    then on, past the tolerance, until the gradient stops shrinking: the result is the optimum to
    rounding, not to the tolerance. Two classes are the binomial model. The intercepts carry no
    penalty; with three classes or more they are the ones that sum to 0.

    Args:
        inputs: feature rows, shape (N, D), finite.
        labels: class indices 0..K-1, shape (N,).
        classes: K, at least 2.
        sample_weights: s, shape (N,), >= 0; all 1 when absent.
        class_weights: w, shape (K,), >= 0; all 1 when absent.
        l2: the penalty, >= 0; 1 / C of scikit-learn.
        tolerance: of the largest gradient entry divided by the total weight.
        max_iterations: of accepted Newton steps.

    Returns:
        The fit; `converged` says whether the tolerance was met.

    Raises:
        InvalidInput: the data or an option means nothing.

    Source: S. Boyd and L. Vandenberghe, Convex Optimization (2004), 9.5.
    """
    rows = feature_rows(inputs)
    factors = np.ones(len(rows)) if sample_weights is None else np.asarray(sample_weights)
    per_class = np.ones(classes) if class_weights is None else np.asarray(class_weights)
    indices = _checked(np.asarray(labels), factors, per_class, (len(rows), classes), l2)
    objective = Objective(rows, indices, factors * per_class[indices], classes, l2)
    parameters, iterations = minimise(objective, max_iterations)
    value, gradient = objective.value_and_gradient(parameters)
    norm = objective.gradient_norm(gradient)
    penalty = 0.5 * math.fsum((objective.penalty * parameters**2).ravel().tolist())
    return Fit(
        coefficients=parameters[:, :-1],
        intercepts=parameters[:, -1],
        objective=value,
        iterations=iterations,
        gradient_norm=norm,
        converged=norm <= tolerance,
        log_likelihood=penalty - value,
        null_log_likelihood=_null_log_likelihood(objective),
    )


def minimise(objective: Objective, max_iterations: int) -> tuple[Array, int]:
    """Newton's method from zero until no step improves.

    Args:
        objective: what to minimise.
        max_iterations: of accepted steps.

    Returns:
        The parameters, shape (R, D + 1), and the number of accepted steps.
    """
    parameters = np.zeros(objective.shape)
    value, gradient = objective.value_and_gradient(parameters)
    for iteration in range(max_iterations):
        step = newton_step(objective, parameters, gradient)
        slope = float(np.vdot(gradient, step))
        flat = slope <= FLAT * abs(value)
        for halving in range(1 if flat else HALVINGS):
            size = 0.5**halving
            trial = parameters - size * step
            trial_value, trial_gradient = objective.value_and_gradient(trial)
            if flat:
                better = bool(np.abs(trial_gradient).max() < np.abs(gradient).max())
            else:
                better = trial_value <= value - SUFFICIENT_DECREASE * size * slope
            if better:
                break
        else:
            return parameters, iteration
        parameters, value, gradient = trial, trial_value, trial_gradient
    return parameters, max_iterations


def newton_step(objective: Objective, parameters: Array, gradient: Array) -> Array:
    """The solution of `Hessian step = gradient`, by Cholesky.

    A Hessian that is singular in floating point (collinear features without a penalty, or
    probabilities that have reached 0 and 1) gets the smallest power of ten times its largest
    diagonal entry that lets the factorisation succeed.

    Args:
        objective: what is minimised.
        parameters: where, shape (R, D + 1).
        gradient: there, shape (R, D + 1).

    Returns:
        The step to subtract, shape (R, D + 1).
    """
    # SciPy is only needed to train: serving never pays for its import.
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    hessian = objective.hessian(parameters)
    diagonal = np.diag_indices_from(hessian)
    largest = max(float(hessian[diagonal].max()), np.finfo(float).tiny)
    damping = 0.0
    while True:
        try:
            factor = cho_factor(hessian, lower=True)
        except LinAlgError:
            damping = max(10.0 * damping, 1e-15 * largest)
            hessian[diagonal] += damping
        else:
            step: Array = cho_solve(factor, gradient.ravel()).reshape(gradient.shape)
            return step


def _null_log_likelihood(objective: Objective) -> float:
    per_class = np.bincount(objective.labels, objective.weights, minlength=objective.classes)
    present = per_class[per_class > 0.0]
    return math.fsum((present * np.log(present / present.sum())).tolist())


def _checked(
    labels: npt.NDArray[Any],
    sample_weights: npt.NDArray[Any],
    class_weights: npt.NDArray[Any],
    size: tuple[int, int],
    l2: float,
) -> Indices:
    """The labels as class indices, once everything means something."""
    rows, classes = size
    faults = Faults()
    indices = np.zeros(rows, dtype=np.int64)
    with faults.collecting():
        _same_shape("labels", labels, rows, f"{rows} rows of inputs")
        indices = class_indices("labels", labels, None, classes, None)
    with faults.collecting():
        _same_shape("sample_weights", sample_weights, rows, f"{rows} rows of inputs")
        check_weights("sample_weights", sample_weights)
    with faults.collecting():
        _same_shape("class_weights", class_weights, classes, f"{classes} classes")
        check_weights("class_weights", class_weights)
    if not (math.isfinite(l2) and l2 >= 0.0):
        detail = "l2 must be finite and not negative"
        faults.append(Fault("/options/l2", Code.INVALID_OPTION, detail))
    faults.check()
    if len(np.unique(indices[sample_weights * class_weights[indices] > 0.0])) < 2:
        detail = "training needs rows of at least two classes with a weight above 0"
        raise InvalidInput.at("/labels", Code.EMPTY_REDUCTION, detail)
    return indices


def _same_shape(member: str, array: npt.NDArray[Any], size: int, of: str) -> None:
    fault = shape_fault(member, array, (size,), of)
    if fault is not None:
        raise InvalidInput([fault])
