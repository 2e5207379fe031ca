"""The curves go where the rows say, from exact sums that merge."""

import math

import numpy as np
import pytest

from service.evaluation import State, evaluate, score
from service.evaluation.bins import RANKS, rank_edge, rank_numbers
from service.evaluation.curves import NEAR
from service.evaluation.histograms import LOSS_BINS, loss_edges, loss_numbers


@pytest.fixture(scope="module")
def curves(digits):
    found = evaluate(probabilities=digits.probabilities, labels=digits.labels, include=["curves"])
    return found.curves


def distance(x, y, points):
    """How far each of (x, y) is from the nearest corner of a path, the larger of both ways."""
    corners = np.array(points)
    return np.abs(np.stack([x, y], 1)[:, None] - corners).max(2).min(1)


def reach(p, point):
    """Whether probabilities reach a threshold."""
    return p >= point


class TestLosses:
    def test_every_edge_begins_its_bin(self):
        edges = np.array(loss_edges())
        assert len(edges) == LOSS_BINS + 1
        assert (np.diff(edges) > 0).all()
        np.testing.assert_allclose(edges[1:-1], 2.0 ** (np.arange(-80, 41) / 4), rtol=4e-16)
        inner = edges[1:-1]
        assert loss_numbers(inner).tolist() == list(range(1, LOSS_BINS))
        assert loss_numbers(np.nextafter(inner, 0)).tolist() == list(range(LOSS_BINS - 1))
        assert loss_numbers(np.array([0.0, -0.0, 5e-324, 1e308, np.inf])).tolist() == [
            0, 0, 0, LOSS_BINS - 1, LOSS_BINS - 1
        ]  # fmt: skip

    def test_the_bins_are_numpys_and_add_up_to_the_log_loss(self, digits, curves):
        losses = -np.log(digits.probabilities[np.arange(len(digits.labels)), digits.labels])
        counts, _ = np.histogram(losses, loss_edges()[:-1])
        found = {b.lower: b.weight for b in curves.losses}
        wanted = zip(loss_edges(), counts.tolist(), strict=False)
        assert found == {lower: count for lower, count in wanted if count}
        assert math.fsum(b.log_loss for b in curves.losses) == pytest.approx(losses.mean())

    def test_an_infinite_loss_is_in_the_last_bin(self):
        given = np.array([[1.0, 0.0], [0.5, 0.5]])
        found = evaluate(probabilities=given, labels=np.array([1, 0]), include=["curves"])
        last = found.curves.losses[-1]
        assert (last.lower, last.upper, last.weight, last.log_loss) == (1024, math.inf, 1, math.inf)


class TestRiskCoverage:
    def test_it_is_the_curve_of_the_sorted_rows(self, digits, curves):
        confidences = digits.probabilities.max(1)
        wrong = digits.probabilities.argmax(1) != digits.labels
        order = np.argsort(-confidences, kind="stable")
        taken = np.arange(1, len(order) + 1)
        risks = np.cumsum(wrong[order]) / taken
        found = curves.risk_coverage
        assert found.aurc == pytest.approx(risks.mean(), abs=1e-3)
        assert found.points[-1].coverage == 1.0
        assert found.points[-1].risk == wrong.mean()
        for point in found.points:
            answered = reach(confidences, point.confidence)
            assert point.coverage == answered.mean()
            assert point.risk == wrong[answered].mean()

    def test_rows_of_equal_confidence_are_answered_together(self):
        given = np.tile([0.75, 0.25], (4, 1))
        found = evaluate(probabilities=given, labels=np.array([0, 0, 1, 0]), include=["curves"])
        (point,) = found.curves.risk_coverage.points
        assert (point.coverage, point.risk, found.curves.risk_coverage.aurc) == (1.0, 0.25, 0.25)


class TestClasses:
    def test_each_point_is_what_its_threshold_gives(self, digits, curves):
        for c, curve in enumerate(curves.classes):
            p, own = digits.probabilities[:, c], digits.labels == c
            for point in curve.points:
                taken = reach(p, point.threshold)
                assert point.recall == taken[own].mean()
                assert point.false_positive_rate == taken[~own].mean()
                assert point.precision == own[taken].mean()

    def test_no_part_of_the_curve_is_missing(self, digits, curves):
        """Each of the curve's corners is near one that is kept, but for ties in a bin."""
        for c, curve in enumerate(curves.classes):
            ranks = rank_numbers(digits.probabilities[:, c])
            own = digits.labels == c
            levels = np.unique(ranks)[:, None] <= ranks
            recall, others = levels[:, own].mean(1), levels[:, ~own].mean(1)
            kept = [(point.false_positive_rate, point.recall) for point in curve.points]
            assert distance(others, recall, kept).max() < NEAR

    def test_a_class_without_rows_has_no_points_and_one_without_others_no_false_positives(self):
        given = np.array([[0.9, 0.1], [0.2, 0.8]])
        found = evaluate(probabilities=given, labels=np.array([0, 0]), include=["curves"])
        first, second = found.curves.classes
        assert [point.recall for point in first.points] == [0.5, 1.0]
        assert all(math.isnan(point.false_positive_rate) for point in first.points)
        assert second.points == ()

    def test_thresholds_are_the_edges_of_the_ranking(self):
        ranks = [*range(1, 625), *range(640, RANKS)]  # none lies between
        edges = np.array([rank_edge(rank) for rank in ranks])

        def numbers(p):
            return rank_numbers(p).tolist()

        assert numbers(edges) == ranks
        below = [rank - 1 for rank in ranks]
        below[624] = 624
        assert numbers(np.nextafter(edges, 0.0)) == below

    def test_above_256_classes_there_are_none(self):
        found = evaluate(logits=np.eye(257), labels=np.arange(257), include=["curves"])
        assert found.curves.classes is None
        assert found.curves.risk_coverage.points


def test_they_are_the_same_however_the_rows_are_split(noisy):
    def state(part):
        rows, classes = score(
            logits=noisy.logits[part],
            labels=noisy.labels[part],
            sample_weights=noisy.weights[part],
            row_ids=np.arange(400)[part],
        )
        found = State(classes)
        found.add(rows)
        return State.from_bytes(found.to_bytes())

    whole, merged = state(slice(None)), state(slice(300, None))
    merged.merge(state(slice(300)))
    assert whole.to_bytes() == merged.to_bytes()
    assert repr(whole.finish(curves=True).curves) == repr(merged.finish(curves=True).curves)


def test_they_are_there_on_request_alone(digits):
    assert evaluate(probabilities=digits.probabilities, labels=digits.labels).curves is None
