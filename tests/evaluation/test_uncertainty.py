"""Standard errors, intervals and decompositions against SciPy and closed forms."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize, stats

from service.errors import Code, InvalidInput
from service.evaluation import State, evaluate, score
from service.evaluation.calibration import folded_mean
from service.evaluation.figures import root
from service.evaluation.intervals import t_quantile, wilson
from service.evaluation.moments import Moments


def losses_of(digits):
    return -np.log(digits.probabilities[np.arange(150), digits.labels])


def adjusted(mean, error, skew, df):
    """Johnson and Hall's interval: where the transformed t meets the quantiles of t."""

    def beyond(truth, quantile):
        t = (mean - truth) / error
        return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6 - quantile

    t = stats.t.ppf(0.975, df)
    span = mean - 100 * error, mean + 100 * error
    ends = (optimize.brentq(beyond, *span, args=q, xtol=1e-15, rtol=1e-14) for q in (t, -t))
    return tuple(ends)


def test_without_weights_the_interval_is_halls(digits):
    report = evaluate(probabilities=digits.probabilities, labels=digits.labels)
    losses = losses_of(digits)
    assert report.standard_error == pytest.approx(stats.sem(losses), rel=1e-12)
    assert report.interval == pytest.approx(
        adjusted(losses.mean(), stats.sem(losses), stats.skew(losses) / math.sqrt(150), 149),
        rel=1e-12,
    )
    for c, found in enumerate(report.per_class):
        assert found.standard_error == pytest.approx(stats.sem(losses[digits.labels == c]))


def test_with_weights_it_is_the_linearised_variance_of_the_ratio(digits):
    weights, losses = digits.sample_weights, losses_of(digits)
    report = evaluate(
        probabilities=digits.probabilities, labels=digits.labels, sample_weights=weights
    )
    effective = weights.sum() ** 2 / (weights**2).sum()
    rest = weights * (losses - np.average(losses, weights=weights))
    variance = (rest**2).sum() / weights.sum() ** 2 * effective / (effective - 1)
    assert report.standard_error == pytest.approx(math.sqrt(variance), rel=1e-12)
    skew = (rest**3).sum() / (rest**2).sum() ** 1.5
    expected = adjusted(report.log_loss, math.sqrt(variance), skew, effective - 1)
    assert report.interval == pytest.approx(expected, rel=1e-12)
    tiny = evaluate(
        probabilities=digits.probabilities,
        labels=digits.labels,
        sample_weights=weights * 2.0**-1000,
    )
    assert tiny.standard_error == pytest.approx(report.standard_error, rel=1e-15)
    assert tiny.interval == pytest.approx(report.interval, rel=1e-15)


def test_weights_of_one_change_nothing(digits):
    given = {"logits": np.log(digits.probabilities), "labels": digits.labels}
    states = []
    for weights in (None, np.ones(150)):
        batch, classes = score(**given, sample_weights=weights)
        states.append(Moments(classes))
        states[-1].add(batch.labels, batch.losses, batch.weights)
    assert states[0] == states[1]
    plain, weighted = (moments.means() for moments in states)
    assert plain == weighted


def test_the_skew_does_not_depend_on_the_size_of_the_losses():
    def interval(scale, shift=0.0):
        moments, values = Moments(1), np.array([1.0, 2.0, 2.5, 9.0]) * scale + shift
        moments.add(np.zeros(4, int), values, None)
        return moments.mean()

    one = interval(1.0)
    assert one.interval[1] - one.value > 1.5 * (one.value - one.interval[0])
    for scale in (2.0**-1000, 2.0**-250, 2.0**250, 2.0**1000):
        assert interval(scale).interval == tuple(end * scale for end in one.interval)
    near, far = interval(1.0, 2.0**12), interval(1.0, 2.0**40)
    assert near.interval == pytest.approx([end + 2.0**12 for end in one.interval], rel=1e-12)
    # what rounding leaves of the third moment is not believed
    assert far.interval[1] - far.value == pytest.approx(far.value - far.interval[0], rel=1e-4)


