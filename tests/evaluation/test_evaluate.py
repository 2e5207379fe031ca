"""The report against closed forms, exact fractions and scikit-learn's figures."""

import math
from fractions import Fraction

import numpy as np
import pytest

from service.errors import Code, InvalidInput
from service.evaluation import WorstRow, evaluate
from service.losses import cross_entropy

nan, inf = math.nan, math.inf


def same(a, b):
    """Equality to the bit, where nan equals itself."""
    return repr(a) == repr(b)


def fault(**members):
    with pytest.raises(InvalidInput) as caught:
        evaluate(**members)
    return [(one.pointer, one.code) for one in caught.value.faults]


@pytest.fixture
def quarters():
    """Four rows whose probabilities float64 holds exactly; nothing is predicted as class 1."""
    return {
        "probabilities": np.array(
            [
                [0.75, 0.25, 0, 0],
                [0.25, 0.25, 0.5, 0],
                [0.5, 0.25, 0.25, 0],
                [0.125, 0.25, 0.625, 0],
            ]
        ),
        "labels": np.array([0, 1, 2, 2]),
    }


def test_every_figure_of_a_small_example(quarters):
    report = evaluate(**quarters, bins=4, worst=2)
    losses = [-math.log(p) for p in (0.75, 0.25, 0.25, 0.625)]
    assert report.log_loss == pytest.approx(sum(losses) / 4, rel=1e-15)
    assert (report.count, report.weight) == (4, 4)
    assert report.uniform_baseline == math.log(4)
    assert report.prior_baseline == pytest.approx(1.5 * math.log(2), rel=1e-15)
    assert report.skill == 1 - report.log_loss / report.prior_baseline
    assert report.accuracy == 0.5
    brier = [
        Fraction(2, 16),
        Fraction(1 + 9 + 4, 16),
        Fraction(4 + 1 + 9, 16),
        Fraction(1 + 4 + 9, 64),
    ]
    assert report.brier == float(sum(brier) / 4)
    assert report.confusion_matrix == ((1, 0, 0, 0), (0, 0, 1, 0), (1, 0, 1, 0), (0, 0, 0, 0))
    first = [(c.label, c.support, c.precision, c.recall, c.f1) for c in report.per_class]
    assert same(
        first,
        [
            (0, 1, 0.5, 1.0, 2 / 3),
            (1, 1, nan, 0.0, 0.0),
            (2, 2, 0.5, 0.5, 0.5),
            (3, 0, nan, nan, nan),
        ],
    )
    assert [c.log_loss for c in report.per_class[:2]] == losses[:2]
    assert math.isnan(report.per_class[3].log_loss)
    assert report.per_class[2].log_loss == pytest.approx((losses[2] + losses[3]) / 2, rel=1e-15)
    bins = [
        (b.lower, b.upper, b.count, b.weight, b.mean_confidence, b.accuracy)
        for b in report.calibration.bins
    ]
    assert same(
        bins,
        [
            (0.0, 0.25, 0, 0, nan, nan),
            (0.25, 0.5, 2, 2, 0.5, 0.0),
            (0.5, 0.75, 2, 2, 0.6875, 1.0),
            (0.75, 1.0, 0, 0, nan, nan),
        ],
    )
    assert report.calibration.ece == float(
        Fraction(2, 4) * Fraction(1, 2) + Fraction(2, 4) * Fraction(5, 16)
    )
    assert report.worst == (WorstRow(1, losses[1], 1, 0.25), WorstRow(2, losses[2], 2, 0.25))
    assert (report.infinite, report.overflowed, report.clipped, report.ignored) == (0, 0, 0, 0)
    assert report.max_sum_deviation == 0.0


