"""The comparison against SciPy's paired tests and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from service.errors import Code, InvalidInput, MalformedBody
from service.evaluation import Pairs, State, compare, evaluate, score
from service.evaluation.bootstrap import Clusters, bootstrap


@pytest.fixture
def pair(digits):
    """Digits, and the same with half the confidence."""
    calm = np.sqrt(digits.probabilities)
    calm /= calm.sum(axis=1, keepdims=True)
    return {
        "baseline_probabilities": digits.probabilities,
        "candidate_logits": np.log(calm),
        "labels": digits.labels,
    }


def adjusted(differences):
    """Hall's interval, with the cubic solved by NumPy."""
    n, skew = differences.size, stats.skew(differences) / math.sqrt(differences.size)
    ends = []
    for quantile in stats.t.ppf([0.975, 0.025], n - 1):
        roots = np.roots([skew**2 / 27, skew / 3, 1, skew / 6 - quantile])
        t = roots[np.abs(roots.imag).argmin()].real
        ends.append(differences.mean() - t * stats.sem(differences))
    return tuple(ends)


def losses_of(pair):
    own = np.arange(150), pair["labels"]
    return -np.log(pair["baseline_probabilities"][own]), -pair["candidate_logits"][own]


def test_the_paired_tests_are_scipys(pair):
    found = compare(**pair)
    before, after = losses_of(pair)
    paired = stats.ttest_rel(after, before)
    assert found.delta == pytest.approx((after - before).mean(), rel=1e-12)
    assert found.p_t == pytest.approx(paired.pvalue, rel=1e-9)
    assert found.interval == pytest.approx(adjusted(after - before), rel=1e-9)
    assert (found.won, found.lost) == ((after < before).sum(), (after > before).sum())
    sign = stats.binomtest(found.won, found.won + found.lost).pvalue
    assert found.p_sign == pytest.approx(sign, rel=1e-12)
    assert (found.baseline, found.candidate) == pytest.approx((before.mean(), after.mean()))


def test_the_whole_interval_has_to_lie_below_the_margin(pair):
    found = compare(**pair)
    low, high = found.interval
    assert compare(**pair, margin=-high - 1e-9).better
    assert not compare(**pair, margin=-high).better
    assert found.better == (high < 0)
    swapped = compare(
        baseline_logits=pair["candidate_logits"],
        candidate_probabilities=pair["baseline_probabilities"],
        labels=pair["labels"],
    )
    assert swapped.interval == pytest.approx((-high, -low), rel=1e-12)


def test_a_model_is_not_better_than_itself(digits):
    same = compare(
        baseline_probabilities=digits.probabilities,
        candidate_probabilities=digits.probabilities,
        labels=digits.labels,
        replicates=100,
    )
    assert (same.delta, same.interval, same.better) == (0.0, (0.0, 0.0), False)
    assert (same.p_t, same.p_sign, same.p_bootstrap) == (1.0, 1.0, 1.0)


def test_classes_and_slices_have_their_own_differences(pair):
    column = np.arange(150) % 4
    found = compare(**pair, slices={"part": column})
    before, after = losses_of(pair)
    for part in found.slices["part"]:
        rows = column == part.label
        assert part.interval == pytest.approx(adjusted((after - before)[rows]), rel=1e-9)
    for part in found.per_class:
        rows = pair["labels"] == part.label
        assert part.count == rows.sum()
        assert part.delta == pytest.approx((after - before)[rows].mean(), rel=1e-9)


def test_rows_that_come_thrice_are_no_news_to_clusters(pair):
    thrice = {name: np.repeat(array, 3, axis=0) for name, array in pair.items()}
    once = compare(**pair, replicates=500, seed=3)
    clustered = compare(**thrice, clusters=np.repeat(np.arange(150), 3), replicates=500, seed=3)
    assert clustered.clusters == 150
    assert clustered.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert clustered.interval == pytest.approx(once.interval, rel=1e-9)
    assert clustered.p_t == pytest.approx(once.p_t, rel=1e-9)
    assert clustered.p_sign == once.p_sign
    assert compare(**thrice).standard_error < 0.6 * once.standard_error


def test_the_bootstrap_of_normal_values_is_close_to_students_t():
    values = np.random.default_rng(1).normal(0.1, 1.0, 400)
    found, p_value = bootstrap(Clusters.of(values, None, None), 20_000, 5)
    expected = stats.ttest_1samp(values, 0.0)
    assert found.standard_error == pytest.approx(stats.sem(values), rel=1e-12)
    width = 2 * 1.96 * stats.sem(values)
    assert found.interval == pytest.approx(
        tuple(expected.confidence_interval(0.95)), abs=0.03 * width
    )
    assert p_value == pytest.approx(expected.pvalue, abs=0.02)


def test_the_bootstrap_is_repeatable_and_leans_to_the_long_tail(pair):
    plain = compare(**pair)
    first, again = (compare(**pair, replicates=2000, seed=7) for _ in range(2))
    assert first == again
    assert first.method == "bootstrap"
    assert first.interval != compare(**pair, replicates=2000, seed=8).interval
    before, after = losses_of(pair)
    assert stats.skew(after - before) < 0
    low, high = stats.ttest_rel(after, before).confidence_interval(0.95)
    for found in (plain, first):
        assert found.interval[0] < low
        assert found.interval[1] < high


