"""The mean and the gradient as they are defined, over random combinations of the options."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.losses import LossResult, binary_cross_entropy, cross_entropy

# Traced they take twice as long, and others cover their lines.
pytestmark = pytest.mark.no_cover

SEEDS = [*range(20), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 60))]
MEMBERS = ["logits", "probabilities", "log_probabilities"]


def simplex(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    rows = rng.dirichlet(np.full(shape[-1], 0.7), shape[:-1])
    return np.clip(rows, 1e-6, None) / np.clip(rows, 1e-6, None).sum(axis=-1, keepdims=True)


def categorical_case(seed: int, member: str) -> tuple[np.ndarray, dict[str, Any]]:
    rng = np.random.default_rng([seed, MEMBERS.index(member)])
    n, k = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    options: dict[str, Any] = {
        "reduction": str(rng.choice(["mean", "sum", "none"])),
        "unit": str(rng.choice(["nat", "bit"])),
    }
    predictions = rng.normal(0, float(rng.choice([1.0, 8.0])), (n, k))
    if member == "logits":
        options["temperature"] = float(rng.choice([1.0, 0.3, 7.0]))
    else:
        predictions = simplex(rng, (n, k))
        options["normalize"] = str(rng.choice(["reject", "renormalize", "off"]))
        if options["normalize"] != "reject":
            predictions = predictions * rng.uniform(0.2, 1.0, (n, 1))
        if member == "log_probabilities":
            predictions = np.log(predictions)
    if rng.random() < 0.5:
        options["labels"] = rng.integers(0, k, n)
        if rng.random() < 0.5:
            first = int(options["labels"][0])
            options["ignore_index"] = first if rng.random() < 0.5 else [-100, first]
    else:
        options["targets"] = simplex(rng, (n, k))
    if rng.random() < 0.5:
        options["class_weights"] = rng.uniform(0.1, 3, k)
    if rng.random() < 0.5:
        options["sample_weights"] = rng.choice([0.0, 0.5, 1.7, 3.0], n)
    if rng.random() < 0.4:
        options["label_smoothing"] = float(rng.choice([0.1, 0.5, 1.0]))
    if rng.random() < 0.3:
        options |= {"zero_probability": "clip", "clip": 0.05}
    return predictions, options


def check(result: LossResult, expected: SimpleNamespace) -> None:
    assert result.loss == pytest.approx(np.array(expected.loss, dtype=float), rel=2e-15, abs=0)
    assert result.weight == pytest.approx(float(expected.weight), rel=1e-15)
    for name in ("count", "ignored", "clipped", "infinite"):
        assert getattr(result, name) == getattr(expected, name), name


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_cross_entropy_is_its_definition(
    seed: int, member: str, reference: SimpleNamespace
) -> None:
    predictions, options = categorical_case(seed, member)
    expected = reference.categorical(member, predictions.tolist(), **options)
    if options["reduction"] == "mean" and expected.weight == 0:
        with pytest.raises(ValueError, match="total weight above 0"):
            cross_entropy(**{member: predictions}, **options)
        return
    check(cross_entropy(**{member: predictions}, **options), expected)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_is_the_slope_of_the_reduced_loss(
    seed: int, member: str, reference: SimpleNamespace
) -> None:
    predictions, options = categorical_case(seed, member)
    if options.get("zero_probability") == "clip" and member == "logits":
        options = {k: v for k, v in options.items() if k not in ("zero_probability", "clip")}
    result = reference.categorical(member, predictions.tolist(), **options)
    if options["reduction"] == "mean" and result.weight == 0:
        options["reduction"] = "sum"
    gradient = cross_entropy(**{member: predictions}, **options, gradient=True).gradient
    assert gradient is not None
    assert gradient.shape == predictions.shape
    rows = predictions.tolist()
    expected = np.empty(predictions.shape)
    for i, c in np.ndindex(predictions.shape):

        def total(x: Any, i: int = i, c: int = c) -> Any:
            moved = [list(row) for row in rows]
            moved[i][c] = x
            return reference.categorical(member, moved, **options).total

        expected[i, c] = float(reference.slope(total, rows[i][c]))
    # entries of soft targets are differences: accurate relative to their terms
    np.testing.assert_allclose(gradient, expected, rtol=1e-13, atol=1e-15 * np.abs(expected).max())


def binary_case(seed: int, member: str) -> tuple[np.ndarray, dict[str, Any]]:
    rng = np.random.default_rng([seed, 7, MEMBERS.index(member)])
    n = int(rng.integers(1, 7))
    options: dict[str, Any] = {
        "reduction": str(rng.choice(["mean", "sum", "none"])),
        "unit": str(rng.choice(["nat", "bit"])),
        "positive_weight": float(rng.choice([1.0, 0.0, 0.3, 5.0])),
    }
    predictions = rng.normal(0, 5, n)
    if member != "logits":
        predictions = rng.uniform(0.01, 0.99, n)
    if member == "log_probabilities":
        predictions = np.log(predictions)
    if rng.random() < 0.5:
        options["labels"] = rng.integers(0, 2, n)
        if rng.random() < 0.4:
            options["ignore_index"] = int(options["labels"][0])
    else:
        options["targets"] = rng.choice([0.0, 0.25, 0.9, 1.0], n)
    if rng.random() < 0.5:
        options["sample_weights"] = rng.choice([0.0, 0.5, 1.7, 3.0], n)
    if rng.random() < 0.4:
        options["label_smoothing"] = float(rng.choice([0.1, 0.5, 1.0]))
    if rng.random() < 0.3:
        options |= {"zero_probability": "clip", "clip": 0.2}
    return predictions, options


def binary_reference(
    reference: SimpleNamespace, member: str, predictions: Any, options: dict[str, Any]
) -> SimpleNamespace:
    rest = {k: v for k, v in options.items() if k not in ("labels", "targets")}
    truth = options["labels"] if "labels" in options else options["targets"]
    result: SimpleNamespace = reference.binary(member, predictions, truth.tolist(), **rest)
    return result


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_binary_cross_entropy_and_its_gradient_are_their_definition(
    seed: int, member: str, reference: SimpleNamespace
) -> None:
    predictions, options = binary_case(seed, member)
    rows = predictions.tolist()
    if options["reduction"] == "mean" and not float(
        binary_reference(reference, member, rows, options).weight
    ):
        with pytest.raises(ValueError, match="total weight above 0"):
            binary_cross_entropy(**{member: predictions}, **options)
        options["reduction"] = "none"
    result = binary_cross_entropy(**{member: predictions}, **options, gradient=True)
    check(result, binary_reference(reference, member, rows, options))
    assert result.gradient is not None
    expected = [
        float(
            reference.slope(
                lambda x, i=i: (
                    binary_reference(
                        reference, member, [*rows[:i], x, *rows[i + 1 :]], options
                    ).total
                ),
                rows[i],
            )
        )
        for i in range(len(rows))
    ]
    np.testing.assert_allclose(
        result.gradient, expected, rtol=1e-13, atol=2e-15 * np.abs(expected).max()
    )


class TestWhatFollowsFromTheDefinition:
    rng = np.random.default_rng(20)
    logits = rng.normal(0, 3, (40, 7))
    labels = rng.integers(0, 7, 40)
    weights = rng.choice([0.0, 1.0, 2.0, 4.0], 40)
    onehot = np.eye(7)[labels]

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    def test_a_label_is_its_one_hot_row(self, reduction: Any, smoothing: float) -> None:
        shared: dict[str, Any] = {
            "logits": self.logits,
            "class_weights": np.linspace(0.5, 2, 7),
            "sample_weights": self.weights,
            "reduction": reduction,
            "label_smoothing": smoothing,
            "gradient": True,
        }
        hard = cross_entropy(labels=self.labels, **shared)
        soft = cross_entropy(targets=self.onehot, **shared)
        np.testing.assert_allclose(soft.loss, hard.loss, rtol=4e-15)
        np.testing.assert_allclose(soft.gradient, hard.gradient, rtol=1e-14, atol=1e-16)
        assert soft.weight == pytest.approx(hard.weight, rel=1e-15)
        assert soft.uniform_baseline == pytest.approx(hard.uniform_baseline, rel=1e-15)

    def test_a_weight_is_a_repetition(self) -> None:
        repeat = np.repeat(np.arange(40), self.weights.astype(int))
        weighted = cross_entropy(
            logits=self.logits, labels=self.labels, sample_weights=self.weights
        )
        repeated = cross_entropy(logits=self.logits[repeat], labels=self.labels[repeat])
        assert weighted.loss == repeated.loss  # weights that are powers of two round nothing
        assert weighted.weight == repeated.weight

    def test_an_ignored_label_is_a_sample_that_is_not_there(self) -> None:
        there = self.labels != 3
        ignoring = cross_entropy(
            logits=self.logits, labels=self.labels, ignore_index=3, gradient=True
        )
        without = cross_entropy(logits=self.logits[there], labels=self.labels[there], gradient=True)
        assert ignoring.loss == without.loss
        assert ignoring.ignored == 40 - without.count
        np.testing.assert_array_equal(ignoring.gradient[there], without.gradient)
        assert not ignoring.gradient[~there].any()

    def test_the_order_of_samples_does_not_change_a_bit(self) -> None:
        order = np.random.default_rng(3).permutation(40)
        for weights in (None, self.rng.uniform(0, 1, 40)):
            losses = {
                cross_entropy(
                    logits=self.logits[index],
                    labels=self.labels[index],
                    sample_weights=None if weights is None else weights[index],
                ).loss
                for index in (np.arange(40), order, order[::-1])
            }
            assert len(losses) == 1

    def test_the_order_of_classes_does_not_matter(self) -> None:
        order = np.random.default_rng(4).permutation(7)
        a = cross_entropy(logits=self.logits, labels=self.labels, gradient=True)
        b = cross_entropy(
            logits=self.logits[:, order], labels=np.argsort(order)[self.labels], gradient=True
        )
        assert b.loss == pytest.approx(a.loss, rel=1e-15)
        np.testing.assert_allclose(b.gradient, a.gradient[:, order], rtol=1e-14)

    @pytest.mark.parametrize("shift", [-1024.0, 0.0, 65536.0])
    def test_a_shift_of_a_row_does_not_matter(self, shift: float) -> None:
        logits = np.round(self.logits * 1024) / 1024  # so that the shift rounds nothing
        a = cross_entropy(logits=logits, labels=self.labels, gradient=True)
        b = cross_entropy(logits=logits + shift, labels=self.labels, gradient=True)
        assert b.loss == pytest.approx(a.loss, rel=1e-15)
        np.testing.assert_allclose(b.gradient, a.gradient, rtol=2e-15)

    def test_rows_alone_are_rows_of_the_batch(self) -> None:
        losses = cross_entropy(logits=self.logits, labels=self.labels, reduction="none").loss
        for row in range(40):
            alone = cross_entropy(logits=self.logits[row], labels=self.labels[row])
            assert alone.loss == losses[row]

    def test_rows_of_the_gradient_sum_to_zero(self) -> None:
        gradient = cross_entropy(logits=self.logits, labels=self.labels, gradient=True).gradient
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-17)

    def test_two_classes_are_the_binary_loss_of_the_difference(self) -> None:
        two = self.logits[:, :2]
        labels = self.labels % 2
        categorical = cross_entropy(logits=two, labels=labels, gradient=True)
        binary = binary_cross_entropy(logits=two[:, 1] - two[:, 0], labels=labels, gradient=True)
        assert binary.loss == pytest.approx(categorical.loss, rel=1e-14)
        np.testing.assert_allclose(binary.gradient, categorical.gradient[:, 1], rtol=1e-13)

    @pytest.mark.parametrize("smoothing", [0.0, 0.25])
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    def test_the_baseline_is_this_loss_at_the_uniform_prediction(
        self, reduction: Any, smoothing: float
    ) -> None:
        shared: dict[str, Any] = {
            "class_weights": np.linspace(0.5, 2, 7),
            "sample_weights": self.weights,
            "label_smoothing": smoothing,
        }
        for truth in ({"labels": self.labels}, {"targets": self.onehot}):
            here = cross_entropy(logits=self.logits, reduction=reduction, **truth, **shared)
            uniform = cross_entropy(
                logits=np.zeros((40, 7)),
                reduction="mean" if reduction == "none" else reduction,
                **truth,
                **shared,
            )
            assert here.uniform_baseline == pytest.approx(uniform.loss, rel=1e-14)

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_the_binary_baseline_is_that_of_even_odds(self, reduction: Any) -> None:
        shared: dict[str, Any] = {
            "labels": self.labels % 2,
            "sample_weights": self.weights,
            "positive_weight": 3.0,
            "label_smoothing": 0.1,
            "reduction": reduction,
        }
        here = binary_cross_entropy(logits=self.logits[:, 0], **shared)
        even = binary_cross_entropy(logits=np.zeros(40), **shared)
        assert here.uniform_baseline == pytest.approx(even.loss, rel=1e-14)
