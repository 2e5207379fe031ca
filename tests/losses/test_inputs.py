"""Layouts, dtypes and shapes of arrays; what is not changed; every finite number."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.errors import Code, InvalidInput
from service.losses import (
    CATALOGUE,
    Loss,
    binary_cross_entropy,
    cross_entropy,
    explain,
    sigmoid,
    softmax,
)

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(0, 4, (2, 3, 4, 5))
LABELS = RNG.integers(0, 5, (2, 3, 4))


class TestShapes:
    @pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -3])
    def test_the_class_axis_lies_anywhere(self, axis: int) -> None:
        moved = np.moveaxis(LOGITS, -1, axis)
        targets = np.moveaxis(softmax(LOGITS), -1, axis)
        np.testing.assert_array_equal(
            np.moveaxis(softmax(moved, axis=axis), axis, -1), softmax(LOGITS)
        )
        weights = RNG.uniform(0, 1, LABELS.shape)
        last = cross_entropy(
            logits=LOGITS, labels=LABELS, sample_weights=weights, reduction="none", gradient=True
        )
        here = cross_entropy(
            logits=moved,
            labels=LABELS,
            sample_weights=weights,
            reduction="none",
            gradient=True,
            axis=axis,
        )
        np.testing.assert_array_equal(here.loss, last.loss)
        assert here.gradient.shape == moved.shape
        np.testing.assert_array_equal(np.moveaxis(here.gradient, axis, -1), last.gradient)
        soft = cross_entropy(logits=moved, targets=targets, axis=axis)
        assert soft.loss == cross_entropy(logits=LOGITS, targets=softmax(LOGITS)).loss

    @pytest.mark.parametrize("axis", [4, -5])
    def test_an_axis_that_is_not_there(self, axis: int) -> None:
        with pytest.raises(ValueError, match="axis is") as caught:
            softmax(LOGITS, axis=axis)
        assert caught.value.faults[0].pointer == "/axis"

    def test_one_sample(self) -> None:
        result = cross_entropy(
            logits=LOGITS[0, 0, 0],
            labels=LABELS[0, 0, 0],
            sample_weights=np.array(2.0),
            reduction="none",
            gradient=True,
        )
        assert np.shape(result.loss) == ()
        assert result.gradient.shape == (5,)
        assert result.weight == 2
        binary = binary_cross_entropy(logits=np.array(0.5), labels=np.array(1), gradient=True)
        assert binary.gradient.shape == ()

    @pytest.mark.parametrize("axis", [0, 1])
    def test_faults_point_into_the_layout_that_was_sent(self, axis: int) -> None:
        logits = np.zeros((3, 4, 2))
        logits[2, 1, 1] = math.nan
        labels = np.zeros((4, 2) if axis == 0 else (3, 2), int)
        with pytest.raises(ValueError, match=r"logits\[2\]\[1\]\[1\] is NaN") as caught:
            cross_entropy(logits=logits, labels=labels, axis=axis)
        assert caught.value.faults[0].pointer == "/logits/2/1/1"
        labels[1, 1] = 9
        with pytest.raises(ValueError, match=r"labels\[1\]\[1\] is 9") as caught:
            cross_entropy(logits=np.zeros((3, 4, 2)), labels=labels, axis=axis)
        assert caught.value.faults[0].pointer == "/labels/1/1"


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "foreign": lambda a: a.astype(a.dtype.newbyteorder(">")),
}


class TestLayouts:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_no_bit_depends_on_the_layout(self, layout: str) -> None:
        change = LAYOUTS[layout]
        logits, labels = LOGITS.reshape(-1, 5), LABELS.reshape(-1)
        targets, weights = softmax(logits), RNG.uniform(0.5, 2, labels.size)
        for truth in ({"labels": labels}, {"targets": targets}):
            for given_ in ({"logits": logits}, {"probabilities": targets}):
                plain: dict[str, Any] = {**given_, **truth, "sample_weights": weights}
                changed = {name: change(array) for name, array in plain.items()}
                a = cross_entropy(**plain, gradient=True)
                b = cross_entropy(**changed, gradient=True)
                assert a.loss == b.loss
                np.testing.assert_array_equal(a.gradient, b.gradient)
        np.testing.assert_array_equal(softmax(change(logits)), softmax(logits))
        np.testing.assert_array_equal(sigmoid(change(logits)), sigmoid(logits))
        binary = {"logits": logits, "targets": targets}
        a = binary_cross_entropy(**binary, gradient=True)
        b = binary_cross_entropy(**{k: change(v) for k, v in binary.items()}, gradient=True)
        assert a.loss == b.loss
        np.testing.assert_array_equal(a.gradient, b.gradient)

    @pytest.mark.parametrize("loss", CATALOGUE, ids=lambda loss: loss.name)
    @pytest.mark.parametrize("classes", [3, 100])
    def test_no_bit_depends_on_the_axis_or_the_batch(self, loss: Loss, classes: int) -> None:
        if "axis" not in loss.members or "reduction" not in loss.members:
            return
        rng = np.random.default_rng(classes)
        logits = rng.normal(size=(6, classes)) * 3
        truth = rng.dirichlet(np.ones(classes), 6) if "targets" in loss.members else None
        wide = {"targets": truth} if truth is not None else {}
        if truth is None and "labels" in loss.members:
            wide = {"labels": rng.integers(0, classes, 6)}
        together = loss.function(logits=logits, **wide, reduction="none").loss
        turned = {name: a.T if a.ndim == 2 else a for name, a in {"logits": logits, **wide}.items()}
        np.testing.assert_array_equal(
            loss.function(**turned, axis=0, reduction="none").loss, together
        )
        for row in range(6):
            alone = {name: a[row : row + 1] for name, a in wide.items()}
            one = loss.function(logits=logits[row : row + 1], **alone, reduction="none").loss
            assert one[0] == together[row]
            turned = {n: a.T if a.ndim == 2 else a for n, a in alone.items()}
            one = loss.function(
                logits=logits[row : row + 1].T, **turned, axis=0, reduction="none"
            ).loss
            assert one[0] == together[row]

    @pytest.mark.parametrize("member", ["logits", "probabilities", "log_probabilities"])
    @pytest.mark.parametrize("policy", [{}, {"zero_probability": "clip", "clip": 0.4}])
    def test_inputs_are_read_only(self, member: str, policy: Any) -> None:
        rows = softmax(LOGITS) if member == "probabilities" else softmax(LOGITS, log=True)
        given_: dict[str, np.ndarray] = {
            member: rows,
            "sample_weights": RNG.uniform(0, 1, LABELS.shape),
            "class_weights": RNG.uniform(0, 1, 5),
        }
        truths = [{"labels": LABELS.copy()}, {"targets": softmax(LOGITS)}]
        before = {name: array.copy() for name, array in given_.items()}
        for array in given_.values():
            array.flags.writeable = False
        for truth in truths:
            next(iter(truth.values())).flags.writeable = False
            cross_entropy(
                **given_,
                **truth,
                gradient=True,
                **policy,
                label_smoothing=0.1,
                normalize="renormalize",
            )
        for name, array in given_.items():
            np.testing.assert_array_equal(array, before[name])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_arrays_answer_in_the_dtype_sent_and_scalars_in_float64(self, dtype: Any) -> None:
        logits = LOGITS.astype(dtype)
        wide = logits.astype(np.float64)
        assert softmax(logits).dtype == dtype
        assert sigmoid(logits, log=True).dtype == dtype
        for function, labels in ((cross_entropy, LABELS), (binary_cross_entropy, LOGITS > 0)):
            mean = function(logits=logits, labels=labels, gradient=True)
            exact = function(logits=wide, labels=labels, gradient=True)
            assert type(mean.loss) is float
            assert mean.loss == pytest.approx(exact.loss, rel=1e-15)
            assert mean.gradient.dtype == dtype
            np.testing.assert_allclose(
                mean.gradient,
                exact.gradient,
                rtol=np.finfo(dtype).eps,
                atol=float(np.finfo(dtype).smallest_subnormal),
            )
            assert function(logits=logits, labels=labels, reduction="none").loss.dtype == dtype

    @pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
    def test_integers_are_numbers_like_others(self, dtype: Any) -> None:
        logits = np.array([[2, 4, 0], [1, 1, 1]], dtype)
        wide = logits.astype(np.float64)
        np.testing.assert_array_equal(softmax(logits), softmax(wide))
        np.testing.assert_array_equal(sigmoid(logits), sigmoid(wide))
        labels = np.array([1, 0], dtype)
        a = cross_entropy(logits=logits, labels=labels, gradient=True)
        b = cross_entropy(logits=wide, labels=labels, gradient=True)
        assert a.loss == b.loss
        np.testing.assert_array_equal(a.gradient, b.gradient)

    @pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.float32])
    @pytest.mark.parametrize("classes", [3, 70_000])
    def test_labels_of_any_number_type(self, dtype: Any, classes: int) -> None:
        for ignore in (None, -100_000, [2, 2**40]):
            result = cross_entropy(
                logits=np.zeros((2, classes), np.float32),
                labels=np.array([0, 2], dtype),
                ignore_index=ignore,
            )
            assert result.loss == pytest.approx(math.log(classes), rel=1e-15)
            assert result.ignored == (ignore == [2, 2**40])


FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
MATRICES = arrays.arrays(
    np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=FINITE
)


class TestEveryFiniteLogit:
    """Warnings are errors, so that each call also shows that none escapes."""

    @given(MATRICES, st.data())
    @settings(max_examples=150)
    def test_categorical(self, logits: np.ndarray, data: st.DataObject) -> None:
        n, k = logits.shape
        p = softmax(logits)
        assert np.isfinite(p).all()
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
        assert (softmax(logits, log=True) <= 0).all()
        options: dict[str, Any] = {
            "temperature": data.draw(st.sampled_from([1.0, 1e-300, 5e-324, 0.7, 1e300])),
            "unit": data.draw(st.sampled_from(["nat", "bit"])),
            "zero_probability": data.draw(st.sampled_from(["infinite", "reject", "clip"])),
            "reduction": data.draw(st.sampled_from(["mean", "sum", "none"])),
            "label_smoothing": data.draw(st.sampled_from([0.0, 0.3, 1.0])),
            "sample_weights": np.full(n, data.draw(st.sampled_from([1.0, 1e-320, 1e300]))),
            "class_weights": np.full(k, data.draw(st.sampled_from([1.0, 1e-310, 3e7]))),
        }
        labels = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)))
        for truth in ({"labels": labels}, {"targets": np.full((n, k), 1 / k)}):
            try:
                result = cross_entropy(logits=logits, **truth, **options, gradient=True)
            except InvalidInput as error:  # products of weights may leave float64 on either side
                if error.code not in (Code.WEIGHT_OVERFLOW, Code.EMPTY_REDUCTION):
                    raise
                continue
            assert not np.isnan(result.loss).any()
            assert (np.asarray(result.loss) >= 0).all()
            assert not np.isnan(result.gradient).any()
            assert result.infinite == 0
            assert 0 <= result.overflowed <= n
        explain(logits[0], label=int(labels[0]))

    @given(arrays.arrays(np.float64, st.integers(1, 6), elements=FINITE), st.data())
    @settings(max_examples=150)
    def test_binary(self, logits: np.ndarray, data: st.DataObject) -> None:
        y = data.draw(st.floats(0, 1, width=64))
        result = binary_cross_entropy(
            logits=logits,
            targets=np.full(logits.shape, y),
            positive_weight=data.draw(st.sampled_from([1.0, 0.0, 1e300, 5e-324])),
            sample_weights=np.full(logits.shape, data.draw(st.sampled_from([1.0, 1e-320, 1e300]))),
            unit=data.draw(st.sampled_from(["nat", "bit"])),
            reduction=data.draw(st.sampled_from(["mean", "sum", "none"])),
            zero_probability=data.draw(st.sampled_from(["infinite", "reject", "clip"])),
            gradient=True,
        )
        assert not np.isnan(result.loss).any()
        assert (np.asarray(result.loss) >= 0).all()
        assert not np.isnan(result.gradient).any()
        assert result.infinite == 0
        assert 0 <= result.overflowed <= logits.size
        assert ((sigmoid(logits) >= 0) & (sigmoid(logits) <= 1)).all()
        assert (sigmoid(logits, log=True) <= 0).all()

    @given(
        arrays.arrays(
            np.float64,
            arrays.array_shapes(min_dims=2, max_dims=2, max_side=4),
            elements=st.floats(0, 1e300, width=64),
        ),
        st.booleans(),
        st.sampled_from(["nat", "bit"]),
        st.sampled_from(["infinite", "clip"]),
    )
    @settings(max_examples=150)
    def test_weights_of_any_size_renormalized(
        self, weights: np.ndarray, soft: bool, unit: Any, policy: Any
    ) -> None:
        weights = weights[weights.sum(axis=1) > 0]
        n, k = weights.shape
        truth: dict[str, Any] = {"labels": np.zeros(n, int)}
        if soft:
            truth = {"targets": np.full((n, k), 0.5)}
        result = cross_entropy(
            probabilities=weights,
            **truth,
            normalize="renormalize",
            reduction="sum",
            unit=unit,
            zero_probability=policy,
            gradient=True,
        )
        assert result.loss >= 0
        assert not np.isnan(result.gradient).any()


class TestKnownValues:
    row = np.array([2.0, 4.0, 0.5])

    def test_the_worked_example(self) -> None:
        with mpmath.workdps(50):
            exponentials = [mpmath.exp(z) for z in self.row]
            p = [e / mpmath.fsum(exponentials) for e in exponentials]
            losses = [float(-mpmath.log(x)) for x in p]
        np.testing.assert_allclose(softmax(self.row), [float(x) for x in p], rtol=4e-16)
        for label, loss in enumerate(losses):
            result = cross_entropy(logits=self.row, labels=np.array(label), gradient=True)
            assert result.loss == pytest.approx(loss, rel=4e-16)
            onehot = np.eye(3)[label]
            expected = [float(x - mpmath.mpf(t)) for x, t in zip(p, onehot, strict=True)]
            np.testing.assert_allclose(result.gradient, expected, rtol=1e-15)

    @pytest.mark.parametrize("k", [2, 3, 10, 1000])
    @pytest.mark.parametrize("value", [0.0, -7.5, 1e8])
    def test_equal_logits_lose_the_logarithm_of_k(self, k: int, value: float) -> None:
        result = cross_entropy(logits=np.full((2, k), value), labels=np.array([0, k - 1]))
        with mpmath.workdps(50):
            assert result.loss == pytest.approx(float(mpmath.log(k)), rel=2e-16)

    def test_a_confident_and_right_prediction_still_has_a_loss(self) -> None:
        result = cross_entropy(logits=np.array([0.0, -40.0]), labels=np.array(0), gradient=True)
        assert result.loss == 4.248354255291589e-18
        np.testing.assert_allclose(
            result.gradient, [-4.248354255291589e-18, 4.248354255291589e-18], rtol=4e-16
        )

    @pytest.mark.parametrize("z", [-3.0, 0.0, 0.25, 40.0, -700.0])
    @pytest.mark.parametrize("y", [0, 1])
    def test_the_binary_loss_and_its_gradient(self, z: float, y: int) -> None:
        with mpmath.workdps(400):
            p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
            loss, gradient = float(-mpmath.log(p if y else 1 - p)), float(p - y)
        result = binary_cross_entropy(logits=np.array(z), labels=np.array(y), gradient=True)
        assert result.loss == pytest.approx(loss, rel=4e-16, abs=0)
        assert float(result.gradient) == pytest.approx(gradient, rel=4e-16, abs=0)
        assert sigmoid(np.array(z)) == pytest.approx(float(p), rel=4e-16, abs=0)


class TestExplanation:
    def test_it_reads_like_the_blackboard(self) -> None:
        steps = explain(np.array([2.0, 4.0, 0.5]), label=1)
        assert (steps.maximum, steps.predicted) == (4.0, 1)
        np.testing.assert_array_equal(steps.shifted, [-2, 0, -3.5])
        np.testing.assert_allclose(steps.exp, np.exp([-2, 0, -3.5]), rtol=1e-15)
        assert steps.exp_sum == pytest.approx(math.fsum(steps.exp), rel=1e-15)
        np.testing.assert_allclose(steps.softmax, steps.exp / steps.exp_sum, rtol=1e-15)
        np.testing.assert_allclose(steps.log_softmax, np.log(steps.softmax), rtol=1e-14)
        np.testing.assert_array_equal(steps.target, [0, 1, 0])
        assert steps.loss == pytest.approx(-steps.log_softmax[1], rel=1e-15)
        np.testing.assert_allclose(steps.gradient, steps.softmax - [0, 1, 0], rtol=1e-14)
        assert steps.uniform_baseline == pytest.approx(math.log(3))
        assert set(steps.formulas) == set(type(steps).__slots__) - {"formulas"}

    def test_a_target_and_a_label_agree(self) -> None:
        row = np.array([0.3, -math.inf, 7.0])
        a, b = explain(row, label=2), explain(row, target=np.array([0.0, 0.0, 1.0]))
        assert a.loss == pytest.approx(b.loss, rel=1e-15)
        np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-14, atol=1e-18)
        np.testing.assert_array_equal(a.target, b.target)

    @pytest.mark.parametrize(
        ("arguments", "pointer"),
        [
            ({"logits": np.zeros((2, 2)), "label": 0}, "/logits"),
            ({"logits": np.array([]), "label": 0}, "/logits"),
            ({"logits": np.zeros(2), "label": 2}, "/label"),
            ({"logits": np.zeros(2), "label": -1}, "/label"),
            ({"logits": np.zeros(2), "label": True}, "/label"),
            ({"logits": np.zeros(2), "label": 0.5}, "/label"),
            ({"logits": np.zeros(2), "target": np.array([0.5, 0.6])}, "/target"),
            ({"logits": np.zeros(2), "target": np.zeros(3)}, "/target"),
            ({"logits": np.zeros(2)}, "/label"),
            ({"logits": np.zeros(2), "label": 0, "target": np.zeros(2)}, "/target"),
            ({"logits": np.array([0.0, math.nan]), "label": 0}, "/logits/1"),
        ],
    )
    def test_what_it_refuses(self, arguments: dict[str, Any], pointer: str) -> None:
        with pytest.raises(ValueError, match=r"\w") as caught:
            explain(**arguments)
        assert caught.value.faults[0].pointer == pointer
