"""Training by name: classes, parts, weights, temperature, batches."""

import math

import numpy as np
import pytest

from service.classifier import (
    Descent,
    Model,
    Options,
    evaluate,
    fit,
    load_dataset,
    partial_fit,
    train,
)
from service.errors import Code, InvalidInput


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def drawn(rows=400, columns=3, classes=3, seed=7):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, columns))
    labels = (
        inputs @ rng.normal(size=(columns, classes)) + rng.gumbel(size=(rows, classes))
    ).argmax(1)
    return inputs, labels


def test_names_come_back_in_the_order_that_is_asked_for():
    inputs, labels = drawn()
    names = np.array(["b", "a", "c"])[labels]
    found = train(inputs, names, feature_names=["u", "v", "w"], name="mine", version=4)
    assert found.model.classes == ("a", "b", "c")
    assert (found.model.name, found.model.version) == ("mine", 4)
    assert found.model.feature_names == ("u", "v", "w")
    other = train(inputs, names, classes=["b", "a", "c"])
    np.testing.assert_allclose(
        other.model.coefficients, found.model.coefficients[[1, 0, 2]], atol=1e-9
    )
    report = evaluate(found.model, inputs, names)
    assert found.parts["train"].log_loss == pytest.approx(report.log_loss, rel=1e-12)
    assert found.parts["train"].prior_baseline == pytest.approx(report.prior_baseline, rel=1e-12)
    assert found.uniform_baseline == math.log(3)


def test_parts_are_stratified_disjoint_and_repeatable(digits):
    options = Options(validation_fraction=0.25, test_fraction=0.2, l2=100.0)
    found = train(digits.inputs, digits.labels, options=options)
    rows = {part: found.parts[part].rows for part in ("train", "validation", "test")}
    assert sum(rows.values()) == 1797
    assert rows["test"] == pytest.approx(0.2 * 1797, abs=5)
    assert rows["validation"] == pytest.approx(0.25 * 1797, abs=5)
    # The same permutation as that of the shipped model's held-out rows.
    test_rows = digits.held_out
    report = evaluate(found.model, digits.inputs[test_rows], digits.labels[test_rows])
    assert found.parts["test"].log_loss == pytest.approx(report.log_loss, rel=1e-12)
    again = train(digits.inputs, digits.labels, options=options)
    assert again.model.coefficients.tobytes() == found.model.coefficients.tobytes()


def test_a_temperature_is_divided_into_the_parameters(digits):
    options = Options(l2=0.01, validation_fraction=0.3, calibrate="temperature", tolerance=1e-6)
    found = train(digits.inputs, digits.labels, options=options)
    calibration = found.calibration
    assert calibration.temperature > 1.5  # nearly unpenalised: too sure of itself
    assert calibration.after < calibration.before
    assert found.parts["validation"].log_loss == pytest.approx(calibration.after, rel=1e-12)
    np.testing.assert_allclose(
        found.model.coefficients * calibration.temperature, found.fit.coefficients, rtol=1e-14
    )


def test_one_hot_targets_are_labels_and_counts_are_repetitions():
    inputs, labels = drawn(rows=60)
    exact = Options(l2=0.5, tolerance=1e-13)
    hard = fit(inputs, labels, classes=3, options=exact)
    soft = fit(inputs, targets=np.eye(3)[labels], classes=3, options=exact)
    np.testing.assert_allclose(soft.coefficients, hard.coefficients, atol=1e-11)
    assert soft.log_likelihood == pytest.approx(hard.log_likelihood, rel=1e-13)
    counts = np.random.default_rng(1).integers(0, 4, (60, 3))
    rows = np.repeat(np.repeat(np.arange(60), 3), counts.ravel())
    repeated = np.repeat(np.tile(np.arange(3), 60), counts.ravel())
    counted = fit(inputs, targets=counts, classes=3, options=exact)
    listed = fit(inputs[rows], repeated, classes=3, options=exact)
    np.testing.assert_allclose(counted.coefficients, listed.coefficients, atol=1e-11)
    assert counted.gradient_norm <= 1e-13


def test_balanced_weights_are_inverse_frequencies():
    inputs, labels = drawn()
    frequencies = np.bincount(labels)
    weights = 400 / (3 * frequencies)
    balanced = train(inputs, labels, options=Options(class_weights="balanced"))
    given = train(inputs, labels, options=Options(class_weights=weights.tolist()))
    named = train(
        inputs, labels, options=Options(class_weights={str(k): weights[k] for k in range(3)})
    )
    for other in (given, named):
        np.testing.assert_allclose(
            other.model.coefficients, balanced.model.coefficients, atol=1e-10
        )