@pytest.mark.parametrize("weights", [None, np.array([0.1, 0.7, 3.0, 1e-9])])
def test_equal_losses_have_no_error(weights):
    report = evaluate(
        logits=np.tile([0.1, 0.7, -2.3], (4, 1)), labels=np.ones(4, int), sample_weights=weights
    )
    assert report.standard_error == 0.0
    assert report.interval == (report.log_loss, report.log_loss)


@pytest.mark.parametrize("weights", [None, np.array([0.3])])
def test_a_single_row_has_no_error(weights):
    report = evaluate(logits=np.zeros((1, 2)), labels=np.array([0]), sample_weights=weights)
    assert math.isnan(report.standard_error)
    assert all(map(math.isnan, report.interval))


def test_squares_beyond_float64_are_no_overflow():
    z = np.array([[0.0, 1e200], [0.0, 3e200]])
    report = evaluate(logits=z, labels=np.array([0, 0]))
    assert report.log_loss == 2e200
    assert report.standard_error == pytest.approx(1e200, rel=1e-15)


def test_an_infinite_loss_has_no_interval():
    report = evaluate(logits=np.array([[0.0, -np.inf], [1, 0], [2, 0]]), labels=np.array([1, 0, 0]))
    assert report.log_loss == math.inf
    assert math.isnan(report.standard_error)
    assert report.per_class[0].standard_error > 0


@pytest.mark.parametrize(("share", "rows"), [(0.0, 5), (0.3, 10), (1.0, 40), (0.5, 2)])
def test_bands_are_wilsons(share, rows):
    expected = stats.binomtest(round(share * rows), rows).proportion_ci(0.95, method="wilson")
    assert wilson(share, rows) == pytest.approx((expected.low, expected.high), abs=1e-15)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.3, 0.2), (2.0, 0.1), (0.4, 0.0)])
def test_the_mean_of_a_folded_normal(mean, deviation):
    expected = stats.foldnorm.mean(mean / deviation, scale=deviation) if deviation else mean
    assert folded_mean(mean, deviation) == pytest.approx(expected, rel=1e-12)


def test_roots_beyond_float64():
    assert root(1, 4) == 0.5
    assert root(10**700, 10**100) == pytest.approx(1e300)
    assert root(10**1400, 1) == math.inf
    assert root(-1, 3) == 0.0


def test_negative_values_cancel_exactly():
    moments = Moments(1)
    values = np.array([1e300, -1e300, 1e-300, 5.0])
    moments.add(np.zeros(4, int), values, None)
    assert moments.means()[0].value == float(sum(map(Fraction, values.tolist())) / 4)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_decomposed_group_by_group(digits, weighted):
    p, labels = digits.probabilities, digits.labels
    weights = digits.sample_weights if weighted else np.ones(150)
    report = evaluate(
        probabilities=p, labels=labels, bins=10, sample_weights=weights if weighted else None
    )
    truth, total = np.eye(10)[labels], weights.sum()
    base = weights @ truth / total
    groups = {}
    for i, row in enumerate(p):
        groups.setdefault((row.argmax(), math.ceil(row.max() * 10)), []).append(i)
    sums = np.zeros(4)
    for rows in groups.values():
        w = weights[rows]
        forecast, true = w @ p[rows] / w.sum(), w @ truth[rows] / w.sum()
        some = true > 0
        sums += (
            w.sum()
            / total
            * np.array(
                [
                    ((forecast - true) ** 2).sum(),
                    ((true - base) ** 2).sum(),
                    (true[some] * np.log(true[some] / forecast[some])).sum(),
                    (true[some] * np.log(true[some] / base[some])).sum(),
                ]
            )
        )
    brier, loss = report.brier_decomposition, report.log_loss_decomposition
    found = (brier.reliability, brier.resolution, loss.reliability, loss.resolution)
    assert found == pytest.approx(sums, rel=1e-9)
    assert brier.groups == loss.groups == len(groups)
    assert brier.uncertainty == pytest.approx(1 - (base**2).sum())
    assert loss.uncertainty == report.prior_baseline
    for part, whole in ((brier, report.brier), (loss, report.log_loss)):
        total_of_parts = part.reliability - part.resolution + part.uncertainty + part.within
        assert total_of_parts == pytest.approx(whole, rel=1e-14)