def test_infinite_losses_leave_no_verdict():
    good, bad = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[1.0, 0.0], [0.9, 0.1]])
    labels = np.array([1, 0])
    worse = compare(baseline_probabilities=good, candidate_probabilities=bad, labels=labels)
    assert (worse.delta, worse.better) == (math.inf, False)
    freed = compare(baseline_probabilities=bad, candidate_probabilities=good, labels=labels)
    assert (freed.delta, freed.better) == (-math.inf, False)
    both = compare(baseline_probabilities=bad, candidate_probabilities=bad, labels=labels)
    assert math.isnan(both.delta)
    assert not both.better
    assert worse.per_class[0].delta == 0.0


def test_weights_weigh_the_differences(pair, digits):
    weights = digits.sample_weights.copy()
    weights[::7] = 0
    found = compare(**pair, sample_weights=weights, clusters=np.arange(150))
    before, after = (
        evaluate(**{member: pair[name]}, labels=pair["labels"], sample_weights=weights).log_loss
        for member, name in (
            ("probabilities", "baseline_probabilities"),
            ("logits", "candidate_logits"),
        )
    )
    assert found.delta == pytest.approx(after - before, rel=1e-9)
    assert (found.baseline, found.candidate) == (before, after)
    assert found.clusters == found.count == np.count_nonzero(weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_pairs_in_parts_give_the_same_bits(digits, weighted):
    rng = np.random.default_rng(4)
    calm = np.log(digits.probabilities) / 2
    calm[:3, digits.labels[:3]] = -np.inf
    weights = digits.sample_weights if weighted else np.ones(150)
    column = rng.integers(0, 4, 150)

    def pairs(rows):
        shared = {
            "labels": digits.labels[rows],
            "sample_weights": weights[rows] if weighted else None,
            "slices": {"part": column[rows]},
            "bins": None,
        }
        before, classes = score(probabilities=digits.probabilities[rows], **shared)
        made = Pairs(classes)
        made.add(before, score(logits=calm[rows], **shared)[0])
        return made

    for start in (0, 3):  # with and without infinite losses
        rows = np.arange(start, 150)
        whole, merged = pairs(rows), Pairs(10)
        for part in np.array_split(rng.permutation(rows), 7):
            merged.merge(Pairs.from_bytes(pairs(part).to_bytes()))
        assert merged.to_bytes() == whole.to_bytes()
        assert repr(merged.finish(0.1)) == repr(whole.finish(0.1))
        assert math.isinf(whole.finish().delta) == (start == 0)
        assert repr(whole.finish()) == repr(
            compare(
                baseline_probabilities=digits.probabilities[rows],
                candidate_logits=calm[rows],
                labels=digits.labels[rows],
                sample_weights=weights[rows] if weighted else None,
                slices={"part": column[rows]},
            )
        )


def test_pairs_that_were_altered_or_differ_in_classes_are_refused():
    pairs = Pairs(2, ("a", "b"))
    data = pairs.to_bytes()
    assert Pairs.from_bytes(data) == pairs
    for bad in (b"", b"{}", data.replace(b'"count":0', b'"count": 0'), State(2).to_bytes()):
        with pytest.raises(MalformedBody) as caught:
            Pairs.from_bytes(bad)
        assert caught.value.code == Code.INVALID_STATE
    with pytest.raises(ValueError, match="classes"):
        pairs.merge(Pairs(2))
    with pytest.raises(InvalidInput) as empty:
        pairs.finish()
    assert empty.value.code == Code.EMPTY_REDUCTION


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"candidate_logits": None}, ["/candidate_logits"]),
        ({"candidate_logits": np.full((150, 10), np.nan)}, ["/candidate_logits/0/0"]),
        ({"candidate_logits": np.zeros((150, 9))}, ["/labels/"]),
        ({"labels": np.zeros(3, int)}, ["/labels"]),
        ({"clusters": [1, "a"] * 75}, ["/clusters/1"]),
        ({"clusters": [1]}, ["/clusters"]),
        ({"margin": math.nan}, ["/margin"]),
        ({"replicates": 5}, ["/replicates"]),
        ({"baseline_logits": np.zeros((150, 10))}, ["/baseline_probabilities"]),
    ],
)
def test_bad_members_are_named(pair, change, pointers):
    with pytest.raises(InvalidInput) as caught:
        compare(**{**pair, **change})
    found = [fault.pointer for fault in caught.value.faults]
    assert len(found) == len(pointers)
    for one, wanted in zip(found, pointers, strict=True):
        assert one.startswith(wanted)


def test_the_side_that_has_other_rows_is_named_and_columns_keep_their_names(pair):
    with pytest.raises(InvalidInput, match="the shape of candidate_logits without classes") as rows:
        compare(**{**pair, "candidate_logits": pair["candidate_logits"][:149]})
    assert [fault.pointer for fault in rows.value.faults] == ["/labels"]
    with pytest.raises(InvalidInput, match=r"^slices\[logits\] has shape"):
        compare(**pair, slices={"logits": ["a"]})


def test_more_draws_than_a_call_may_take_are_refused():
    z = np.zeros((2000, 1))
    with pytest.raises(InvalidInput) as caught:
        compare(
            baseline_logits=z, candidate_logits=z, labels=np.zeros(2000, int), replicates=100_000
        )
    assert caught.value.code == Code.INVALID_OPTION


def test_a_comparison_builds_no_totals_and_a_state_needs_those_of_its_settings(noisy):
    batch, classes = score(logits=noisy.logits, labels=noisy.labels, bins=None)
    assert batch.outcomes is None
    for other in ({"bins": None}, {"bins": 14}, {"top_k": 4}):
        batch, classes = score(logits=noisy.logits, labels=noisy.labels, **other)
        with pytest.raises(ValueError, match="top_k"):
            State(classes).add(batch)