def test_standardising_is_fitting_scaled_features_and_folding_back():
    inputs, labels = drawn()
    inputs = inputs * [1.0, 100.0, 0.01] + [5.0, -30.0, 0.0]
    scaled = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    by_hand = fit(scaled, labels, classes=3, options=Options(l2=3.0))
    found = fit(inputs, labels, classes=3, options=Options(l2=3.0, standardize=True))
    np.testing.assert_allclose(
        found.coefficients * inputs.std(axis=0), by_hand.coefficients, atol=1e-8
    )
    logits = inputs @ found.coefficients.T + found.intercepts
    np.testing.assert_allclose(
        logits, scaled @ by_hand.coefficients.T + by_hand.intercepts, atol=1e-7
    )
    assert found.objective == pytest.approx(by_hand.objective, rel=1e-12)


def test_a_constant_feature_gets_no_coefficient():
    inputs, labels = drawn()
    inputs[:, 1] = 0.1
    found = fit(inputs, labels, classes=3, options=Options(standardize=True))
    np.testing.assert_allclose(found.coefficients[:, 1], 0.0, atol=1e-9)


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_a_warm_start_needs_no_steps(solver):
    inputs, labels = drawn()
    options = Options(solver=solver, tolerance=1e-7)
    cold = train(inputs, labels, options=options)
    warm = train(inputs, labels, options=options, initial=cold.model)
    assert cold.fit.iterations > 2
    assert warm.fit.iterations <= 1
    assert warm.fit.converged


def test_a_two_row_model_of_two_classes_can_start_a_fit():
    inputs, labels = drawn(classes=2)
    cold = train(inputs, labels)
    both = Model(
        name="both",
        version=1,
        classes=(0, 1),
        feature_names=("a", "b", "c"),
        coefficients=np.vstack([0.0 * cold.model.coefficients, cold.model.coefficients]),
        intercepts=np.array([0.0, cold.model.intercepts[0]]),
    )
    assert train(inputs, labels, initial=both).fit.iterations == 0


def test_batches_come_near_the_optimum_and_say_that_they_are_not_there():
    inputs, labels = drawn(rows=2000)
    best = fit(inputs, labels, classes=3)
    options = Options(solver="sgd", epochs=30)
    found = fit(inputs, labels, classes=3, options=options)
    assert found.objective == pytest.approx(best.objective, rel=1e-3)
    assert found.objective >= best.objective
    assert not found.converged
    assert found.newton_decrement == pytest.approx(found.objective - best.objective, rel=0.5)
    again = fit(inputs, labels, classes=3, options=options)
    assert again.coefficients.tobytes() == found.coefficients.tobytes()
    other = fit(inputs, labels, classes=3, options=Options(solver="sgd", epochs=30, seed=2))
    assert other.coefficients.tobytes() != found.coefficients.tobytes()


def test_batches_stop_when_the_validation_part_gets_worse():
    rng = np.random.default_rng(3)
    inputs, labels = rng.normal(size=(120, 60)), rng.integers(0, 2, 120)
    options = Options(
        solver="sgd", l2=0.0, epochs=200, batch_size=8, learning_rate=0.5, validation_fraction=0.4
    )
    found = train(inputs, labels, options=options)
    assert found.fit.iterations < 200 * 9
    endless = train(
        inputs,
        labels,
        options=Options(solver="sgd", l2=0.0, epochs=60, batch_size=8, learning_rate=0.5),
    )
    report = evaluate(endless.model, inputs, labels)
    assert found.parts["validation"].log_loss < 1.5
    assert report.log_loss < found.parts["train"].log_loss


def test_parts_that_come_one_by_one_lead_to_the_optimum():
    inputs, labels = drawn(rows=2000)
    best = fit(inputs, labels, classes=3)
    descent = Descent(np.zeros((3, 4)), rate=2.0, period=20)
    for _ in range(50):
        for start in range(0, 2000, 100):
            rows = slice(start, start + 100)
            partial_fit(descent, inputs[rows], labels[rows], classes=3, total_weight=2000.0)
    assert descent.steps == 1000
    np.testing.assert_allclose(descent.average[:, :3], best.coefficients, atol=0.03)