def test_forecasts_that_are_constant_in_groups_leave_nothing_within():
    p = np.repeat([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], 10, axis=0)
    report = evaluate(probabilities=p, labels=np.arange(20) % 3)
    assert report.brier_decomposition.within == pytest.approx(0, abs=1e-10)
    assert report.log_loss_decomposition.within == pytest.approx(0, abs=1e-10)


def test_slices_are_the_reports_of_their_rows(digits):
    column = np.array(["a", "b", "c"])[np.arange(150) % 3]
    whole = evaluate(
        probabilities=digits.probabilities,
        labels=digits.labels,
        sample_weights=digits.sample_weights,
        slices={"letter": column, "even": np.arange(150) % 2 == 0},
    )
    assert [part.value for part in whole.slices["letter"]] == ["a", "b", "c"]
    assert [part.value for part in whole.slices["even"]] == [False, True]
    for part in whole.slices["letter"]:
        rows = column == part.value
        alone = evaluate(
            probabilities=digits.probabilities[rows],
            labels=digits.labels[rows],
            sample_weights=digits.sample_weights[rows],
        )
        for name in ("count", "weight", "log_loss", "standard_error", "interval", "accuracy"):
            assert getattr(part, name) == getattr(alone, name)


@pytest.mark.parametrize(
    ("slices", "pointer", "code"),
    [
        ({"a": ["x"]}, "/slices/a", Code.SHAPE_MISMATCH),
        ({"a/b": ["x", 1]}, "/slices/a~1b/1", Code.INVALID_OPTION),
        ({"a": [None, "x"]}, "/slices/a/0", Code.INVALID_OPTION),
        ({"a": [0.5, 1.5]}, "/slices/a/0", Code.INVALID_OPTION),
        ({str(i): ["x", "y"] for i in range(21)}, "/slices", Code.TOO_MANY_SLICES),
    ],
)
def test_bad_slices_are_named(slices, pointer, code):
    with pytest.raises(InvalidInput) as caught:
        evaluate(logits=np.zeros((2, 2)), labels=np.array([0, 1]), slices=slices)
    assert (caught.value.faults[0].pointer, caught.value.code) == (pointer, code)


def test_too_many_values_are_refused_and_what_came_before_is_kept():
    state = State(2)

    def batch(first, count):
        return score(
            logits=np.zeros((count, 2)),
            labels=np.zeros(count, int),
            row_ids=np.arange(first, first + count),
            slices={"user": np.arange(first, first + count)},
        )[0]

    state.add(batch(0, 990))
    before = state.to_bytes()
    with pytest.raises(InvalidInput) as caught:
        state.add(batch(990, 11))
    assert caught.value.code == Code.TOO_MANY_SLICES
    assert state.to_bytes() == before
    state.add(batch(990, 10))
    assert len(state.finish().slices["user"]) == 1000


def test_slices_merge_in_any_order():
    rng = np.random.default_rng(3)
    z, labels, column = rng.normal(size=(60, 3)), rng.integers(0, 3, 60), rng.integers(0, 9, 60)

    def state(rows):
        made = State(3)
        made.add(
            score(logits=z[rows], labels=labels[rows], row_ids=rows, slices={"n": column[rows]})[0]
        )
        return made

    whole, merged = state(np.arange(60)), State(3)
    for rows in np.array_split(rng.permutation(60), 7):
        merged.merge(State.from_bytes(state(rows).to_bytes()))
    assert merged.to_bytes() == whole.to_bytes()
    assert repr(merged.finish()) == repr(whole.finish())


@pytest.mark.parametrize("df", [1.0, 2.5, 30.0, 999.0, 1000.0, 1234.5, 1e5, 1e9])
def test_the_quantile_of_t_is_that_of_scipy(df):
    assert t_quantile(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-14)
