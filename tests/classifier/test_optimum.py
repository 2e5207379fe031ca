"""The optimum of data that were made so that it is known."""

import math

import numpy as np
import pytest

from service.classifier import Options, fit

SMOOTH = ("newton-cholesky", "newton-cg", "lbfgs")


@pytest.mark.parametrize("solver", SMOOTH)
@pytest.mark.parametrize("counts", [(3, 50), (1, 17, 400, 2)])
def test_features_that_say_nothing_leave_the_class_frequencies(solver, counts):
    labels, total = np.repeat(np.arange(len(counts)), counts), sum(counts)
    inputs = np.zeros((total, 2))
    found = fit(inputs, labels, classes=len(counts), options=Options(solver=solver))
    entropy = -math.fsum(n * math.log(n / total) for n in counts)
    assert found.objective == pytest.approx(entropy, rel=1e-10)
    assert not found.coefficients.any()
    logs = np.log(counts)
    expected = np.diff(logs) if len(counts) == 2 else logs - logs.mean()
    np.testing.assert_allclose(found.intercepts, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("solver", SMOOTH)
def test_one_yes_or_no_feature_gives_the_logarithm_of_the_odds_ratio(solver):
    # Of those without the feature 73 to 18, of those with it 74 to 35.
    table = np.array([[73, 18], [74, 35]])
    inputs = np.repeat([0.0, 1.0], table.sum(axis=1))[:, None]
    labels = np.concatenate([np.repeat([0, 1], row) for row in table])
    options = Options(l2=0.0, solver=solver, tolerance=1e-12)
    found = fit(inputs, labels, classes=2, options=options)
    least = -math.fsum(float(n) * math.log(n / sum(row)) for row in table.tolist() for n in row)
    assert found.objective == pytest.approx(least, rel=1e-10)
    np.testing.assert_allclose(found.coefficients, [[math.log(73 * 35 / (18 * 74))]], rtol=1e-9)
    np.testing.assert_allclose(found.intercepts, [math.log(18 / 73)], rtol=1e-9)
    assert found.separable is False


@pytest.mark.parametrize("solver", SMOOTH)
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_targets_can_be_made_for_which_given_parameters_are_the_optimum(solver, classes, l2):
    """With t = p + l2 X (X^T X)^-1 (W, 0) the gradient X^T (p - t) + l2 (W, 0) is 0 at W."""
    rng = np.random.default_rng(7)
    inputs = rng.normal(size=(400, 6))
    parameters = rng.normal(size=(classes, 7)) * 0.4
    parameters -= parameters.mean(axis=0)
    design = np.hstack([inputs, np.ones((400, 1))])
    logits = (design @ parameters.T).astype(np.longdouble)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.diff(parameters, axis=0) if classes == 2 else parameters
    penalised = expected * np.append(np.ones(6), 0.0)
    pull = design @ np.linalg.solve(design.T @ design, penalised.T)
    pull = pull * [-1.0, 1.0] if classes == 2 else pull
    targets = shares + l2 * pull
    assert targets.min() > 0.0
    least = -(targets * np.log(shares)).sum() + l2 / 2 * (penalised**2).sum()
    options = Options(l2=l2, solver=solver, tolerance=1e-9)
    found = fit(inputs, targets=targets.astype(float), classes=classes, options=options)
    assert found.converged
    assert found.objective == pytest.approx(float(least), rel=1e-10)
    reached = np.column_stack([found.coefficients, found.intercepts])
    np.testing.assert_allclose(reached, expected, atol=1e-7)
