"""The optimum: closed forms, published fits, invariants."""

import dataclasses
import math

import numpy as np
import pytest

from service.classifier import Options, load_dataset
from service.classifier import fit as fit_with_options
from service.classifier.objective import Objective
from service.errors import Code, InvalidInput

# Counts of three classes where a binary feature is 0 and where it is 1.
COUNTS = np.array([[20, 5, 3], [4, 12, 9]])


def fit(*data, classes, **rest):
    """Passes options as keywords."""
    names = set(rest) & {field.name for field in dataclasses.fields(Options)}
    options = Options(**{name: rest.pop(name) for name in names})
    return fit_with_options(*data, classes=classes, options=options, **rest)


def table():
    inputs = np.repeat([[0.0], [1.0]], 3, axis=0)
    return inputs, np.tile([0, 1, 2], 2), COUNTS.ravel().astype(float)


@pytest.fixture(scope="module")
def iris():
    return load_dataset("iris")


def drawn(classes, seed=3):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(60, 3))
    labels = (inputs @ rng.normal(size=(3, classes)) + rng.gumbel(size=(60, classes))).argmax(1)
    assert len(np.unique(labels)) == classes
    return inputs, labels


def test_iris_at_unit_penalty_reaches_the_known_objective(iris):
    found = fit(iris.inputs, iris.labels, classes=3, l2=1.0, tolerance=1e-14)
    assert found.objective == pytest.approx(28.8863166040925, rel=1e-14)
    # Fisher's data: with the repository's two mistyped rows this is 17.95541846.
    assert -found.log_likelihood == pytest.approx(17.94550169818567, rel=1e-12)
    assert found.null_log_likelihood == pytest.approx(-150 * math.log(3), rel=1e-15)
    assert found.converged
    assert found.gradient_norm <= 1e-14
    assert found.intercepts.sum() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.coefficients.sum(axis=0), 0.0, atol=1e-12)


def test_two_classes_without_penalty_are_the_published_binomial_fit(iris):
    two = iris.labels > 0
    found = fit(iris.inputs[two], iris.labels[two] - 1, classes=2, l2=0.0)
    # R's glm(binomial) for versicolor and virginica, to the digits it prints.
    np.testing.assert_allclose(
        found.coefficients, [[-2.46522, -6.68089, 9.42939, 18.28614]], atol=5e-6
    )
    np.testing.assert_allclose(found.intercepts, [-42.63780], atol=5e-6)
    assert -2.0 * found.log_likelihood == pytest.approx(11.89854679, abs=5e-9)


def test_a_saturated_model_gives_the_logarithms_of_the_counts():
    inputs, labels, weights = table()
    found = fit(inputs, labels, classes=3, sample_weights=weights, l2=0.0)
    logs = np.log(COUNTS)
    intercepts = logs[0] - logs[0].mean()
    slopes = (logs[1] - logs[1].mean()) - intercepts
    np.testing.assert_allclose(found.intercepts, intercepts, atol=1e-13)
    np.testing.assert_allclose(found.coefficients[:, 0], slopes, atol=1e-13)
    shares = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    assert found.log_likelihood == pytest.approx((COUNTS * np.log(shares)).sum(), rel=1e-14)
    totals = COUNTS.sum(axis=0)
    null = (totals * np.log(totals / totals.sum())).sum()
    assert found.null_log_likelihood == pytest.approx(null, rel=1e-14)


@pytest.mark.parametrize("classes", [2, 4])
def test_weights_are_repetitions(classes):
    inputs, labels = drawn(classes)
    times = np.arange(len(labels)) % 4
    per_class = np.arange(1.0, classes + 1.0)
    weighted = fit(
        inputs, labels, classes=classes, sample_weights=times, class_weights=per_class, l2=0.7
    )
    rows = np.repeat(np.arange(len(labels)), times * (labels + 1))
    repeated = fit(inputs[rows], labels[rows], classes=classes, l2=0.7)
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-13)
    np.testing.assert_allclose(weighted.intercepts, repeated.intercepts, atol=1e-13)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-14)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-12)


