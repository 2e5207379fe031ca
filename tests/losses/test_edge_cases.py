"""Numbers and edge cases, row by row as the contract's table lists them."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from service.errors import Code, InvalidInput
from service.losses import (
    binary_cross_entropy,
    binary_focal,
    cross_entropy,
    focal,
    js_divergence,
    sigmoid,
    softmax,
)

from .conftest import faults

INF, NAN = math.inf, math.nan


def array(values: Any, dtype: Any = np.float64) -> np.ndarray:
    return np.array(values, dtype=dtype)


class TestImpossibleAndCertainClasses:
    def test_an_impossible_class_has_probability_and_gradient_0(self) -> None:
        logits = array([[1.0, -INF, 3.0]])
        np.testing.assert_array_equal(
            softmax(logits), np.insert(softmax(array([[1.0, 3.0]])), 1, 0, axis=1)
        )
        assert softmax(logits, log=True)[0, 1] == -INF
        for truth in ({"labels": array([0], int)}, {"targets": array([[0.5, 0.0, 0.5]])}):
            result = cross_entropy(logits=logits, gradient=True, **truth)
            assert math.isfinite(result.loss)
            assert result.gradient[0, 1] == 0

    def test_under_label_smoothing_its_loss_is_infinite(self) -> None:
        result = cross_entropy(
            logits=array([[1.0, -INF, 3.0]]), labels=array([0], int), label_smoothing=0.1
        )
        assert (result.loss, result.infinite, result.overflowed) == (INF, 1, 0)

    @pytest.mark.parametrize(
        "predictions",
        [
            {"logits": array([[-INF, 0.0], [0.0, 0.0]])},
            {"probabilities": array([[0.0, 1.0], [0.5, 0.5]])},
            {"log_probabilities": array([[-INF, 0.0], [-math.log(2)] * 2])},
        ],
        ids=lambda p: next(iter(p)),
    )
    @pytest.mark.parametrize("soft", [False, True])
    def test_an_impossible_truth(self, predictions: dict[str, Any], soft: bool) -> None:
        truth: dict[str, Any] = {"labels": array([0, 1], int)}
        if soft:
            truth = {"targets": np.eye(2)}
        result = cross_entropy(**predictions, **truth, reduction="none", gradient=True)
        np.testing.assert_allclose(result.loss, [INF, math.log(2)], rtol=1e-15)
        assert (result.infinite, result.overflowed, result.clipped) == (1, 0, 0)
        if "logits" in predictions:
            np.testing.assert_array_equal(result.gradient, [[-1, 1], [0.5, -0.5]])
        clipped = cross_entropy(
            **predictions, **truth, zero_probability="clip", reduction="none", gradient=True
        )
        np.testing.assert_allclose(clipped.loss, [52 * math.log(2), math.log(2)], rtol=1e-15)
        assert (clipped.infinite, clipped.clipped) == (0, 1)
        np.testing.assert_array_equal(clipped.gradient[0], [0, 0])
        found = faults(cross_entropy, **predictions, **truth, zero_probability="reject")
        member = next(iter(predictions))
        assert found == [(f"/{member}/0" + ("" if soft else "/0"), Code.ZERO_PROBABILITY)]

    def test_the_clip_is_the_same_for_every_dtype_and_in_bits_a_power_of_two(self) -> None:
        for dtype in (np.float16, np.float32, np.float64):
            result = cross_entropy(
                probabilities=array([[0, 1]], dtype),
                labels=array([0], int),
                zero_probability="clip",
                unit="bit",
            )
            assert result.loss == 52

    def test_the_slope_at_probability_0_is_infinite_unless_nothing_is_true_there(self) -> None:
        p = array([[0.0, 1.0]])
        hard = cross_entropy(probabilities=p, labels=array([0], int), gradient=True)
        np.testing.assert_array_equal(hard.gradient, [[-INF, 0]])
        soft = cross_entropy(probabilities=p, targets=array([[0.0, 1.0]]), gradient=True)
        np.testing.assert_array_equal(soft.gradient, [[0, -1]])

    @pytest.mark.parametrize("policy", ["infinite", "reject", "clip"])
    def test_a_class_of_weight_0_costs_nothing_even_where_it_is_impossible(
        self, policy: Any
    ) -> None:
        for predictions in (
            {"probabilities": array([[0.0, 1.0], [0.5, 0.5]])},
            {"logits": array([[-INF, 0.0], [0.0, 0.0]])},
            {"log_probabilities": np.log(array([[1e-300, 1.0], [0.5, 0.5]]))},
        ):
            result = cross_entropy(
                **predictions,
                labels=array([0, 1], int),
                class_weights=array([0.0, 1.0]),
                zero_probability=policy,
                gradient=True,
            )
            assert result.loss == pytest.approx(math.log(2), rel=1e-15)
            assert (result.infinite, result.overflowed, result.clipped) == (0, 0, 0)
            np.testing.assert_array_equal(result.gradient[0], [0, 0])

    def test_one_certain_class(self) -> None:
        logits = array([[INF, 1e300, -INF]])
        np.testing.assert_array_equal(softmax(logits), [[1, 0, 0]])
        np.testing.assert_array_equal(softmax(logits, log=True), [[0, -INF, -INF]])
        right = cross_entropy(logits=logits, labels=array([0], int), gradient=True)
        assert right.loss == 0
        np.testing.assert_array_equal(right.gradient, [[0, 0, 0]])
        wrong = cross_entropy(logits=logits, labels=array([1], int), gradient=True)
        assert (wrong.loss, wrong.infinite) == (INF, 1)
        np.testing.assert_array_equal(wrong.gradient, [[1, -1, 0]])

    def test_two_certain_classes_or_none_possible_are_refused(self) -> None:
        zeros = array([0, 0], int)
        for function in (softmax, lambda logits: cross_entropy(logits=logits, labels=zeros)):
            two = array([[0.0, 0.0, 0.0], [INF, 0.0, INF]])
            assert faults(function, logits=two) == [("/logits/1/2", Code.AMBIGUOUS_ROW)]
            none = array([[0.0, 0.0], [-INF, -INF]])
            assert faults(function, logits=none) == [("/logits/1", Code.IMPOSSIBLE_ROW)]

    def test_the_first_bad_row_is_named_whatever_is_wrong_with_it(self) -> None:
        rows = [[INF, INF], [-INF, -INF], [NAN, 0.0]]
        codes = [Code.AMBIGUOUS_ROW, Code.IMPOSSIBLE_ROW, Code.NAN_VALUE]
        for first in range(3):
            logits = array(rows[first:] + rows[:first])
            ((pointer, code),) = faults(softmax, logits=logits)
            assert pointer.startswith("/logits/0")
            assert code == codes[first]
        p = array([[0.5, 0.6], [NAN, 1.0], [-1.0, 2.0]])
        labels = array([0, 0, 0], int)
        assert faults(cross_entropy, probabilities=p, labels=labels) == [
            ("/probabilities/0", Code.NOT_NORMALIZED)
        ]
        assert faults(cross_entropy, probabilities=p[1:], labels=labels[1:]) == [
            ("/probabilities/0/0", Code.NAN_VALUE)
        ]

    def test_the_binary_loss_of_certain_predictions(self) -> None:
        logits = array([INF, -INF, INF, -INF])
        labels = array([1, 0, 0, 1], int)
        result = binary_cross_entropy(logits=logits, labels=labels, reduction="none", gradient=True)
        np.testing.assert_array_equal(result.loss, [0, 0, INF, INF])
        np.testing.assert_array_equal(result.gradient, [0, 0, 1, -1])
        assert result.infinite == 2
        assert faults(
            binary_cross_entropy, logits=logits, labels=labels, zero_probability="reject"
        ) == [("/logits/2", Code.ZERO_PROBABILITY)]
        p = array([1.0, 0.0, 1.0, 0.0])
        assert faults(
            binary_cross_entropy, probabilities=p, labels=labels, zero_probability="reject"
        ) == [("/probabilities/2", Code.ZERO_PROBABILITY)]
        sure = binary_cross_entropy(probabilities=p, labels=labels, gradient=True)
        assert (sure.loss, sure.infinite) == (INF, 2)
        np.testing.assert_array_equal(sure.gradient, [-0.25, 0.25, INF, -INF])
        clipped = binary_cross_entropy(
            logits=logits, labels=labels, zero_probability="clip", clip=0.25, unit="bit"
        )
        assert (clipped.loss, clipped.clipped) == (1.0, 2)

    def test_a_positive_weight_of_0_forgives_an_impossible_positive(self) -> None:
        for given in ({"logits": array([-INF])}, {"probabilities": array([0.0])}):
            result = binary_cross_entropy(**given, labels=array([1], int), positive_weight=0.0)
            assert (result.loss, result.infinite, result.overflowed) == (0, 0, 0)


class TestOverflow:
    @pytest.mark.parametrize("extreme", [1e308, 1.7e308])
    def test_extreme_logits(self, extreme: float) -> None:
        logits = array([[extreme, -extreme]])
        np.testing.assert_array_equal(softmax(logits), [[1, 0]])
        right = cross_entropy(logits=logits, labels=array([0], int), gradient=True)
        assert (right.loss, right.overflowed) == (0, 0)
        wrong = cross_entropy(logits=logits, labels=array([1], int), gradient=True)
        assert (wrong.loss, wrong.overflowed, wrong.infinite) == (INF, 1, 0)
        np.testing.assert_array_equal(wrong.gradient, [[1, -1]])
        soft = cross_entropy(logits=logits, targets=array([[0.5, 0.5]]))
        assert (soft.loss, soft.overflowed) == (extreme, 0)  # half of twice that
        binary = binary_cross_entropy(logits=logits[0], labels=array([0, 1], int), gradient=True)
        assert (binary.loss, binary.overflowed) == (extreme, 0)
        np.testing.assert_array_equal(binary.gradient, [0.5, -0.5])

    def test_a_row_that_overflows_is_neither_rejected_nor_unbounded_when_clipped(self) -> None:
        given: dict[str, Any] = {"logits": array([[1e308, -1e308]]), "labels": array([1], int)}
        assert cross_entropy(**given, zero_probability="reject").overflowed == 1
        clipped = cross_entropy(**given, zero_probability="clip", unit="bit", gradient=True)
        assert (clipped.loss, clipped.clipped, clipped.overflowed) == (52, 1, 0)
        np.testing.assert_array_equal(clipped.gradient, [[0, 0]])

    def test_a_representable_mean_survives_a_sum_that_is_not(self) -> None:
        logits = np.tile(array([1.5e308, 0.0]), (4, 1))
        labels = array([1, 1, 1, 1], int)
        assert cross_entropy(logits=logits, labels=labels).loss == 1.5e308
        assert cross_entropy(logits=logits, labels=labels, reduction="sum").loss == INF
        weights = np.full(4, 1e10)
        assert cross_entropy(logits=logits, labels=labels, sample_weights=weights).loss == 1.5e308

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_soft_targets_of_impossible_and_distant_classes_are_alike_in_every_dtype(
        self, dtype: type[np.floating[Any]]
    ) -> None:
        impossible = array([[0.0, -INF, 1.0]], dtype)
        assert cross_entropy(logits=impossible, targets=array([[0.3, 0.4, 0.3]])).loss == INF
        far: dict[str, Any] = {"logits": array([[0.0, 1e4]], dtype), "targets": array([[1.0, 0.0]])}
        assert cross_entropy(**far, temperature=1e-306).loss == INF
        light = cross_entropy(
            **far, temperature=1e-306, class_weights=array([1e-10, 1.0]), reduction="sum"
        )
        assert light.loss == pytest.approx(1e300, rel=1e-15)

    def test_tiny_weights_lose_no_digits_of_the_mean_and_its_gradient(self) -> None:
        given: dict[str, Any] = {"logits": array([[0.0, -40.0]]), "gradient": True}
        exact = cross_entropy(**given, labels=array([0], int))
        tiny = cross_entropy(**given, labels=array([0], int), sample_weights=array([5e-324]))
        assert tiny.loss == exact.loss
        np.testing.assert_allclose(tiny.gradient, exact.gradient, rtol=1e-15)
        soft = {"targets": array([[0.5, 0.5]]), "logits": array([[0.0, 1.0]]), "gradient": True}
        one = cross_entropy(**soft)
        small = cross_entropy(**soft, class_weights=np.full(2, 2.0**-1040))
        assert small.loss == pytest.approx(one.loss, rel=1e-9)
        np.testing.assert_allclose(small.gradient, one.gradient, rtol=1e-9)

    def test_a_temperature_whose_reciprocal_is_infinite_leaves_a_finite_slope_of_the_z_loss(
        self,
    ) -> None:
        t, gap = 7e-312, 9.0
        given = {"logits": array([[0.0, -gap * t]]), "labels": array([0], int), "temperature": t}
        slope = cross_entropy(**given, z_loss=0.01, reduction="none", gradient=True).gradient[0, 1]
        p = math.exp(-gap) / (1.0 + math.exp(-gap))
        level = math.log1p(math.exp(-gap))
        # the gap is a subnormal number, which rounds it
        np.testing.assert_allclose(slope, p * (1.0 + 0.02 * level) / t, rtol=1e-9)

    def test_a_total_weight_beyond_float64_is_refused(self) -> None:
        weights = array([1.7e308, 1.7e308])
        assert faults(
            cross_entropy,
            logits=np.zeros((2, 2)),
            labels=array([0, 1], int),
            sample_weights=weights,
        ) == [("", Code.WEIGHT_OVERFLOW)]

    def test_a_weight_of_soft_targets_beyond_float64_is_refused(self) -> None:
        assert faults(
            cross_entropy,
            logits=np.zeros((1, 2)),
            targets=array([[0.5, 0.5]]),
            class_weights=array([1e200, 1e200]),
            sample_weights=array([1e200]),
        ) == [("", Code.WEIGHT_OVERFLOW)]

    def test_a_baseline_beyond_float64_is_infinite_whoever_is_left_out(self) -> None:
        found = cross_entropy(
            logits=np.zeros((2, 4)),
            labels=array([0, 1], int),
            sample_weights=array([1.0, 0.0]),
            z_loss=1.7e308,
        )
        assert (found.uniform_baseline, found.overflowed) == (INF, 1)

    def test_answers_of_a_small_dtype_overflow_quietly(self) -> None:
        half = softmax(array([65504, -65504], np.float16), log=True)
        assert half.dtype == np.float16
        np.testing.assert_array_equal(half, [0, -INF])
        steep = cross_entropy(
            probabilities=array([[1, 6e-8]], np.float16), labels=array([1], int), gradient=True
        )
        np.testing.assert_array_equal(steep.gradient, [[0, -INF]])
        heavy = cross_entropy(
            logits=array([[0, 3e38]], np.float32),
            labels=array([0], int),
            sample_weights=array([5.0]),
            reduction="none",
        )
        np.testing.assert_array_equal(heavy.loss, [INF])


class TestDistributions:
    labels = array([0], int)

    @pytest.mark.parametrize(
        ("row", "dtype", "fine"),
        [
            ([0.5, 0.500009], np.float64, True),
            ([0.5, 0.50002], np.float64, False),
            ([0.5, 0.50002], np.float32, False),
            ([0.5, 0.505], np.float16, True),
            ([0.5, 0.52], np.float16, False),
        ],
    )
    def test_how_far_a_sum_may_be_off_1(self, row: list[float], dtype: Any, fine: bool) -> None:
        p = array([row], dtype)
        given = [
            {"probabilities": p, "labels": self.labels},
            {"log_probabilities": np.log(p), "labels": self.labels},
            {"logits": np.zeros((1, 2)), "targets": p},
        ]
        for members in given:
            if fine:
                result = cross_entropy(**members)
                assert result.max_sum_deviation == pytest.approx(sum(row) - 1, abs=1e-3)
            else:
                member = "targets" if "targets" in members else next(iter(members))
                assert faults(cross_entropy, **members) == [(f"/{member}/0", Code.NOT_NORMALIZED)]
                assert math.isfinite(cross_entropy(**members, normalize="off").loss)
                assert math.isfinite(cross_entropy(**members, normalize="renormalize").loss)

    def test_the_refusal_names_row_sum_and_option(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            cross_entropy(probabilities=array([[0.5, 0.75]]), labels=self.labels)
        assert "probabilities[0] has the sum 1.25" in caught.value.detail
        assert 'normalize ("renormalize" or "off")' in caught.value.detail

    @pytest.mark.parametrize("normalize", ["reject", "off"])
    @pytest.mark.parametrize("bad", [[-0.25, 1.25], [1.25, -0.25], [2.0, 0.0], [INF, 0.0]])
    def test_what_is_no_probability(self, bad: list[float], normalize: Any) -> None:
        for member in ("probabilities", "targets"):
            given: dict[str, Any] = {member: array([bad]), "normalize": normalize}
            given |= (
                {"logits": np.zeros((1, 2))} if member == "targets" else {"labels": self.labels}
            )
            assert faults(cross_entropy, **given) == [
                (f"/{member}/0/0", Code.PROBABILITY_OUT_OF_RANGE)
            ]

    @pytest.mark.parametrize("value", [1e-17, 1.0, 800.0, INF])
    def test_a_log_probability_above_0(self, value: float) -> None:
        logs = array([[-INF, 0.0], [value, -INF]])
        with pytest.raises(InvalidInput) as caught:
            cross_entropy(log_probabilities=logs, labels=array([1, 0], int))
        assert caught.value.faults[0].pointer == "/log_probabilities/1/0"
        assert f"is {value!r};".replace("inf", "Infinity") in caught.value.detail

    def test_logarithms_of_any_weights_are_renormalized_without_their_exponentials(self) -> None:
        logs = array([[-1000.0, -1001.0], [900.0, 899.0]])  # exp of either row is not in float64
        labels = array([0, 0], int)
        given: dict[str, Any] = {"normalize": "renormalize", "gradient": True}
        result = cross_entropy(log_probabilities=logs, labels=labels, **given)
        same = cross_entropy(logits=logs, labels=labels, gradient=True)
        assert result.loss == same.loss
        np.testing.assert_array_equal(result.gradient, same.gradient)
        assert result.max_sum_deviation == INF

    def test_weights_are_renormalized_to_full_accuracy(self) -> None:
        result = cross_entropy(
            probabilities=array([[2.0, 2e-17]]),
            labels=self.labels,
            normalize="renormalize",
            gradient=True,
        )
        assert result.loss == pytest.approx(1e-17, rel=1e-15)
        np.testing.assert_allclose(result.gradient, [[-5e-18, 0.5]], rtol=1e-15)

    @pytest.mark.parametrize("row", [[0.0, 0.0], [1e308, 1e308]])
    def test_a_sum_that_cannot_be_divided_out(self, row: list[float]) -> None:
        given = {"probabilities": array([row]), "labels": self.labels, "normalize": "renormalize"}
        assert faults(cross_entropy, **given) == [("/probabilities/0", Code.NOT_NORMALIZED)]

    def test_subnormal_weights_renormalize_without_nan(self) -> None:
        for row in ([1e-320, 1e-310], [1e-320, 0.0]):
            for truth in ({"labels": self.labels}, {"targets": array([[0.5, 0.5]])}):
                result = cross_entropy(
                    probabilities=array([row]), **truth, normalize="renormalize", gradient=True
                )
                assert not np.isnan(result.gradient).any()


class TestSubnormalProbabilities:
    def test_the_slope_of_js_has_all_digits(self) -> None:
        p, t = [3e-320, 1.0], [0.7, 0.3]
        slopes = js_divergence(
            probabilities=array([p]), targets=array([t]), reduction="none", gradient=True
        ).gradient[0]
        # log p beside the logarithm of the mean of p and t
        exact = [(math.log(a) - math.log((a + b) / 2)) / 2 for a, b in zip(p, t, strict=True)]
        np.testing.assert_allclose(slopes, exact, rtol=1e-15)


class TestNothing:
    @pytest.mark.parametrize(
        "given",
        [
            {"logits": np.zeros((2, 3)), "labels": array([9, 9], int), "ignore_index": 9},
            {"logits": np.zeros((2, 3)), "labels": array([0, 0], int), "sample_weights": [0, 0]},
            {"logits": np.full((1, 3), NAN), "labels": array([7], int), "sample_weights": [0]},
            {"logits": array([]), "labels": array([], int)},
            {"logits": array([]), "labels": array([], int), "axis": 1},
            {"logits": array([]), "labels": array([], int), "class_weights": array([1, 2])},
            {
                "logits": array([]),
                "labels": array([], int),
                "classes": ["a", "b"],
                "class_weights": {"a": 2.0},
            },
            {"logits": np.zeros((0, 3)), "labels": array([], int)},
            {"logits": np.zeros((0, 3)), "labels": array([], bool)},
            {"logits": np.zeros((0, 3)), "targets": np.zeros((0, 3))},
            {"logits": array([]), "targets": array([])},
            {"probabilities": np.zeros((0, 3)), "labels": array([], int)},
        ],
    )
    def test_the_mean_is_refused_the_sum_is_0_and_none_is_zeros(
        self, given: dict[str, Any]
    ) -> None:
        if "sample_weights" in given:
            given = given | {"sample_weights": array(given["sample_weights"])}
        ((_, code),) = faults(cross_entropy, **given)
        assert code == Code.EMPTY_REDUCTION
        total = cross_entropy(**given, reduction="sum", gradient=True)
        assert (total.loss, total.count, total.weight) == (0, 0, 0)
        rows = given.get("logits", given.get("probabilities"))
        assert total.gradient.shape == rows.shape
        assert not total.gradient.any()
        none = cross_entropy(**given, reduction="none")
        np.testing.assert_array_equal(none.loss, np.zeros(rows.shape[:1]))
        assert math.isnan(none.uniform_baseline)

    def test_the_same_for_binary_losses(self) -> None:
        for size, ignored in ((0, None), (3, 1)):
            given: dict[str, Any] = {
                "logits": np.zeros(size),
                "labels": np.ones(size, int),
                "ignore_index": ignored,
            }
            assert faults(binary_cross_entropy, **given) == [("", Code.EMPTY_REDUCTION)]
            assert binary_cross_entropy(**given, reduction="sum").loss == 0
            none = binary_cross_entropy(**given, reduction="none")
            np.testing.assert_array_equal(none.loss, np.zeros(size))

    def test_activations_of_nothing(self) -> None:
        assert softmax(array([])).shape == (0,)
        assert softmax(np.zeros((0, 4))).shape == (0, 4)
        assert sigmoid(array([])).shape == (0,)

    def test_rows_without_a_class_are_refused(self) -> None:
        assert faults(softmax, logits=np.zeros((2, 0))) == [("/logits/0", Code.EMPTY_ROW)]
        assert faults(softmax, logits=array(1.0)) == [("/logits", Code.NOT_AN_ARRAY)]

    @pytest.mark.parametrize("member", ["logits", "probabilities", "log_probabilities"])
    def test_a_single_class_is_certain(self, member: str) -> None:
        value = {"logits": 5.0, "probabilities": 1.0, "log_probabilities": 0.0}[member]
        result = cross_entropy(
            **{member: np.full((2, 1), value)},
            labels=array([0, 0], int),
            label_smoothing=0.1,
            gradient=True,
        )
        assert (result.loss, result.uniform_baseline) == (0, 0)
        assert np.array_equal(softmax(array([[-3.0]])), [[1]])
        if member == "logits":
            np.testing.assert_array_equal(result.gradient, [[0], [0]])


class TestWhatIsLeftOut:
    @pytest.mark.parametrize("padding", [[NAN, NAN], [-INF, -INF], [INF, INF], [1e308, NAN]])
    def test_a_row_that_is_left_out_is_not_read(self, padding: list[float]) -> None:
        rows = array([padding, [1.0, 2.0]])
        alone = cross_entropy(logits=rows[1:], labels=array([1], int))
        for given in (
            {"labels": array([-100, 1], int), "ignore_index": -100},
            {"labels": array([99, 1], int), "ignore_index": [5, 99]},
            {"labels": array(["?", "b"], object), "classes": ["a", "b"], "ignore_index": "?"},
            {"labels": array([-1, "b"], object), "classes": ["a", "b"], "ignore_index": ["?", -1]},
            {"labels": array(["a", "b"], str), "classes": ["a", "b"], "ignore_index": ["a"]},
            {"labels": array([7, 1], int), "sample_weights": array([0.0, 1.0])},
            {"targets": array([padding, [0.0, 1.0]]), "sample_weights": array([0.0, 1.0])},
            {
                "labels": array(["what", 1], object),
                "sample_weights": array([0.0, 1.0]),
            },
        ):
            result = cross_entropy(logits=rows, **given, gradient=True)
            assert (result.loss, result.count, result.ignored) == (alone.loss, 1, 1)
            np.testing.assert_array_equal(result.gradient[0], [0, 0])
            none = cross_entropy(logits=rows, **given, reduction="none")
            np.testing.assert_array_equal(none.loss, [0, alone.loss])
        result = cross_entropy(
            probabilities=array([padding, [0.5, 0.5]]),
            labels=array([-1, 1], int),
            ignore_index=-1,
        )
        assert result.loss == math.log(2)

    def test_a_binary_sample_that_is_left_out_is_not_read(self) -> None:
        result = binary_cross_entropy(
            logits=array([NAN, 0.0, NAN]),
            labels=array([-1, 1, 17], int),
            ignore_index=-1,
            sample_weights=array([1.0, 1.0, 0.0]),
            gradient=True,
        )
        assert (result.loss, result.count, result.ignored) == (math.log(2), 1, 2)
        np.testing.assert_array_equal(result.gradient, [0, -0.5, 0])


class TestEveryFiniteLogit:
    def test_uniform_losses_in_bits_are_exact(self) -> None:
        for k, bits in ((2, 1.0), (8, 3.0), (1024, 10.0)):
            result = cross_entropy(
                logits=np.zeros((3, k)), labels=array([0, 1, 1], int), unit="bit"
            )
            assert result.loss == result.uniform_baseline == bits
            flat = focal(logits=np.zeros(k), labels=array(1, int), gamma=0.0, unit="bit")
            assert flat.loss == flat.uniform_baseline == bits
        half = binary_focal(logits=array([0.0]), labels=array([1], int), unit="bit")
        assert half.loss == half.uniform_baseline == 0.25

    def test_a_hundred_thousand_classes(self) -> None:
        k = 131_072
        logits = np.zeros((1, k), np.float32)
        result = cross_entropy(logits=logits, labels=array([k - 1], int), gradient=True)
        assert result.loss == pytest.approx(math.log(k), rel=1e-15)
        assert result.gradient.dtype == np.float32
        np.testing.assert_allclose(result.gradient[0, 0], 1 / k, rtol=1e-7)


@pytest.mark.parametrize("smoothing", [1e-12, 1e-6, 0.1])
@pytest.mark.parametrize("member", ["logits", "probabilities", "log_probabilities"])
@pytest.mark.parametrize("function", [binary_cross_entropy, binary_focal])
def test_binary_smoothing_keeps_its_digits(function: Any, member: str, smoothing: float) -> None:
    """Of a certain yes the no is smoothing / 2, and not what 1 - (1 - smoothing / 2) rounds to."""
    sent = {"logits": 30.0, "probabilities": 1.0 - 2.0**-40, "log_probabilities": -(2.0**-40)}
    result = function(
        **{member: array(sent[member])},
        labels=array(1, int),
        label_smoothing=smoothing,
        positive_weight=0.0,  # the no alone
        gradient=True,
    )
    with mpmath.workprec(200):
        z = mpmath.mpf(sent[member])
        gamma = 0 if function is binary_cross_entropy else 2

        def loss(x: Any) -> Any:
            as_logit = {"logits": lambda: 1 / (1 + mpmath.exp(-x)), "probabilities": lambda: x}
            p = as_logit.get(member, lambda: mpmath.exp(x))()
            return mpmath.mpf(smoothing) / 2 * p**gamma * -mpmath.log(1 - p)

        expected, slope = float(loss(z)), float(mpmath.diff(loss, z, h=mpmath.mpf(2) ** -90))
    assert abs(result.loss - expected) <= 4 * math.ulp(expected)
    assert abs(float(result.gradient) - slope) <= 4 * math.ulp(slope)
    assert result.uniform_baseline == pytest.approx(
        smoothing / 2 * math.log(2) / 2**gamma, rel=1e-15
    )


def test_the_slope_of_a_log_probability_next_to_0_is_finite_where_a_target_makes_it_so() -> None:
    near, share = -4e-309, 0.9  # 1 / 4e-309 exceeds float64, a tenth of it does not
    found = binary_cross_entropy(
        log_probabilities=np.array([near]), targets=np.array([share]), gradient=True
    )
    assert found.gradient == pytest.approx([(1 - share) / -near - share], rel=1e-15)
