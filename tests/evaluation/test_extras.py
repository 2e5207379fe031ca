"""What is in the report on request, against SciPy, scikit-learn and closed forms."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from service.errors import Code, InvalidInput
from service.evaluation import evaluate
from service.evaluation.bootstrap import Clusters, bootstrap
from service.evaluation.isotonic import isotonic


@pytest.fixture
def right(digits):
    return digits.probabilities.argmax(axis=1) == digits.labels


def report(digits, *include, **options):
    return evaluate(
        probabilities=digits.probabilities, labels=digits.labels, include=include, **options
    )


def test_nothing_is_added_that_was_not_asked_for(digits):
    plain = report(digits)
    assert (plain.equal_mass, plain.isotonic, plain.temperature, plain.bootstrap) == (None,) * 4


def test_bins_of_equal_mass_are_those_of_the_sorted_rows(digits, right):
    confidences = digits.probabilities.max(axis=1)
    assert np.unique(confidences).size == 150
    found = report(digits, "equal_mass", bins=10).equal_mass
    assert [each.count for each in found.bins] == [15] * 10
    order = np.argsort(confidences)
    gaps = []
    for rows, each in zip(np.split(order, 10), found.bins, strict=True):
        assert (each.lower, each.upper) == (confidences[rows[0]], confidences[rows[-1]])
        assert each.accuracy == right[rows].mean()
        gaps.append(abs(right[rows].mean() - confidences[rows].mean()))
    assert found.ece == pytest.approx(np.mean(gaps), rel=1e-12)


def test_equal_confidences_stay_in_one_bin():
    z = np.repeat([[0.0, 1.0], [0.0, 2.0]], [7, 3], axis=0)
    found = evaluate(logits=z, labels=np.ones(10, int), include=["equal_mass"], bins=4).equal_mass
    assert [each.count for each in found.bins] == [7, 3]


def test_isotonic_minimises_the_brier_score_among_monotone_maps(digits, right):
    confidences = digits.probabilities.max(axis=1)
    found = report(digits, "isotonic").isotonic
    order = np.argsort(confidences)
    y = right[order].astype(float)
    # the greatest convex minorant of the cumulative sums, by brute force: min-max formula
    sums, ends = np.concatenate([[0.0], y.cumsum()]), np.arange(1, 151)
    mean = [(sums[1:] - sums[a]) / np.maximum(ends - a, 1) for a in range(150)]  # of y[a : b + 1]
    means = np.array([max(mean[a][i:].min() for a in range(i + 1)) for i in range(150)])
    got = np.concatenate([[step.accuracy] * step.count for step in found.curve])
    assert got == pytest.approx(means, abs=1e-12)
    brier = found.brier
    assert brier.score == pytest.approx(((confidences - right) ** 2).mean())
    assert brier.miscalibration == pytest.approx(brier.score - ((means - y) ** 2).mean())
    assert brier.uncertainty == pytest.approx(y.mean() * (1 - y.mean()))
    parts = brier.miscalibration - brier.discrimination + brier.uncertainty
    assert parts == pytest.approx(brier.score)
    log = found.log_score
    assert log.uncertainty == pytest.approx(stats.bernoulli(y.mean()).entropy())
    assert log.score == pytest.approx(-np.log(np.where(right, confidences, 1 - confidences)).mean())
    assert min(log.miscalibration, log.discrimination, brier.discrimination) >= 0


def test_integer_weights_are_repetitions_to_isotonic(digits, right):
    confidences, counts = digits.probabilities.max(axis=1), (digits.sample_weights * 4).astype(int)
    weighted = isotonic(confidences, right, counts.astype(float))
    rows = isotonic(np.repeat(confidences, counts), np.repeat(right, counts), None)
    assert weighted.brier.miscalibration == pytest.approx(rows.brier.miscalibration)
    assert [s.accuracy for s in weighted.curve] == pytest.approx([s.accuracy for s in rows.curve])
    assert [s.weight for s in weighted.curve] == [s.weight for s in rows.curve]


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_the_minimum_of_the_log_loss(digits, weighted):
    weights = digits.sample_weights if weighted else None
    found = report(digits, "temperature", sample_weights=weights)

    def loss(t):
        return evaluate(
            logits=np.log(digits.probabilities) / t, labels=digits.labels, sample_weights=weights
        ).log_loss

    best = optimize.minimize_scalar(loss, bounds=(0.2, 5), method="bounded")
    assert found.temperature.temperature == pytest.approx(best.x, rel=1e-4)
    assert found.temperature.log_loss == pytest.approx(best.fun, rel=1e-9)
    assert found.temperature.gain == pytest.approx(found.log_loss - best.fun, rel=1e-6)


def test_the_bootstrap_of_clusters_has_the_error_of_their_sums(digits):
    clusters = np.array(["u", "v", "w", "x", "y"])[np.arange(150) % 5]
    found = report(digits, "bootstrap", clusters=clusters, seed=4).bootstrap
    losses = -np.log(digits.probabilities[np.arange(150), digits.labels])
    sums = np.array([losses[c::5].mean() for c in range(5)])
    assert found.standard_error == pytest.approx(stats.sem(sums), rel=1e-9)
    assert (found.clusters, found.replicates, found.seed) == (5, 1000, 4)
    assert found == report(digits, "bootstrap", clusters=clusters, seed=4).bootstrap
    weights = np.where(np.arange(150) % 5 == 3, 0.0, 1.0)
    less = report(digits, "bootstrap", clusters=clusters, sample_weights=weights).bootstrap
    assert less.clusters == 4


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"include": ["corp"]}, "/include/0", Code.INVALID_OPTION),
        ({"include": ["temperature"]}, "/include", Code.ZERO_PROBABILITY),
        ({"include": ["isotonic", "bootstrap"]}, "/include", Code.ZERO_PROBABILITY),
        ({"replicates": 3}, "/replicates", Code.INVALID_OPTION),
        ({"seed": -1}, "/seed", Code.INVALID_OPTION),
        ({"clusters": [1]}, "/clusters", Code.SHAPE_MISMATCH),
        ({"clusters": [1, 2]}, "/clusters", Code.CONFLICTING_MEMBERS),
        ({"clusters": [1, 2], "include": ["curves"]}, "/clusters", Code.CONFLICTING_MEMBERS),
    ],
)
def test_what_cannot_be_is_refused(members, pointer, code):
    p = np.array([[1.0, 0.0], [0.5, 0.5]])
    with pytest.raises(InvalidInput) as caught:
        evaluate(probabilities=p, labels=np.array([1, 0]), **members)
    assert (caught.value.faults[0].pointer, caught.value.code) == (pointer, code)


def test_there_are_bounds_on_rows_and_elements():
    with pytest.raises(InvalidInput) as caught:
        evaluate(
            logits=np.zeros((1_000_001, 1)), labels=np.zeros(1_000_001, int), include=["isotonic"]
        )
    assert caught.value.faults[0].pointer == "/include/0"


def test_a_wrong_certainty_is_infinitely_bad():
    p = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.4]])
    found = evaluate(probabilities=p, labels=np.array([1, 0, 0]), include=["isotonic"]).isotonic
    assert found.log_score.score == math.inf
    assert found.brier.score == pytest.approx((1 + 0.16) / 3)


def test_ties_are_ranked_in_the_middle_and_absent_classes_left_out():
    rng = np.random.default_rng(6)
    p = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.4, 0.4, 0.2]])[rng.integers(0, 3, 80)]
    labels = rng.integers(0, 2, 80)
    report = evaluate(probabilities=p, labels=labels, include=["ranking"])
    for c in (0, 1):
        own = labels == c
        wins = stats.mannwhitneyu(p[own, c], p[~own, c]).statistic
        found = report.per_class[c]
        assert found.roc_auc == pytest.approx(wins / (own.sum() * (~own).sum()), rel=1e-12)
        precision = [(own & (p[:, c] >= cut)).sum() / (p[:, c] >= cut).sum() for cut in (0.6, 0.4)]
        recall = [(own & (p[:, c] >= cut)).sum() / own.sum() for cut in (0.6, 0.4)]
        area = precision[0] * recall[0] + precision[1] * (recall[1] - recall[0])
        area += own.mean() * (1 - recall[1])
        assert found.average_precision == pytest.approx(area, rel=1e-12)
    absent = report.per_class[2]
    assert math.isnan(absent.roc_auc)
    assert math.isnan(absent.average_precision)
    mean = (report.per_class[0].roc_auc + report.per_class[1].roc_auc) / 2
    assert report.ranking.roc_auc == pytest.approx(mean, rel=1e-12)


def test_the_exact_ranking_does_not_depend_on_weights_of_one_or_rows_of_weight_zero():
    rng = np.random.default_rng(7)
    z, labels = rng.normal(size=(60, 300)), rng.integers(0, 300, 60)
    z[3, 5] = np.inf
    weights = np.ones(60)
    weights[::5] = 0
    kept = weights > 0
    alone = evaluate(logits=z[kept], labels=labels[kept], include=["ranking"])
    weighed = evaluate(logits=z, labels=labels, sample_weights=weights, include=["ranking"])
    assert alone.ranking == weighed.ranking
    assert evaluate(logits=z, labels=labels).ranking is None


def test_weights_that_vanish_beside_others_keep_their_place():
    z = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
    weights, labels = np.array([8e307, 5e-324, 8e307]), np.array([1, 0, 1])
    found = evaluate(logits=z, labels=labels, sample_weights=weights, include=["isotonic"])
    assert found.isotonic.brier.score == pytest.approx(0.5 * (0.26894142**2 + 0.04742587**2))
    assert sum(block.count for block in found.isotonic.curve) == 3


@pytest.mark.parametrize("scale", [2.0**1000, 2.0**-1000])
def test_the_bootstrap_is_the_same_at_any_scale_of_the_losses(scale):
    values = np.array([1.0, 3.0, 2.0, 7.0, 1.5])
    plain, p = bootstrap(Clusters.of(values, None, None), 200, 1)
    found, same = bootstrap(Clusters.of(values * scale, None, None), 200, 1)
    assert same == p
    assert found.standard_error == plain.standard_error * scale
    assert found.interval == tuple(end * scale for end in plain.interval)


def test_losses_near_the_end_of_float64_have_a_bootstrap():
    z, labels = np.array([[0.0, 1.7e308], [0.0, 1.0], [1.6e308, 0.0]]), np.array([0, 1, 1])
    found = evaluate(logits=z, labels=labels, include=["bootstrap"]).bootstrap
    assert 1e307 < found.standard_error < 1.7e308
