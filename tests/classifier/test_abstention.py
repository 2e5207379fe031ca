"""Abstention: against closed forms, SciPy, exact counts, and what it promises of held-out rows."""

import math

import numpy as np
import pytest
from scipy.stats import beta, binom

from service.classifier import (
    Abstain,
    HeldOut,
    Model,
    Options,
    fit_distance,
    load_dataset,
    read_model,
    risk_coverage,
    shipped_models,
    to_bytes,
    train,
)
from service.classifier.binomial import distribution, upper_bound
from service.classifier.conformal import aps_scores, lac_scores, quantile
from service.classifier.samples import samples
from service.classifier.selective import error_limit
from service.errors import Code, InvalidInput


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def shipped():
    return shipped_models()["digits"]


@pytest.fixture(scope="module")
def trained(digits):
    rows = ~digits.held_out
    options = Options(l2=10.0, validation_fraction=0.3, abstention="validation")
    return train(digits.inputs[rows], digits.labels[rows], options=options).model


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_the_distribution_of_errors_is_scipys(rate):
    wrong = np.random.default_rng(3).random(3000) < 0.1
    errors = np.cumsum(wrong)
    expected = binom.cdf(errors, np.arange(1, 3001), rate)
    np.testing.assert_allclose(distribution(errors, rate), expected, atol=1e-11)


@pytest.mark.parametrize(("errors", "trials"), [(0, 10), (3, 10), (9, 10), (40, 4000)])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_bound_is_a_quantile_of_the_beta_distribution(errors, trials, confidence):
    expected = beta.ppf(confidence, errors + 1, trials - errors)
    assert upper_bound(errors, trials, confidence) == pytest.approx(expected, rel=1e-9)
    assert upper_bound(trials, trials, confidence) == upper_bound(0, 0, confidence) == 1.0


def test_the_quantile_is_the_next_rank_and_infinite_where_rows_are_too_few():
    scores = np.arange(1.0, 20.0)
    assert quantile(scores, 0.95) == 19.0
    assert quantile(scores, 0.5) == 10.0
    assert quantile(scores, 0.951) == math.inf
    assert quantile(scores[:18], 0.95) == math.inf


def test_scores_of_a_row_by_hand():
    p = np.array([[0.125, 0.5, 0.375], [0.25, 0.25, 0.5]])
    np.testing.assert_array_equal(lac_scores(p), [[0.875, 0.5, 0.625], [0.75, 0.75, 0.5]])
    np.testing.assert_array_equal(aps_scores(p) + 1.0, [[1.0, 0.5, 0.875], [0.75, 1.0, 0.5]])
    sure = np.array([[1.0, 1e-20, 3e-20]])
    assert lac_scores(sure)[0, 0] == pytest.approx(4e-20, rel=1e-15)
    np.testing.assert_allclose(aps_scores(sure)[0], [-4e-20, 0.0, -1e-20], rtol=1e-15)


def test_the_curve_of_four_rows_by_hand():
    curve = risk_coverage(np.array([0.1, 0.2, 0.2, 0.4]), np.array([False, True, False, True]))
    np.testing.assert_allclose(curve.coverage, [0.25, 0.75, 1.0])
    np.testing.assert_allclose(curve.risk, [0.0, 1 / 3, 0.5])
    assert curve.aurc == pytest.approx(0.5 / 3 + 0.125)
    weights = np.array([2, 1, 1, 3])
    rows = np.repeat(np.arange(4), weights)
    weighted = risk_coverage(np.array([0.1, 0.2, 0.2, 0.4]), np.array([0, 1, 0, 1]) > 0, weights)
    again = risk_coverage(np.array([0.1, 0.2, 0.2, 0.4])[rows], (np.array([0, 1, 0, 1]) > 0)[rows])
    assert weighted.aurc == pytest.approx(again.aurc, rel=1e-14)