def test_rows_of_weight_zero_are_not_read():
    inputs, labels = drawn(rows=50)
    padded = np.vstack([inputs, np.full((2, 3), np.nan)])
    weights = np.append(np.ones(50), [0.0, 0.0])
    found = fit(padded, np.append(labels, [0, 0]), classes=3, sample_weights=weights)
    assert found.coefficients.tobytes() == fit(inputs, labels, classes=3).coefficients.tobytes()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"l2": -1.0}, "/options/l2"),
        ({"l1": math.inf}, "/options/l1"),
        ({"tolerance": math.nan}, "/options/tolerance"),
        ({"solver": "magic"}, "/options/solver"),
        ({"solver": "lbfgs", "l1": 1.0}, "/options/solver"),
        ({"class_weights": "even"}, "/options/class_weights"),
        ({"max_iterations": 0}, "/options/max_iterations"),
        ({"learning_rate": 0.0}, "/options/learning_rate"),
        ({"batch_size": 0}, "/options/batch_size"),
        ({"epochs": 0}, "/options/epochs"),
        ({"seed": -1}, "/options/seed"),
        ({"validation_fraction": -0.1}, "/options/validation_fraction"),
        ({"validation_fraction": 0.6, "test_fraction": 0.4}, "/options/test_fraction"),
        ({"calibrate": "isotonic", "validation_fraction": 0.1}, "/options/calibrate"),
        ({"calibrate": "temperature"}, "/options/calibrate"),
        ({"statistics": True}, "/options/statistics"),
        ({"statistics": True, "l2": 0.0, "solver": "sgd"}, "/options/statistics"),
    ],
)
def test_options_that_mean_nothing_are_refused(changes, pointer):
    with pytest.raises(InvalidInput) as caught:
        Options(**changes)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"labels": None}, "", Code.CONFLICTING_MEMBERS),
        ({"targets": np.ones((4, 2))}, "", Code.CONFLICTING_MEMBERS),
        (
            {"labels": None, "targets": np.ones((4, 3)), "classes": (0, 1)},
            "/targets",
            Code.SHAPE_MISMATCH,
        ),
        (
            {"labels": None, "targets": -np.ones((4, 2))},
            "/targets/0/0",
            Code.PROBABILITY_OUT_OF_RANGE,
        ),
        ({"labels": None, "targets": [["a", "b"]] * 4}, "/targets", Code.NOT_A_NUMBER),
        ({"labels": None, "targets": [[1.0, 0.0]] * 4}, "/targets", Code.EMPTY_REDUCTION),
        ({"labels": np.array([0.5, 1.5, 0.5, 1.5])}, "/labels", Code.NOT_A_LABEL),
        ({"labels": np.array([["a"], ["b"]])}, "/labels", Code.SHAPE_MISMATCH),
        ({"labels": None, "targets": np.ones((4, 1))}, "/targets", Code.INVALID_OPTION),
        ({"inputs": np.empty((4, 0))}, "/inputs", Code.SHAPE_MISMATCH),
        ({"sample_weights": np.zeros(4)}, "/sample_weights", Code.EMPTY_REDUCTION),
        ({"labels": np.array([0, 0, 0, 0])}, "/classes", Code.INVALID_OPTION),
        ({"classes": (0, 1, 2)}, "/labels", Code.EMPTY_REDUCTION),
        ({"classes": (0, 2)}, "/labels/1", Code.UNKNOWN_LABEL),
        ({"labels": np.array([0, 1, 0])}, "/labels", Code.SHAPE_MISMATCH),
        (
            {
                "inputs": np.empty((0, 1)),
                "labels": np.array([], int),
                "classes": (0, 1),
                "options": Options(test_fraction=0.5),
            },
            "/labels",
            Code.EMPTY_REDUCTION,
        ),
        ({"options": Options(reference_class=7)}, "/options/reference_class", Code.UNKNOWN_LABEL),
        (
            {"options": Options(class_weights={"9": 1.0})},
            "/options/class_weights/9",
            Code.UNKNOWN_LABEL,
        ),
        (
            {"options": Options(validation_fraction=0.01, calibrate="temperature")},
            "/options/validation_fraction",
            Code.INVALID_OPTION,
        ),
    ],
)
def test_data_that_mean_nothing_are_refused(changes, pointer, code):
    inputs = np.array([[0.0], [1.0], [2.0], [0.5]])
    call = {"inputs": inputs, "labels": np.array([0, 1, 0, 1])} | changes
    with pytest.raises(InvalidInput) as caught:
        train(call.pop("inputs"), call.pop("labels"), **call)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]


def test_a_class_of_vanishing_weight_still_has_a_prior():
    inputs, labels = drawn(rows=60, classes=2)
    weights = np.where(labels == 0, 1e70, 1e-300)
    found = train(inputs, labels, sample_weights=weights, options=Options(validation_fraction=0.2))
    assert [part.prior_baseline for part in found.parts.values()] == [0.0, 0.0]


def test_a_start_must_fit():
    inputs, labels = drawn()
    model = train(inputs, labels).model
    with pytest.raises(InvalidInput) as caught:
        train(inputs[:, :2], labels, initial=model)
    assert caught.value.faults[0].pointer == "/options/initial_version"