@pytest.mark.parametrize("kind", ["unweighted", "weighted"])
def test_digits_agree_with_scikit_learn(digits, kind):
    golden = getattr(digits, kind)
    weights = digits.sample_weights if kind == "weighted" else None
    report = evaluate(
        probabilities=digits.probabilities,
        labels=digits.labels,
        sample_weights=weights,
        bins=digits.bins,
    )
    assert report.log_loss == pytest.approx(golden["log_loss"], rel=0, abs=1e-12)
    assert report.skill == pytest.approx(golden["skill"], rel=0, abs=1e-12)
    assert report.accuracy == pytest.approx(golden["accuracy"], rel=1e-15)
    assert report.brier == pytest.approx(golden["brier"], rel=1e-13)
    assert [c.precision for c in report.per_class] == pytest.approx(golden["precision"], rel=1e-15)
    assert [c.recall for c in report.per_class] == pytest.approx(golden["recall"], rel=1e-15)
    assert [c.f1 for c in report.per_class] == pytest.approx(golden["f1"], rel=1e-15)
    for kind, figures in golden["averages"].items():
        found = getattr(report, kind)
        assert (found.precision, found.recall, found.f1) == pytest.approx(figures, rel=1e-14)
    assert [each.accuracy for each in report.top_k] == pytest.approx(golden["top_k"], rel=1e-14)
    # those of the histogram may differ where two classes' rows share a bin
    areas = [c.roc_auc for c in report.per_class]
    assert areas == pytest.approx(golden["roc_auc"], abs=2e-3)
    assert report.ranking.roc_auc == pytest.approx(
        np.mean(golden["roc_auc"]), abs=report.ranking.roc_auc_error + 1e-12
    )
    assert report.ranking.roc_auc_error < 1e-3
    exact = evaluate(
        probabilities=digits.probabilities,
        labels=digits.labels,
        sample_weights=weights,
        include=["ranking"],
    )
    assert (exact.ranking.method, exact.ranking.roc_auc_error) == ("exact", 0.0)
    for name in ("roc_auc", "average_precision"):
        values = [getattr(each, name) for each in exact.per_class]
        assert values == pytest.approx(golden[name], rel=1e-12)
        assert getattr(exact.ranking, name) == pytest.approx(np.mean(golden[name]), rel=1e-12)
    precisions = [c.average_precision for c in report.per_class]
    assert precisions == pytest.approx(golden["average_precision"], abs=2e-2)
    assert [list(row) for row in report.confusion_matrix] == golden["confusion_matrix"]
    if weights is None:  # scikit-learn's bins know no weights
        filled = [b for b in report.calibration.bins if b.count]
        assert [b.accuracy for b in filled] == pytest.approx(golden["bin_accuracy"])
        assert [b.mean_confidence for b in filled] == pytest.approx(golden["bin_confidence"])


@pytest.mark.peers
def test_digits_log_loss_is_scikit_learns_today(digits):
    from sklearn.metrics import log_loss

    logits = np.log(digits.probabilities)
    for weights in (None, digits.sample_weights):
        theirs = log_loss(digits.labels, digits.probabilities, sample_weight=weights)
        ours = evaluate(logits=logits, labels=digits.labels, sample_weights=weights).log_loss
        assert ours == pytest.approx(theirs, rel=0, abs=1e-12)


def test_expected_calibration_error_by_its_definition(digits):
    report = evaluate(
        probabilities=digits.probabilities,
        labels=digits.labels,
        sample_weights=digits.sample_weights,
    )
    gaps = {}
    for p, label, weight in zip(
        digits.probabilities.tolist(), digits.labels, digits.sample_weights, strict=True
    ):
        confidence = max(p)
        b = next(k for k in range(15) if confidence <= (k + 1) / 15)
        right = int(p.index(confidence) == label)
        gaps[b] = gaps.get(b, 0) + Fraction(weight) * (right - Fraction(confidence))
    total = sum(map(Fraction, digits.sample_weights))
    assert report.calibration.ece == float(sum(map(abs, gaps.values())) / total)


@pytest.mark.parametrize("weighted", [False, True])
def test_log_loss_is_the_mean_of_the_loss(noisy, weighted):
    finite = np.setdiff1d(np.arange(400), [10, 30, 70])
    weights = noisy.weights[finite] if weighted else None
    members = {
        "logits": noisy.logits[finite],
        "labels": noisy.labels[finite],
        "sample_weights": weights,
    }
    assert evaluate(**members).log_loss == pytest.approx(cross_entropy(**members).loss, rel=2.3e-16)


def test_integer_weights_are_repetitions(digits):
    counts = (digits.sample_weights * 4).astype(int)
    repeated = np.repeat(np.arange(150), counts)
    weighted = evaluate(
        probabilities=digits.probabilities, labels=digits.labels, sample_weights=counts, worst=0
    )
    rows = evaluate(
        probabilities=digits.probabilities[repeated], labels=digits.labels[repeated], worst=0
    )
    for name in ("log_loss", "weight", "prior_baseline", "skill", "accuracy", "brier"):
        assert getattr(weighted, name) == getattr(rows, name)
    for own, theirs in zip(weighted.per_class, rows.per_class, strict=True):
        # rows of weight 2 are no more certain than rows of weight 1: the errors differ
        assert own.standard_error >= theirs.standard_error
        for name in ("support", "precision", "recall", "f1", "log_loss", "roc_auc", "ece"):
            assert getattr(own, name) == getattr(theirs, name)
    assert weighted.confusion_matrix == rows.confusion_matrix
    assert weighted.calibration.ece == rows.calibration.ece


