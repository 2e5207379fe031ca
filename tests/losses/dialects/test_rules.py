"""Which rules are named, each on data small enough to check by hand."""

import math

import numpy as np
import pytest

from service.losses.dialects import RULES, dialect_loss

CE, BCE = "cross-entropy", "binary-cross-entropy"
THREE = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]])
ONE_HOT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
WEIGHTS = np.array([1.0, 1.0, 4.0])


def codes(dialect, loss, **given):
    arrays = {name: np.array(v) if isinstance(v, list) else v for name, v in given.items()}
    return {rule.code for rule in dialect_loss(dialect, loss, **arrays).rules}


def value(dialect, loss, **given):
    arrays = {name: np.array(v) if isinstance(v, list) else v for name, v in given.items()}
    return dialect_loss(dialect, loss, **arrays).loss


# dialect, loss, members that call for the rule, and a change with which it no longer holds
MEETS = [
    ("rest_vanishes", "torch", CE, {"logits": [[0.0, -40.0]], "labels": [0]},
     {"logits": [[0.0, -4.0]]}),
    ("log_softmax_first", "torch", "negative-log-likelihood", {"logits": THREE, "labels": [0, 2]},
     {"logits": None, "log_probabilities": THREE}),
    ("cancellation", "torch", BCE, {"logits": [-20.0], "labels": [0]}, {"labels": [1]}),
    ("complement_rounded", "sklearn", BCE, {"probabilities": [1e-12, 0.3], "labels": [0, 1]},
     {"labels": [1, 1]}),
    ("nan_from_infinity", "torch", CE,
     {"logits": [[0.0, -math.inf]], "targets": [[1.0, 0.0]]}, {"logits": [[0.0, -1.0]]}),
    ("ignore_minus_100", "torch", CE, {"logits": THREE, "labels": [-100, 0]}, {"labels": [0, 0]}),
    ("minus_100_counts_as_0", "keras", CE, {"logits": THREE, "labels": [-100, 0]},
     {"ignore_index": -100}),
    ("mean_of_nothing_nan", "torch", CE, {"logits": THREE, "labels": [1, 1], "ignore_index": 1},
     {"reduction": "sum"}),
    ("mean_of_nothing_0", "keras", CE, {"logits": THREE, "labels": [1, 1], "ignore_index": 1},
     {"labels": [1, 0]}),
    ("empty_unreduced", "keras", CE, {"logits": np.zeros((0, 3)), "labels": np.zeros(0, int)},
     {"reduction": "none"}),
    ("denominator_count", "torch", CE,
     {"logits": THREE, "targets": ONE_HOT, "class_weights": WEIGHTS}, {"reduction": "sum"}),
    ("denominator_count", "torch", BCE,
     {"probabilities": [0.5, 0.25], "labels": [1, 0], "sample_weights": [1.0, 2.0]},
     {"sample_weights": [1.5, 0.5]}),
    ("denominator_count", "keras", CE,
     {"logits": THREE, "labels": [0, 1], "sample_weights": [1.0, 2.0]},
     {"sample_weights": [1.5, 0.5]}),
    ("denominator_count", "keras", CE,
     {"logits": [0.0, 1.0, 2.0], "labels": np.int64(1), "sample_weights": np.float64(2)},
     {"sample_weights": np.float64(1)}),
    ("denominator_count", "keras", BCE,
     {"logits": [0.0, 1.0], "labels": [0, 1], "sample_weights": [1.0, 2.0]},
     {"sample_weights": [1.5, 0.5]}),
    ("mean_of_nothing_0", "keras", CE,
     {"logits": [0.0, 1.0, 2.0], "labels": np.int64(1), "ignore_index": 1}, {"ignore_index": 0}),
    ("denominator_count", "keras", "focal",
     {"logits": THREE, "labels": [0, 2], "class_weights": WEIGHTS},
     {"class_weights": np.array([0.5, 9.0, 1.5])}),
    ("q_0.5", "keras", "generalized-cross-entropy",
     {"probabilities": [[0.5, 0.5]], "labels": [0]}, {"q": 0.7}),
    ("denominator_elements", "torch", "kl-divergence",
     {"log_probabilities": [[-1.0, -0.5]], "targets": [[0.5, 0.5]]}, {"reduction": "sum"}),
    ("unreduced_elements", "torch", "kl-divergence",
     {"log_probabilities": [[-1.0, -0.5]], "targets": [[0.5, 0.5]], "reduction": "none"},
     {"reduction": "mean"}),
    ("textbook_kl", "torch", "kl-divergence",
     {"log_probabilities": [[-1.0, -0.5]], "targets": [[0.5, 0.5]]},
     {"log_probabilities": [[math.log(0.25), math.log(0.75)]]}),
    ("log_at_least_-100", "torch", BCE, {"probabilities": [0.0], "labels": [1]}, {"labels": [0]}),
    ("renormalized", "keras", CE, {"probabilities": [[0.5, 0.25]], "labels": [0]},
     {"probabilities": [[0.5, 0.5]]}),
    ("renormalized_after_clip", "tensorflow", CE, {"probabilities": [[0.5, 0.25]], "labels": [0]},
     {"probabilities": [[0.5, 0.5]]}),
    ("clip_1e-7", "keras", BCE, {"probabilities": [0.0], "labels": [1]}, {"probabilities": [0.5]}),
    ("clip_1e-7_both", "keras", "kl-divergence",
     {"probabilities": [[0.0, 1.0]], "targets": [[0.5, 0.5]]}, {"probabilities": [[0.5, 0.5]]}),
    ("clip_eps", "sklearn", CE, {"probabilities": [[0.0, 1.0]], "labels": [0]},
     {"probabilities": [[0.5, 0.5]]}),
    ("smoothing_last_axis", "keras", CE,
     {"logits": THREE, "targets": np.full((2, 3), 0.5), "axis": 0, "label_smoothing": 0.1},
     {"axis": 1}),
    ("mean_last_axis", "keras", BCE,
     {"probabilities": [0.5, 0.25], "labels": [1, 0], "reduction": "none"}, {"reduction": "mean"}),
    ("subnormal_to_0", "tensorflow", "generalized-cross-entropy",
     {"probabilities": [[1e-40, 1.0]], "labels": [0]}, {"labels": [1]}),
    ("logits_recovered", "tensorflow", "binary-focal", {"logits": [[30.0]], "labels": [[0]]},
     {"logits": [[1.0]]}),
    ("alpha_0.25", "keras", "focal", {"logits": THREE, "labels": [0, 1]},
     {"class_weights": np.ones(3)}),
    ("unclipped_focus", "keras", "binary-focal", {"probabilities": [[0.0]], "labels": [[1]]},
     {"probabilities": [[0.5]]}),
    ("scale_by_half", "sklearn", "brier", {"probabilities": [[0.2, 0.8]], "labels": [0]},
     {"probabilities": [[0.2, 0.5, 0.3]]}),
    ("input_dtype", "sklearn", "brier",
     {"probabilities": np.float32([[0.2, 0.8]]), "labels": [0]},
     {"probabilities": [[0.2, 0.8]]}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "dialect", "loss", "given", "change"), MEETS)