def test_permuting_the_classes_permutes_the_model():
    inputs, labels = drawn(4)
    order = np.array([2, 0, 3, 1])
    plain = fit(inputs, labels, classes=4)
    permuted = fit(inputs, order[labels], classes=4)
    np.testing.assert_allclose(permuted.coefficients[order], plain.coefficients, atol=1e-13)
    np.testing.assert_allclose(permuted.intercepts[order], plain.intercepts, atol=1e-13)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_gradient_is_the_slope_of_the_value_and_the_hessian_of_the_gradient(classes):
    inputs, labels = drawn(classes)
    weights = np.linspace(0.5, 2.0, len(labels))
    objective = Objective(inputs, labels, weights, classes, 0.3)
    rng = np.random.default_rng(8)
    point, direction = rng.normal(size=(2, *objective.shape))
    direction -= direction.mean(axis=0) if classes > 2 else 0.0
    step = 1e-5
    (above, gradient_above), (below, gradient_below) = (
        objective.value_and_gradient(point + sign * step * direction) for sign in (1.0, -1.0)
    )
    _, gradient = objective.value_and_gradient(point)
    slope = (above - below) / (2 * step)
    assert np.vdot(gradient, direction) == pytest.approx(slope, rel=1e-8)
    curvature = (gradient_above - gradient_below) / (2 * step)
    product = objective.hessian(point) @ direction.ravel()
    np.testing.assert_allclose(product, curvature.ravel(), rtol=1e-7, atol=1e-7)


def test_the_optimum_is_a_minimum_in_random_directions(iris):
    found = fit(iris.inputs, iris.labels, classes=3, l2=0.5)
    objective = Objective(iris.inputs, iris.labels, np.ones(150), 3, 0.5)
    optimum = np.column_stack([found.coefficients, found.intercepts])
    rng = np.random.default_rng(2)
    for _ in range(20):
        moved = optimum + 1e-3 * rng.normal(size=optimum.shape)
        assert objective.value_and_gradient(moved)[0] > found.objective


def test_features_that_repeat_each_other_share_the_fit_without_a_penalty():
    inputs, labels, weights = table()
    once = fit(inputs, labels, classes=3, sample_weights=weights, l2=0.0)
    twice = fit(np.hstack([inputs, inputs]), labels, classes=3, sample_weights=weights, l2=0.0)
    assert twice.converged
    np.testing.assert_allclose(twice.coefficients.sum(axis=1), once.coefficients[:, 0], atol=1e-7)


def test_too_few_iterations_are_reported():
    inputs, labels = drawn(3)
    found = fit(inputs, labels, classes=3, max_iterations=1)
    assert (found.iterations, found.converged) == (1, False)
    assert found.gradient_norm > 1e-8