def test_whole_numbers_stay_integers_without_weights(quarters):
    plain, weighted = evaluate(**quarters), evaluate(**quarters, sample_weights=np.ones(4))
    assert isinstance(plain.confusion_matrix[0][0], int)
    assert isinstance(plain.per_class[0].support, int)
    assert isinstance(weighted.confusion_matrix[0][0], float)
    assert plain == weighted or same(plain.log_loss, weighted.log_loss)


def test_class_names_and_row_ids_name_the_report(quarters):
    names = ["cat", "dog", 7, "emu"]
    labels = np.array([names[i] for i in quarters["labels"]], object)
    report = evaluate(
        probabilities=quarters["probabilities"],
        labels=labels,
        classes=names,
        row_ids=["d", "c", "b", "a"],
        worst=2,
    )
    assert [c.label for c in report.per_class] == names
    assert [(row.row, row.label) for row in report.worst] == [("b", 7), ("c", "dog")]


def test_infinite_losses_are_counted_and_come_first(noisy):
    report = evaluate(logits=noisy.logits, labels=noisy.labels, worst=4)
    assert (report.infinite, report.overflowed) == (2, 1)
    assert (report.log_loss, report.skill) == (inf, -inf)
    assert [row.row for row in report.worst[:3]] == [10, 30, 70]
    assert [row.probability for row in report.worst[:3]] == [0, 0, 0]
    assert math.isfinite(report.worst[3].loss)
    lost = {int(noisy.labels[i]) for i in (10, 30, 70)}
    assert {c.label for c in report.per_class if c.log_loss == inf} == lost
    assert math.isnan(report.per_class[5].log_loss)
    assert math.isfinite(report.brier)


def test_rows_of_all_blocks_are_counted():
    probabilities = np.full((40_000, 2), 0.5)
    probabilities[[0, 1, -1]] = [1.0, 0.0]
    probabilities[-2] = [0.5, 0.5 + 1e-7]
    members = {"probabilities": probabilities, "labels": np.ones(40_000, int)}
    report = evaluate(**members)
    assert report.infinite == 3
    assert report.max_sum_deviation == pytest.approx(1e-7, rel=1e-8)
    assert [row.row for row in report.worst[:4]] == [0, 1, 39_999, 2]
    assert evaluate(**members, zero_probability="clip").clipped == 3
    logits = np.where(probabilities == 0, -1.7e308, np.where(probabilities == 1, 1.7e308, 0))
    assert evaluate(logits=logits, labels=members["labels"]).overflowed == 3


@pytest.mark.parametrize("worst", [1, 2, 7, 300])
@pytest.mark.parametrize("values", [3, 10_000], ids=["equal losses", "distinct losses"])
def test_the_worst_of_many_rows_are_the_largest_losses_and_of_equal_ones_the_lower_ids(
    worst, values
):
    rng = np.random.default_rng(values)
    margins, ids = rng.integers(0, values, 40_000) * 1e-3, rng.permutation(40_000)
    logits = np.stack([margins, np.zeros(40_000)], axis=1)
    report = evaluate(logits=logits, labels=np.ones(40_000, int), row_ids=ids, worst=worst)
    assert [row.row for row in report.worst] == ids[np.lexsort((ids, -margins))[:worst]].tolist()


def test_clip_bounds_the_loss_and_is_counted():
    report = evaluate(
        probabilities=np.array([[1.0, 0.0], [1.0, 0.0]]),
        labels=np.array([0, 1]),
        zero_probability="clip",
        clip=2.0**-4,
    )
    assert report.log_loss == pytest.approx(2 * math.log(2), rel=1e-15)
    assert (report.clipped, report.infinite) == (1, 0)
    assert math.copysign(1, report.worst[1].loss) == 1  # not -0.0


def test_a_row_of_weight_zero_is_not_read():
    report = evaluate(
        logits=np.array([[0.0, 1.0], [nan, nan], [2.0, 0.0]]),
        labels=np.array([1, 99, 0]),
        sample_weights=np.array([1.0, 0.0, 2.0]),
    )
    assert (report.count, report.ignored, report.weight) == (2, 1, 3.0)
    assert [row.row for row in report.worst] == [0, 2]