def test_a_rule_is_named_where_it_makes_a_difference_and_only_there(
    code, dialect, loss, given, change
):
    assert code in codes(dialect, loss, **given)
    assert code not in codes(dialect, loss, **{**given, **change})


def test_every_rule_has_its_data():
    named = {code for code, *_ in MEETS} | {"float32"}
    assert named == {rule.code for rule in RULES}
    assert len(RULES) == len(named)


def test_float32_is_named_for_the_libraries_that_default_to_it():
    given = {"probabilities": [0.5], "labels": [1]}
    for dialect in ("torch", "keras", "tensorflow"):
        assert codes(dialect, BCE, **given) == {"float32"}
    assert codes("sklearn", BCE, **given) == set()


class TestCaps:
    """The largest losses, in closed form."""

    @pytest.mark.parametrize(
        ("dialect", "label", "cap"),
        [
            ("torch", 1, 100.0),
            ("torch", 0, 100.0),
            ("keras", 1, -math.log(np.float32(1e-7))),
            ("keras", 0, 23 * math.log(2)),
            ("tensorflow", 0, 23 * math.log(2)),
            ("sklearn", 1, 52 * math.log(2)),
        ],
    )
    def test_a_certain_and_wrong_probability_costs_the_cap(self, dialect, label, cap):
        loss = value(dialect, BCE, probabilities=[1.0 - label], labels=[label])
        assert loss == pytest.approx(cap, rel=1e-7)


class TestDenominators:
    """Two rows of loss ln 3 each; class 2 weighs 4."""

    GIVEN = {"logits": np.zeros((2, 3)), "class_weights": WEIGHTS}

    def test_torch_divides_by_the_weights_of_labels_and_by_the_count_of_targets(self):
        hard = value("torch", CE, labels=[0, 2], **self.GIVEN)
        soft = value("torch", CE, targets=ONE_HOT, **self.GIVEN)
        assert hard == pytest.approx(math.log(3), rel=1e-6)
        assert soft == pytest.approx(math.log(3) * 5 / 2, rel=1e-6)

    def test_keras_divides_by_the_count_and_sklearn_by_the_weights(self):
        given = {"probabilities": np.full((2, 2), 0.5), "labels": [0, 1]}
        weights = np.array([1.0, 4.0])
        keras = value("keras", CE, sample_weights=weights, **given)
        sklearn = value("sklearn", CE, sample_weights=weights, **given)
        assert keras == pytest.approx(math.log(2) * 5 / 2, rel=1e-6)
        assert sklearn == pytest.approx(math.log(2), rel=1e-15)