def test_separable_classes_without_a_penalty_end_without_a_warning(iris):
    found = fit(iris.inputs, iris.labels, classes=3, l2=0.0)
    assert -found.log_likelihood < 6.0
    assert np.isfinite(found.coefficients).all()


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"inputs": np.zeros(6)}, "/inputs", Code.SHAPE_MISMATCH),
        ({"inputs": np.full((6, 1), np.nan)}, "/inputs/0/0", Code.NAN_VALUE),
        ({"labels": [0, 1, 2]}, "/labels", Code.SHAPE_MISMATCH),
        ({"labels": [0.0, 1.5, 2.0, 0.0, 1.0, 2.0]}, "/labels/1", Code.LABEL_OUT_OF_RANGE),
        ({"labels": [0, 1, 2, 3, 1, 2]}, "/labels/3", Code.LABEL_OUT_OF_RANGE),
        ({"labels": [0, 1, 2, -1, 1, 2]}, "/labels/3", Code.LABEL_OUT_OF_RANGE),
        ({"labels": [1] * 6}, "/labels", Code.EMPTY_REDUCTION),
        ({"sample_weights": [1.0] * 5}, "/sample_weights", Code.SHAPE_MISMATCH),
        ({"sample_weights": [1.0, -1.0] * 3}, "/sample_weights/1", Code.NEGATIVE_WEIGHT),
        ({"sample_weights": [0.0] * 6}, "/sample_weights", Code.EMPTY_REDUCTION),
        ({"class_weights": [1.0, 0.0, 0.0]}, "/labels", Code.EMPTY_REDUCTION),
        ({"class_weights": [1.0, 1.0]}, "/options/class_weights", Code.SHAPE_MISMATCH),
        ({"l2": -1.0}, "/options/l2", Code.INVALID_OPTION),
        ({"l2": math.nan}, "/options/l2", Code.INVALID_OPTION),
    ],
)
def test_data_that_mean_nothing_are_refused(changes, pointer, code):
    inputs, labels, _ = table()
    call = {"inputs": inputs, "labels": labels, "classes": 3} | changes
    with pytest.raises(InvalidInput) as caught:
        fit(call.pop("inputs"), call.pop("labels"), **call)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]


def excess(inputs, labels, found, l2):
    """How far the objective is above its minimum, by the definitions in extended precision."""
    wide = inputs.astype(np.longdouble)
    logits = wide @ found.coefficients.T + found.intercepts
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    slopes = p - np.eye(p.shape[1])[labels]
    gradient = np.hstack([slopes.T @ wide + l2 * found.coefficients, slopes.sum(axis=0)[:, None]])
    design, p = np.hstack([inputs, np.ones((len(inputs), 1))]), p.astype(float)
    spread = p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])
    hessian = np.einsum("ijk,ic,id->jckd", spread, design, design, optimize=True)
    size = gradient.size
    penalty = np.tile(np.append(np.full(inputs.shape[1], l2), 0.0), p.shape[1])
    inverse = np.linalg.pinv(hessian.reshape(size, size) + np.diag(penalty), rcond=1e-13)
    flat = gradient.ravel().astype(float)
    return 0.5 * flat @ inverse @ flat / found.objective


@pytest.mark.parametrize("l2", [100.0, 1.0, 0.01])
@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg"])
def test_the_objective_of_iris_is_the_least_to_ten_digits(iris, l2, solver):
    found = fit(iris.inputs, iris.labels, classes=3, l2=l2, solver=solver)
    assert found.converged
    assert excess(iris.inputs, iris.labels, found, l2) < 1e-10


def test_the_objective_of_digits_is_the_least_to_ten_digits():
    digits = load_dataset("digits")
    rows = slice(0, 600)
    found = fit(digits.inputs[rows, ::4], digits.labels[rows], classes=10)
    assert found.solver == "newton-cholesky"
    assert excess(digits.inputs[rows, ::4], digits.labels[rows], found, 1.0) < 1e-10
    whole = fit(digits.inputs, digits.labels, classes=10)
    assert whole.solver == "newton-cg"
    assert excess(digits.inputs, digits.labels, whole, 1.0) < 1e-10


@pytest.mark.peers
def test_scikit_learn_finds_no_lower_objective():
    from sklearn.linear_model import LogisticRegression

    digits = load_dataset("digits")
    found = fit(digits.inputs, digits.labels, classes=10, l2=10.0, tolerance=1e-12)
    peer = LogisticRegression(C=0.1, solver="newton-cholesky", tol=1e-10, max_iter=100)
    peer.fit(digits.inputs, digits.labels)
    objective = Objective(digits.inputs, digits.labels, np.ones(1797), 10, 10.0)
    theirs = objective.value_and_gradient(np.column_stack([peer.coef_, peer.intercept_]))[0]
    assert found.objective <= theirs * (1.0 + 1e-14)
    assert found.objective == pytest.approx(theirs, rel=1e-10)
