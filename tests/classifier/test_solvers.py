"""Every solver reaches the same optimum, and says how near it is."""

import math

import numpy as np
import pytest

from service.classifier import Options, fit, load_dataset
from service.classifier.curvature import Curvature
from service.classifier.inverses import Inverses
from service.classifier.newton import newton_cg, newton_cholesky
from service.classifier.objective import Objective
from service.classifier.orthant import orthant_newton
from service.classifier.products import map_blocks, moments, scores
from service.classifier.trace import Trace


def drawn(rows, columns, classes, seed=5, spread=1.0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, columns)) * np.geomspace(1.0, spread, columns)
    truth = rng.normal(size=(columns, classes)) / np.geomspace(1.0, spread, columns)[:, None]
    labels = (inputs @ truth + rng.gumbel(size=(rows, classes))).argmax(axis=1)
    return inputs, labels


def objective_of(rows=3000, columns=7, classes=4, l2=0.5, soft=False, **changes):
    inputs, labels = drawn(rows, columns, classes)
    rng = np.random.default_rng(6)
    targets = rng.dirichlet(np.ones(classes), rows) if soft else None
    weights = rng.uniform(0.5, 2.0, rows)
    return Objective(inputs, labels, weights, classes, l2, targets, **changes)


@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
def test_every_solver_finds_the_optimum_of_iris(solver, l2):
    iris = load_dataset("iris")
    exact = Options(l2=l2, solver="newton-cholesky", tolerance=0.0)
    best = fit(iris.inputs, iris.labels, classes=3, options=exact)
    found = fit(iris.inputs, iris.labels, classes=3, options=Options(l2=l2, solver=solver))
    assert found.converged
    assert found.solver == solver
    assert found.gradient_norm <= 1e-8
    assert found.objective == pytest.approx(best.objective, rel=1e-10)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("soft", [True, False])
def test_conjugate_gradients_agree_with_the_whole_factor(classes, intercept, soft):
    objective = objective_of(classes=classes, soft=soft, intercept=intercept)
    start = np.zeros(objective.shape)
    exact = newton_cholesky(objective, start, 0.0, 100, Trace(objective))
    found = newton_cg(objective, start, 1e-10, 100, Trace(objective))
    assert objective.gradient_norm(found.point.gradient) <= 1e-10
    assert found.point.value == pytest.approx(exact.point.value, rel=1e-13)
    np.testing.assert_allclose(found.point.parameters, exact.point.parameters, atol=1e-7)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("soft", [True, False])
def test_products_with_the_hessian_are_those_of_the_hessian(classes, soft):
    # No more rows than the factor of a part of the rows would take: then it is of all of them.
    objective = objective_of(rows=400, classes=classes, soft=soft)
    rng = np.random.default_rng(8)
    point = objective.at(rng.normal(size=objective.shape))
    direction = rng.normal(size=objective.shape)
    direction -= direction.mean(axis=0) if classes > 2 else 0.0
    expected = (objective.hessian(point.parameters) @ direction.ravel()).reshape(direction.shape)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        curvature = Curvature(objective, point, objective.inputs.astype(dtype))
        found = curvature.product(direction)
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())
        solved = curvature.whole_inverse()(expected)
        np.testing.assert_allclose(solved, direction, atol=200 * tolerance)


def test_targets_where_a_probability_vanishes_leave_a_curvature():
    """Slope and target, of which the probability is made, differ by their rounding there."""
    objective = objective_of(rows=400, soft=True)
    point = objective.at(1e3 * np.random.default_rng(8).normal(size=objective.shape))
    for dtype in (np.float64, np.float32):
        curvature = Curvature(objective, point, objective.inputs.astype(dtype))
        assert np.isfinite(curvature.whole_inverse()(point.gradient)).all()