def test_an_error_is_kept_as_often_as_its_confidence_says():
    # A row of uncertainty u is wrong with probability u / 4: among those up to t, t / 8 are.
    rng, over, answered = np.random.default_rng(7), 0, []
    for _ in range(300):
        unsure = rng.random(3000)
        limit = error_limit(unsure, rng.random(3000) < unsure / 4, 0.05, 0.9)
        answered.append(min(max(limit, 0.0), 1.0))
        over += answered[-1] / 8 > 0.05
    assert over <= binom.ppf(0.999, 300, 0.1)
    assert np.median(answered) > 0.1


def test_an_error_that_cannot_be_shown_answers_nothing_and_an_easy_one_everything():
    unsure = np.linspace(0.0, 1.0, 400)
    assert error_limit(unsure, np.ones(400, bool), 0.1, 0.95) == -math.inf
    assert error_limit(unsure, np.zeros(400, bool), 0.1, 0.95) == math.inf
    assert error_limit(unsure[:20], np.zeros(20, bool), 0.1, 0.95) == -math.inf


def test_thresholds_work_with_any_model_in_the_numbers_that_are_answered(model):
    rows = np.random.default_rng(1).normal(size=(40, 2))
    p = np.sort(model.predict(rows).probabilities, axis=1)
    entropy = -(p * np.log(p)).sum(axis=1)
    for method, value, above in (
        ("probability", p[:, -1], False),
        ("margin", p[:, -1] - p[:, -2], False),
        ("entropy", entropy, True),
    ):
        for place in range(40):
            asked = Abstain(method=method, threshold=float(value[place]) + (1e-12 * above))
            found = model.predict(rows, abstain=asked)
            expected = value > asked.threshold if above else value < asked.threshold
            np.testing.assert_array_equal(found.abstained, expected)
            assert found.labels == model.predict(rows).labels
            assert found.prediction_sets is None
    sets = model.predict(rows, abstain=Abstain(method="lac", threshold=0.5)).prediction_sets
    for chosen, row in zip(sets, model.predict(rows).probabilities, strict=True):
        assert set(chosen) == {name for name, q in zip("abc", row, strict=True) if 1 - q <= 0.5}


def test_levels_need_held_out_rows(model, shipped):
    for asked in (
        Abstain(method="lac", coverage=0.9),
        Abstain(method="entropy", error=0.1),
        Abstain(method="distance", threshold=3.0),
    ):
        with pytest.raises(InvalidInput) as caught:
            model.predict([[0.0, 0.0]], abstain=asked)
        assert (caught.value.faults[0].pointer, caught.value.code) == (
            "/abstain",
            Code.NOT_CALIBRATED,
        )
    with pytest.raises(InvalidInput, match="validation part"):
        shipped.predict(np.zeros((1, 64)), abstain=Abstain(method="aps", coverage=0.9))


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"method": "magic", "threshold": 1.0}, "/abstain/method"),
        ({"method": "lac"}, "/abstain"),
        ({"method": "lac", "threshold": 0.5, "coverage": 0.9}, "/abstain"),
        ({"method": "lac", "error": 0.1}, "/abstain/error"),
        ({"method": "margin", "coverage": 1.0}, "/abstain/coverage"),
        ({"method": "margin", "error": 0.0}, "/abstain/error"),
        ({"method": "margin", "threshold": math.nan}, "/abstain/threshold"),
        ({"method": "margin", "error": 0.1, "confidence": 1.0}, "/abstain/confidence"),
    ],
)
def test_what_means_nothing_is_refused(members, pointer):
    with pytest.raises(InvalidInput) as caught:
        Abstain(**members)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_cover_the_held_out_digits(digits, trained, method):
    inputs, truth = digits.inputs[digits.held_out], digits.labels[digits.held_out].tolist()
    found = trained.predict(inputs, abstain=Abstain(method=method, coverage=0.9))
    inside = sum(
        label in chosen for label, chosen in zip(truth, found.prediction_sets, strict=True)
    )
    assert binom.ppf(0.001, len(truth), 0.88) <= inside <= binom.ppf(0.999, len(truth), 0.92)
    sizes = np.array([len(chosen) for chosen in found.prediction_sets])
    np.testing.assert_array_equal(found.abstained, sizes != 1)
    assert (sizes == 0).any()
    everything = trained.predict(inputs[:2], abstain=Abstain(method=method, coverage=0.9999))
    assert everything.abstention.attained is False
    assert [sorted(chosen) for chosen in everything.prediction_sets] == [list(range(10))] * 2


