"""Standard errors and tests: what R and Stata print, and closed forms."""

import math

import numpy as np
import pytest

from service.classifier import Options, likelihood_ratio, load_dataset, train
from service.errors import Code, InvalidInput

EXACT = {"l2": 0.0, "statistics": True, "tolerance": 1e-13}


def test_iris_agrees_with_the_summary_of_r():
    iris = load_dataset("iris")
    two = iris.labels > 0
    names = np.array(iris.classes)[iris.labels[two]]
    found = train(iris.inputs[two], names, options=Options(**EXACT)).inference
    # summary(glm(Species ~ ., binomial)) of versicolor and virginica, the intercept last.
    estimates = [-2.465, -6.681, 9.429, 18.286, -42.638]
    errors = [2.394, 4.480, 4.737, 9.743, 25.707]
    np.testing.assert_allclose(found.coefficients[1], estimates, atol=6e-4)
    np.testing.assert_allclose(found.standard_errors[1], errors, atol=1.1e-3)
    np.testing.assert_allclose(found.z[1], [-1.030, -1.491, 1.990, 1.877, -1.659], atol=6e-4)
    np.testing.assert_allclose(
        found.p_values[1], [0.3032, 0.1359, 0.0465, 0.0605, 0.0972], atol=6e-5
    )
    assert found.deviance == pytest.approx(11.89854679, abs=5e-9)
    assert found.aic == pytest.approx(21.899, abs=5e-4)
    assert found.null_log_likelihood == pytest.approx(-100 * math.log(2), rel=1e-14)
    assert found.coefficients[0].tolist() == [0.0] * 5
    assert np.isnan(found.standard_errors[0]).all()


def test_a_table_agrees_with_what_stata_prints():
    # UCLA's `logit honors female`: 18 of 91 and 35 of 109.
    inputs = np.array([[0.0], [1.0]])
    counts = np.array([[73.0, 18.0], [74.0, 35.0]])
    found = train(inputs, targets=counts, options=Options(**EXACT)).inference
    np.testing.assert_allclose(found.coefficients[1], [0.6513707, -1.400088], atol=6e-7)
    np.testing.assert_allclose(found.standard_errors[1], [0.3336752, 0.2631619], atol=6e-8)
    np.testing.assert_allclose(found.lower[1], [-0.0026207, -1.915876], atol=6e-7)
    np.testing.assert_allclose(found.upper[1], [1.305362, -0.8842998], atol=6e-7)
    assert found.log_likelihood == pytest.approx(-113.6769, abs=5e-5)
    assert found.mcfadden_r2 == pytest.approx(0.0170, abs=5e-5)
    ratio = likelihood_ratio(found.null_log_likelihood, found.log_likelihood, 1, 2)
    assert ratio.statistic == pytest.approx(3.94, abs=5e-3)
    assert ratio.p_value == pytest.approx(0.0473, abs=2e-4)
    assert ratio.degrees == 1