@pytest.mark.parametrize("classes", [2, 4])
def test_every_approximate_inverse_keeps_conjugate_gradients_short(classes):
    objective = objective_of(rows=2000, columns=20, classes=classes)
    point = objective.at(np.zeros(objective.shape))
    curvature = Curvature(objective, point, objective.inputs)
    for costs in ((0.0, np.inf, np.inf), (0.0, 0.0, np.inf), (0.0, 0.0, 0.0)):
        inverses = Inverses(objective, objective.inputs)
        inverses._costs = costs
        inverse = inverses.at(curvature)
        other = np.random.default_rng(1).normal(size=(2, *objective.shape))
        # Symmetric and positive, or conjugate gradients would not be conjugate.
        left, right = np.vdot(other[0], inverse(other[1])), np.vdot(other[1], inverse(other[0]))
        assert left == pytest.approx(right, rel=1e-10)
        assert np.vdot(other[0], inverse(other[0])) > 0.0


def test_a_dearer_inverse_is_built_when_it_would_have_paid():
    objective = objective_of(rows=400, columns=30, classes=4)
    curvature = Curvature(objective, objective.at(np.zeros(objective.shape)), objective.inputs)
    inverses = Inverses(objective, objective.inputs)
    inverses._costs = (0.0, 50.0, 100.0)
    first = inverses.at(curvature)
    inverses.used(5, math.inf)
    assert inverses.at(curvature) is first  # the last step was short
    inverses.used(60, 30.0)
    inverses.at(curvature)
    assert inverses._level == 0  # so near the end it would not pay
    inverses.used(10, 100.0)
    assert inverses.at(curvature) is not first
    assert inverses._level == 1
    inverses.used(60, 100.0)
    inverses.at(curvature)
    assert inverses._level == 2


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    one = objective_of(rows=70_000, columns=8)
    more = objective_of(rows=70_000, columns=8, threads=threads)
    start = np.random.default_rng(1).normal(size=one.shape)
    assert one.at(start).gradient.tobytes() == more.at(start).gradient.tobytes()
    found = [newton_cg(problem, start, 1e-6, 50, Trace(problem)) for problem in (one, more)]
    assert found[0].point.parameters.tobytes() == found[1].point.parameters.tobytes()


def test_the_same_fit_twice_has_the_same_bits():
    inputs, labels = drawn(9000, 40, 6)
    fits = [fit(inputs, labels, classes=6) for _ in range(2)]
    assert fits[0].coefficients.tobytes() == fits[1].coefficients.tobytes()
    assert fits[0].intercepts.tobytes() == fits[1].intercepts.tobytes()


def test_blocks_add_up_to_the_whole_product():
    rng = np.random.default_rng(2)
    rows, columns = rng.normal(size=(3001, 90)), rng.normal(size=(70, 90))
    np.testing.assert_allclose(scores(rows, columns), columns @ rows.T, rtol=1e-12, atol=1e-11)
    slopes = rng.normal(size=(70, 3001))
    np.testing.assert_allclose(moments(slopes, rows), slopes @ rows, rtol=1e-12, atol=1e-10)
    slices = list(map_blocks(lambda block: block, (3001, 1000), 2))
    assert [(s.start, s.stop) for s in slices[:2]] == [(0, 262), (262, 524)]
    assert slices[-1].stop >= 3001


@pytest.mark.parametrize("spread", [1.0, 1e6])
def test_features_of_any_scale_are_fitted(spread):
    inputs, labels = drawn(3000, 6, 3, spread=spread)
    found = fit(inputs, labels, classes=3, options=Options(l2=1e-9, solver="newton-cg"))
    exact = Options(l2=1e-9, solver="newton-cholesky", tolerance=0.0)
    best = fit(inputs, labels, classes=3, options=exact)
    assert found.objective == pytest.approx(best.objective, rel=1e-10)


@pytest.mark.parametrize("scale", [1e-60, 1e-24, 1e20])
def test_features_beyond_float32_are_fitted_in_float64(scale):
    inputs, labels = drawn(500, 3, 3)
    plain = fit(inputs, labels, classes=3, options=Options(l2=0.0))
    scaled = fit(inputs * scale, labels, classes=3, options=Options(l2=0.0, solver="newton-cg"))
    np.testing.assert_allclose(scaled.coefficients * scale, plain.coefficients, rtol=1e-6)