def test_a_certain_logit_is_a_prediction_of_probability_one():
    report = evaluate(logits=np.array([[inf, 3.0], [-inf, 3.0]]), labels=np.array([0, 1]))
    assert (report.log_loss, report.accuracy, report.brier) == (0.0, 1.0, 0.0)
    assert report.calibration.bins[-1].mean_confidence == 1.0


def test_ties_go_to_the_lower_class():
    report = evaluate(probabilities=np.array([[0.25, 0.375, 0.375]]), labels=np.array([2]))
    assert report.confusion_matrix[2] == (0, 1, 0)


def test_logits_that_probabilities_cannot_tell_apart_are_told_apart():
    report = evaluate(logits=np.array([[0.0, 1e-17]]), labels=np.array([1]))
    assert report.accuracy == 1.0


def test_renormalized_rows_are_divided_by_their_sums():
    huge = np.array([[1.2e308, 0.4e308], [0.8e308, 0.8e308]])
    report = evaluate(probabilities=huge, labels=np.array([0, 1]), normalize="renormalize")
    halves = evaluate(probabilities=np.array([[0.75, 0.25], [0.5, 0.5]]), labels=np.array([0, 1]))
    assert report.log_loss == pytest.approx(halves.log_loss, rel=1e-15)
    assert (report.brier, report.accuracy) == (halves.brier, halves.accuracy)
    assert report.calibration.bins[7].mean_confidence == 0.5


def test_rows_that_do_not_sum_to_one_are_refused_or_taken_as_they_are():
    members = {"probabilities": np.array([[0.5, 0.25]]), "labels": np.array([0])}
    assert fault(**members) == [("/probabilities/0", Code.NOT_NORMALIZED)]
    report = evaluate(**members, normalize="off")
    assert report.max_sum_deviation == 0.25
    assert report.brier == 0.25 + 0.0625
    assert report.log_loss == math.log(2)


def test_the_brier_score_keeps_the_digits_of_a_confident_prediction():
    report = evaluate(logits=np.array([[0.0, -40.0]]), labels=np.array([0]))
    assert report.brier == pytest.approx(2 * math.exp(-40) ** 2, rel=1e-14, abs=0)
    assert report.log_loss == 4.248354255291589e-18


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_small_dtypes_are_computed_in_float64(dtype):
    rng = np.random.default_rng(8)
    logits, labels = rng.normal(size=(50, 4)).astype(dtype), rng.integers(0, 4, 50)
    wide = evaluate(logits=logits.astype(float), labels=labels)
    narrow = evaluate(logits=logits, labels=labels)
    assert narrow.log_loss == pytest.approx(wide.log_loss, rel=1e-15)
    assert narrow.brier == pytest.approx(wide.brier, rel=1e-15)
    half = np.full((2, 3), 1 / 3).astype(np.float16)
    assert evaluate(probabilities=half, labels=np.array([0, 1])).max_sum_deviation < 1e-2


def test_tiny_and_huge_weights_lose_nothing():
    members = {"logits": np.array([[0.0, 1.0], [0.0, -1.0]]), "labels": np.array([0, 0])}
    plain = evaluate(**members)
    for weight in (5e-324, 8.9e307):
        report = evaluate(**members, sample_weights=np.full(2, weight))
        assert report.log_loss == plain.log_loss
        assert report.brier == plain.brier
        assert report.prior_baseline == 0
    assert fault(**members, sample_weights=np.full(2, 1.7e308)) == [
        ("/sample_weights", Code.WEIGHT_OVERFLOW)
    ]


@pytest.mark.parametrize("member", ["logits", "probabilities"])
def test_integers_are_numbers_too(member):
    rows, labels = np.array([[1, 0], [0, 1]]), np.array([0, 0])
    whole = evaluate(**{member: rows}, labels=labels)
    assert same(whole, evaluate(**{member: rows.astype(float)}, labels=labels))


def test_one_class_is_always_right():
    report = evaluate(logits=np.array([[3.0], [-2.0]]), labels=np.array([0, 0]))
    assert (report.log_loss, report.accuracy, report.brier) == (0.0, 1.0, 0.0)
    assert (report.uniform_baseline, report.prior_baseline) == (0.0, 0.0)
    assert math.isnan(report.skill)