def test_five_classes_agree_with_a_published_table():
    """What 219 alligators eat, by lake and size.

    Estimates, their errors and the deviance: A. Agresti, Categorical Data Analysis (2nd ed. 2002),
    7.1.2, of fish, invertebrates, reptiles, birds and other food.
    """
    counts = {  # small and large ones of each lake, males and females together
        "Hancock": ([23, 4, 2, 2, 8], [7, 0, 1, 3, 5]),
        "Oklawaha": ([5, 11, 1, 0, 3], [13, 8, 6, 1, 0]),
        "Trafford": ([5, 11, 2, 1, 5], [8, 7, 6, 3, 5]),
        "George": ([16, 19, 1, 2, 3], [17, 1, 0, 1, 3]),
    }
    rows = [
        [*(float(lake == other) for other in counts if other != "George"), 1.0 - size]
        for lake in counts
        for size in (0, 1)
    ]
    eaten = np.array([food for sizes in counts.values() for food in sizes], dtype=float)
    assert eaten.sum(axis=0).tolist() == [94, 61, 19, 13, 32]
    found = train(np.array(rows), targets=eaten, options=Options(**EXACT)).inference
    estimates = [
        [-1.66, 0.94, 1.12, 1.46, -1.55],
        [1.24, 2.46, 2.94, -0.35, -3.31],
        [0.70, -0.65, 1.09, -0.63, -2.09],
        [0.83, 0.01, 1.52, 0.33, -1.90],
    ]
    errors = [
        [0.61, 0.47, 0.49, 0.40],
        [1.19, 1.12, 1.12, 0.58],
        [0.78, 1.20, 0.84, 0.64],
        [0.56, 0.78, 0.62, 0.45],
    ]
    np.testing.assert_allclose(found.coefficients[1:], estimates, atol=5.1e-3)
    np.testing.assert_allclose(found.standard_errors[1:, :4], errors, atol=5.1e-3)
    shares = eaten / eaten.sum(axis=1, keepdims=True)
    saturated = (eaten * np.log(np.where(eaten > 0.0, shares, 1.0))).sum()
    assert 2.0 * (saturated - found.log_likelihood) == pytest.approx(17.08, abs=5e-3)


@pytest.mark.parametrize("reference", [0, 1, 2])
def test_a_saturated_model_has_the_errors_of_its_counts(reference):
    counts = np.array([[16.0, 19.0, 12.0], [20.0, 44.0, 31.0]])
    options = Options(reference_class=reference, **EXACT)
    found = train(np.array([[0.0], [1.0]]), targets=counts, options=options).inference
    assert found.reference == reference
    for k in {0, 1, 2} - {reference}:
        pair = counts[:, [k, reference]]
        logs = np.log(pair[:, 0] / pair[:, 1])
        np.testing.assert_allclose(found.coefficients[k], [logs[1] - logs[0], logs[0]], rtol=1e-9)
        errors = [math.sqrt((1 / pair).sum()), math.sqrt((1 / pair[0]).sum())]
        np.testing.assert_allclose(found.standard_errors[k], errors, rtol=1e-9)
        p_value = math.erfc(abs(found.z[k, 0]) / math.sqrt(2.0))
        assert found.p_values[k, 0] == pytest.approx(p_value, rel=1e-9)
    shares = counts / counts.sum(axis=1, keepdims=True)
    log_likelihood = (counts * np.log(shares)).sum()
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-12)
    assert found.parameters == 4
    assert found.bic == pytest.approx(-2 * log_likelihood + 4 * math.log(142), rel=1e-12)


def test_the_reference_changes_no_likelihood_and_no_scaling_changes_an_error():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(300, 3)) * [1.0, 1e3, 1e-3]
    labels = rng.integers(0, 3, 300)
    plain = train(inputs, labels, options=Options(**EXACT))
    scaled = train(inputs, labels, options=Options(standardize=True, **EXACT))
    np.testing.assert_allclose(
        plain.inference.standard_errors, scaled.inference.standard_errors, rtol=1e-6
    )
    assert plain.inference.aic == pytest.approx(scaled.inference.aic, rel=1e-12)


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        ([[1.0], [2.0], [3.0], [4.0]], [0, 0, 1, 1]),  # separable
        ([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [0, 0, 1, 1]),  # collinear
        ([[1.0], [1.0], [1.0], [1.0]], [0, 0, 1, 1]),  # constant
    ],
)
def test_statistics_that_do_not_exist_are_refused(inputs, labels):
    with pytest.raises(InvalidInput) as caught:
        train(np.array(inputs), np.array(labels), options=Options(l2=0.0, statistics=True))
    assert caught.value.faults[0].pointer == "/options/statistics"


def test_a_ratio_needs_a_larger_model():
    with pytest.raises(InvalidInput) as caught:
        likelihood_ratio(-10.0, -9.0, 3, 3)
    assert caught.value.code == Code.INVALID_OPTION