def test_weights_beyond_float32_are_taken_in_float64():
    inputs, labels = drawn(500, 3, 3)
    weights = np.geomspace(1e-20, 1e40, 500)
    found = fit(
        inputs,
        labels,
        classes=3,
        sample_weights=weights,
        options=Options(l2=1e38, solver="newton-cg"),
    )
    assert found.converged
    assert math.isfinite(found.newton_decrement)


def test_a_large_offset_is_fitted_although_float32_cannot_hold_it():
    inputs, labels = drawn(800, 3, 3)
    plain = fit(inputs, labels, classes=3, options=Options(l2=0.1))
    moved = fit(
        inputs + 2.0**20,
        labels,
        classes=3,
        options=Options(l2=0.1, solver="newton-cg", tolerance=1e-6),
    )
    np.testing.assert_allclose(moved.coefficients, plain.coefficients, atol=1e-4)
    assert moved.objective == pytest.approx(plain.objective, rel=1e-8)


def subgradient_violation(found, inputs, labels, l1, l2, classes):
    """The largest distance of -gradient from the subdifferential, by the plain definition."""
    logits = inputs @ found.coefficients.T + found.intercepts
    if classes == 2:
        logits = np.hstack([np.zeros_like(logits), logits])
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1.0
    p = p[:, -len(found.coefficients) :]
    gradient = p.T @ inputs + l2 * found.coefficients
    w = found.coefficients
    inside = np.maximum(np.abs(gradient) - l1, 0.0)
    outside = np.abs(gradient + l1 * np.sign(w))
    return max(np.where(w == 0.0, inside, outside).max(), np.abs(p.sum(axis=0)).max())


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize(("l1", "l2"), [(20.0, 0.0), (5.0, 5.0), (0.5, 0.0), (1000.0, 0.0)])
def test_absolute_penalties_meet_their_optimality_condition(classes, l1, l2):
    inputs, labels = drawn(600, 12, classes)
    found = fit(inputs, labels, classes=classes, options=Options(l1=l1, l2=l2))
    assert found.converged
    assert found.solver == "orthant-newton"
    assert subgradient_violation(found, inputs, labels, l1, l2, classes) <= 600 * 1.1e-8
    if l1 == 1000.0:
        assert not found.coefficients.any()


def test_one_coefficient_with_an_absolute_penalty_has_a_closed_form():
    # Two classes, one feature of -1 or 1, no intercept: n s(b) - count = -l1 at the optimum.
    inputs = np.array([[1.0], [1.0], [1.0], [1.0]])
    labels = np.array([1, 1, 1, 0])
    found = fit(inputs, labels, classes=2, options=Options(l1=0.5, l2=0.0, intercept=False))
    share = (3.0 - 0.5) / 4.0
    assert found.coefficients[0, 0] == pytest.approx(np.log(share / (1.0 - share)), rel=1e-7)
    assert found.intercepts.tolist() == [0.0]
    none = fit(inputs, labels, classes=2, options=Options(l1=1.0, l2=0.0, intercept=False))
    assert none.coefficients[0, 0] == 0.0


def test_many_correlated_features_are_selected():
    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 200)) + rng.normal(size=(300, 200))
    labels = (inputs[:, 0] + rng.logistic(size=300) > 0).astype(int)
    found = fit(inputs, labels, classes=2, options=Options(l1=10.0, l2=0.0))
    assert found.converged
    assert 0 < np.count_nonzero(found.coefficients) < 60
    assert subgradient_violation(found, inputs, labels, 10.0, 0.0, 2) <= 300 * 1.1e-8


def test_a_search_that_cannot_improve_ends():
    objective = objective_of(rows=300)
    found = orthant_newton(objective, 1.0, np.zeros(objective.shape), 0.0, 500, Trace(objective))
    assert found.iterations < 500
    assert objective.gradient_norm(found.point.gradient) < 1e-12