@pytest.mark.parametrize("method", ["probability", "margin", "entropy"])
def test_an_error_is_met_on_the_held_out_digits(digits, trained, method):
    inputs, truth = digits.inputs[digits.held_out], digits.labels[digits.held_out]
    found = trained.predict(inputs, abstain=Abstain(method=method, error=0.02))
    answered = ~found.abstained
    wrong = ((np.array(found.labels) != truth) & answered).sum()
    assert found.abstention.attained
    assert found.abstention.error_bound <= 0.02
    assert answered.mean() > 0.7
    assert wrong <= binom.ppf(0.99, answered.sum(), 0.02)


def auroc(inside, outside):
    return (inside[:, None] < outside).mean() + 0.5 * (inside[:, None] == outside).mean()


def test_the_distance_tells_digits_from_noise_and_from_permuted_pixels(digits, shipped):
    rng, inside = np.random.default_rng(4), digits.inputs[digits.held_out]
    noise = rng.integers(0, 17, size=(500, 64)).astype(float)
    permuted = rng.permuted(inside, axis=1)
    distance = shipped.held_out.distance
    for outside in (noise, permuted, inside[:, rng.permutation(64)]):
        assert auroc(distance(inside), distance(outside)) >= 0.95
    found = shipped.predict(noise, abstain=Abstain(method="distance", coverage=0.99))
    assert found.abstained.all()


def test_the_distance_is_that_of_mahalanobis_and_knows_no_units():
    rng = np.random.default_rng(2)
    inputs, labels = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)), np.arange(4000) % 2
    inputs[labels == 1] += 1.0
    found = fit_distance(samples(inputs, labels, classes=2))
    residuals = inputs - found.means[labels]
    inverse = np.linalg.inv(residuals.T @ residuals / 4000)
    steps = inputs[:50, None] - found.means
    expected = np.sqrt(np.einsum("nki,ij,nkj->nk", steps, inverse, steps).min(axis=1))
    np.testing.assert_allclose(found(inputs[:50]), expected, rtol=0.02)
    scales = np.array([1e-3, 1.0, 1e3])
    scaled = fit_distance(samples(inputs * scales, labels, classes=2))
    np.testing.assert_allclose(scaled(inputs * scales), found(inputs), rtol=1e-6)
    assert found(inputs[7:8]).tobytes() == found(inputs)[7:8].tobytes()


def test_scores_survive_the_file_and_old_files_have_none(trained, model, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(to_bytes(trained))
    read = read_model(path)
    assert to_bytes(read) == to_bytes(trained)
    np.testing.assert_array_equal(read.held_out.scores, trained.held_out.scores)
    np.testing.assert_array_equal(read.held_out.wrong, trained.held_out.wrong)
    path.write_bytes(to_bytes(model))
    assert read_model(path).held_out is None


def test_scores_that_do_not_fit_are_refused(trained):
    with pytest.raises(InvalidInput):
        HeldOut("validation", np.zeros((3, 5)), np.zeros(2, bool))
    with pytest.raises(InvalidInput):
        HeldOut("validation", np.full((3, 5), np.nan), np.zeros(3, bool))
    with pytest.raises(InvalidInput, match="means of held_out"):
        Model("m", 1, ("a", "b"), ("x",), np.ones((1, 1)), np.ones(1), held_out=trained.held_out)


def test_scores_need_labels_and_rows():
    inputs = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(InvalidInput, match="needs labels"):
        train(inputs, targets=np.ones((3, 2)), options=Options(abstention="cross-fit"))
    with pytest.raises(InvalidInput, match="two rows or more"):
        train(inputs, np.array([0, 0, 1]), options=Options(abstention="cross-fit"))
    with pytest.raises(InvalidInput, match="validation_fraction"):
        Options(abstention="validation")
