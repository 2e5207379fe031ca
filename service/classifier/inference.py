"""What a maximum-likelihood fit says about its parameters: errors, tests, intervals."""

import math
from dataclasses import dataclass

import numpy as np

from service.classifier.objective import Objective
from service.classifier.rows import Array
from service.errors import Code, InvalidInput

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """Parameters against a reference class, with what is known about their errors.

    Every array has shape (K, C): the classes in order, the reference class in its place with
    parameters 0 and NaN for what it has no error of; the features, then the intercept if any.

    Attributes:
        reference: index of the class.
        coefficients: the parameters.
        standard_errors: roots of the diagonal of the inverse information matrix.
        z: coefficients / standard errors.
        p_values: two-sided, of the normal distribution.
        lower: of the 95 % confidence interval.
        upper: of the 95 % confidence interval.
        log_likelihood: in nats.
        null_log_likelihood: with intercepts alone.
        parameters: how many are free.
        deviance: -2 log_likelihood; for counts, up to the constant of the saturated model.
        aic: deviance + 2 parameters.
        bic: deviance + ln(weight) parameters.
        mcfadden_r2: 1 - log_likelihood / null_log_likelihood.
    """

    reference: int
    coefficients: Array
    standard_errors: Array
    z: Array
    p_values: Array
    lower: Array
    upper: Array
    log_likelihood: float
    null_log_likelihood: float
    parameters: int
    deviance: float
    aic: float
    bic: float
    mcfadden_r2: float


@dataclass(frozen=True, slots=True)
class RatioTest:
    """A likelihood-ratio test: twice the gain, its degrees of freedom, its p-value."""

    statistic: float
    degrees: int
    p_value: float


def likelihood_ratio(
    smaller: float, larger: float, smaller_parameters: int, larger_parameters: int
) -> RatioTest:
    """Test a model against one that it is nested in, both fitted without penalty to the same rows.

        statistic = 2 (log-likelihood of the larger - of the smaller) ~ chi-squared

    Args:
        smaller: log-likelihood of the nested model.
        larger: log-likelihood of the other.
        smaller_parameters: free parameters of the nested model.
        larger_parameters: free parameters of the other, more.

    Returns:
        The test.

    Raises:
        InvalidInput: the larger model has no more parameters.
    """
    from scipy.special import gammaincc

    degrees = larger_parameters - smaller_parameters
    if degrees < 1:
        detail = "the larger model needs more parameters than the one nested in it"
        raise InvalidInput.at("/parameters", Code.INVALID_OPTION, detail)
    statistic = max(0.0, 2.0 * (larger - smaller))
    return RatioTest(statistic, degrees, float(gammaincc(0.5 * degrees, 0.5 * statistic)))


def infer(
    objective: Objective,
    parameters: Array,
    log_likelihood: float,
    null_log_likelihood: float,
    reference: int = 0,
) -> Inference:
    """Standard errors, tests and intervals at the optimum of a fit without penalty.

    Against a reference class the information matrix is the Hessian without that class's rows and
    columns; its inverse is the covariance of the parameters.

    Args:
        objective: without a penalty.
        parameters: its optimum, shape (R, C).
        log_likelihood: there.
        null_log_likelihood: with intercepts alone.
        reference: index of the class whose parameters are 0.

    Returns:
        The inference.

    Raises:
        InvalidInput: features that repeat each other, or so few rows that the errors are infinite.

    Source: A. Agresti, Categorical Data Analysis (2013), 8.1.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve
    from scipy.special import ndtr, ndtri

    classes, columns = objective.classes, objective.shape[1]
    full = np.vstack([np.zeros(columns), parameters]) if classes == 2 else parameters
    others = np.delete(np.arange(classes), reference)
    information = objective.information(parameters, others)
    roots = np.sqrt(np.diag(information))
    try:
        factor = cho_factor(information / np.outer(roots, roots), lower=True)
    except (LinAlgError, ValueError) as error:
        raise _singular() from error
    if np.diag(factor[0]).min() < 1e-7:
        raise _singular()
    variances = np.diag(cho_solve(factor, np.eye(len(roots)))) / roots**2
    errors = np.full((classes, columns), np.nan)
    errors[others] = np.sqrt(variances).reshape(classes - 1, columns)
    coefficients = full - full[reference]
    z = coefficients / errors
    reach = float(ndtri(0.5 + 0.5 * CONFIDENCE)) * errors
    count, deviance = (classes - 1) * columns, -2.0 * log_likelihood
    return Inference(
        reference=reference,
        coefficients=coefficients,
        standard_errors=errors,
        z=z,
        p_values=2.0 * ndtr(-np.abs(z)),
        lower=coefficients - reach,
        upper=coefficients + reach,
        log_likelihood=log_likelihood,
        null_log_likelihood=null_log_likelihood,
        parameters=count,
        deviance=deviance,
        aic=deviance + 2.0 * count,
        bic=deviance + math.log(objective.masses.sum()) * count,
        mcfadden_r2=1.0 - log_likelihood / null_log_likelihood,
    )


def _singular() -> InvalidInput:
    detail = (
        "the statistics need features that do not repeat each other and classes that overlap: "
        "the information matrix is singular"
    )
    return InvalidInput.at("/options/statistics", Code.INVALID_OPTION, detail)