def test_a_single_sample_may_be_a_single_row():
    report = evaluate(logits=np.array([2.0, 4.0, 0.5]), labels=np.array(1))
    assert report.count == 1
    assert report.log_loss == pytest.approx(math.log1p(math.exp(-2) + math.exp(-3.5)), rel=1e-15)


@pytest.mark.parametrize("weights", [None, np.zeros(0)])
@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_nothing_to_evaluate(shape, weights):
    members = {"logits": np.zeros(shape), "labels": np.zeros(0, int), "sample_weights": weights}
    assert fault(**members) == [("/labels", Code.EMPTY_REDUCTION)]


def test_only_rows_of_weight_zero():
    members = {"logits": np.zeros((2, 3)), "labels": np.zeros(2, int)}
    assert fault(**members, sample_weights=np.zeros(2)) == [("/labels", Code.EMPTY_REDUCTION)]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"labels": np.array([0, 3])}, [("/labels/1", Code.LABEL_OUT_OF_RANGE)]),
        ({"labels": np.array([0])}, [("/labels", Code.SHAPE_MISMATCH)]),
        ({"logits": None}, [("/logits", Code.MISSING_MEMBER)]),
        ({"logits": np.array([[0.0, 1, 2], [0, nan, 0]])}, [("/logits/1/1", Code.NAN_VALUE)]),
        ({"classes": ["a", "b", "c"]}, [("/labels/0", Code.UNKNOWN_LABEL)]),
        ({"classes": [0, 1]}, [("/classes", Code.SHAPE_MISMATCH)]),
        ({"classes": [0, 2, 2]}, [("/classes/2", Code.INVALID_OPTION)]),
        ({"sample_weights": np.array([1.0, -1])}, [("/sample_weights/1", Code.NEGATIVE_WEIGHT)]),
        ({"sample_weights": np.ones(3)}, [("/sample_weights", Code.SHAPE_MISMATCH)]),
        ({"row_ids": [1, 2, 3]}, [("/row_ids", Code.SHAPE_MISMATCH)]),
        ({"row_ids": [1, "a"]}, [("/row_ids/1", Code.INVALID_OPTION)]),
        ({"row_ids": [[1], [2]]}, [("/row_ids/0", Code.INVALID_OPTION)]),
        ({"row_ids": np.array([[1], [2]])}, [("/row_ids", Code.SHAPE_MISMATCH)]),
        ({"row_ids": [True, False]}, [("/row_ids/0", Code.INVALID_OPTION)]),
        ({"row_ids": np.array([0.5, 1])}, [("/row_ids/0", Code.INVALID_OPTION)]),
        ({"bins": 0, "worst": -1}, [(f"/{m}", Code.INVALID_OPTION) for m in ("bins", "worst")]),
        ({"normalize": "l1"}, [("/normalize", Code.INVALID_OPTION)]),
        ({"clip": 0.0}, [("/clip", Code.INVALID_OPTION)]),
        (
            {
                "logits": np.array([[0.0, 1, 2], [0, nan, 0]]),
                "labels": np.array([0, 3]),
                "sample_weights": np.array([nan, 1]),
                "row_ids": [None, 1],
            },
            [
                ("/row_ids/0", Code.INVALID_OPTION),
                ("/sample_weights/0", Code.NAN_VALUE),
                ("/labels/1", Code.LABEL_OUT_OF_RANGE),
                ("/logits/1/1", Code.NAN_VALUE),
            ],
        ),
    ],
)
def test_bad_members_are_named_all_at_once(change, faults):
    members = {"logits": np.zeros((2, 3)), "labels": np.array([0, 2]), **change}
    assert fault(**members) == faults


def test_a_zero_probability_can_be_refused():
    members = {"probabilities": np.array([[1.0, 0.0]]), "labels": np.array([1])}
    assert fault(**members, zero_probability="reject") == [
        ("/probabilities/0/1", Code.ZERO_PROBABILITY)
    ]


def test_indices_among_names_are_told_what_they_are():
    p = np.full((2, 2), 0.5)
    with pytest.raises(InvalidInput, match=r"none of the 2 classes, whose names are strings; an"):
        evaluate(probabilities=p, labels=np.array([0, 1]), classes=["a", "b"])
    with pytest.raises(InvalidInput, match=r"^labels\[1\] is none of the 2 classes$"):
        evaluate(probabilities=p, labels=np.array(["a", "c"]), classes=["a", "b"])
    with pytest.raises(InvalidInput, match=r"^labels\[1\] is none of the 2 classes$"):
        evaluate(probabilities=p, labels=np.array([7, 9]), classes=[7, 8])
