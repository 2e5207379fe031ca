"""What holds of every loss of the catalogue, whatever its formula."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.losses import CATALOGUE, Loss, LossResult, softmax

RNG = np.random.default_rng(11)
N, K = 6, 4
LOGITS = RNG.normal(0, 3, (N, K))
LABELS = np.array([0, 3, 1, 1, 2, 0])
TARGETS = RNG.multinomial(32, np.full(K, 1 / K), N) / 32
WEIGHTS = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 4.0])
CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0, 3.0])
ROWS = [loss for loss in CATALOGUE if "axis" in loss.members]
WITH_TRUTH = [loss for loss in ROWS if "labels" in loss.members]
SOFT = [loss for loss in WITH_TRUTH if "targets" in loss.members]
BINARY = [loss for loss in CATALOGUE if "axis" not in loss.members]
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "cross-entropy": [{}, {"z_loss": 0.5}, {"unit": "bit"}],
    "focal": [{}, {"gamma": 0.0}, {"gamma": 0.5, "unit": "bit"}],
    "poly-1-cross-entropy": [{}, {"epsilon": -1.0}, {"epsilon": 3.0}],
    "generalized-cross-entropy": [{}, {"q": 1.0}, {"q": 0.01}],
    "kl-divergence": [{}, {"unit": "bit"}],
    "js-divergence": [{}, {"unit": "bit"}],
    "entropy": [{}, {"unit": "bit"}],
}


# The losses that compiled loops compute; the others take twice the digits from NumPy's arithmetic.
COMPILED = ("cross-entropy", "negative-log-likelihood", "perplexity")


def named(losses: list[Loss]) -> Callable[..., Any]:
    both = [(loss, "numpy") for loss in losses]
    both += [(loss, "compiled") for loss in losses if loss.name in COMPILED]
    ids = ["-".join((loss.name, *({arithmetic} - {"numpy"}))) for loss, arithmetic in both]
    return pytest.mark.parametrize("loss", both, indirect=True, ids=ids)


@pytest.fixture
def loss(request: pytest.FixtureRequest, computing: Callable[[str], None]) -> Loss:
    chosen, arithmetic = request.param
    computing(arithmetic)
    return chosen


def of(
    loss: Loss, logits: np.ndarray = LOGITS, *, truth: dict[str, Any] | None = None, **options: Any
) -> LossResult:
    """The loss with its gradient, of labels unless told; without options that it lacks."""
    given = {"labels": LABELS} if truth is None else truth
    known = {name: value for name, value in (given | options).items() if name in loss.members}
    return loss.function(logits=logits, gradient=True, **known)


def close(found: LossResult, expected: LossResult, factor: float = 1.0) -> None:
    np.testing.assert_allclose(found.loss, np.multiply(expected.loss, factor), rtol=4e-15)


def same(found: LossResult, expected: LossResult) -> None:
    np.testing.assert_array_equal(found.loss, expected.loss)
    np.testing.assert_array_equal(found.gradient, expected.gradient)
    assert found.uniform_baseline == expected.uniform_baseline
    assert found.weight == expected.weight


@named(ROWS)
def test_a_shift_of_all_logits_changes_nothing(loss: Loss) -> None:
    for shift in (-64.0, 8.0, 1024.0):  # exact: the logits are rounded to make it so
        logits = np.round(LOGITS * 1024) / 1024
        moved = of(loss, logits + shift)
        close(moved, of(loss, logits))
        np.testing.assert_allclose(
            moved.gradient, of(loss, logits).gradient, rtol=1e-13, atol=1e-16
        )


def test_but_the_square_of_the_z_loss_moves() -> None:
    loss = ROWS[0]
    assert of(loss, LOGITS + 8, z_loss=0.5).loss > of(loss, LOGITS, z_loss=0.5).loss + 1


@named(ROWS)
def test_the_order_of_samples_is_nothing_to_the_mean_and_that_of_classes_little(loss: Loss) -> None:
    order, swap = RNG.permutation(N), RNG.permutation(K)
    back = np.argsort(swap)
    one = of(loss, sample_weights=WEIGHTS, class_weights=CLASS_WEIGHTS)
    two = of(
        loss,
        LOGITS[order],
        truth={"labels": LABELS[order]},
        sample_weights=WEIGHTS[order],
        class_weights=CLASS_WEIGHTS,
    )
    assert two.loss == one.loss
    np.testing.assert_array_equal(two.gradient, one.gradient[order])
    three = of(
        loss,
        LOGITS[:, swap],
        truth={"labels": back[LABELS]},
        sample_weights=WEIGHTS,
        class_weights=CLASS_WEIGHTS[swap],
    )
    close(three, one)
    np.testing.assert_allclose(three.gradient, one.gradient[:, swap], rtol=1e-13, atol=1e-16)


@named(SOFT)
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_a_one_hot_target_is_its_label(loss: Loss, smoothing: float) -> None:
    shared = {"label_smoothing": smoothing, "class_weights": CLASS_WEIGHTS}
    for member, rows in (
        ("logits", LOGITS),
        ("probabilities", softmax(LOGITS)),
        ("log_probabilities", softmax(LOGITS, log=True)),
    ):
        hard = loss.function(**{member: rows}, labels=LABELS, gradient=True, **shared)
        soft = loss.function(**{member: rows}, targets=np.eye(K)[LABELS], gradient=True, **shared)
        close(soft, hard)
        assert soft.weight == hard.weight
        assert soft.uniform_baseline == pytest.approx(hard.uniform_baseline, rel=4e-15)
        np.testing.assert_allclose(soft.gradient, hard.gradient, rtol=1e-12, atol=1e-15)


@named(ROWS)
def test_integer_weights_are_repetitions(loss: Loss) -> None:
    times = WEIGHTS.astype(int)
    truth = {"labels": np.repeat(LABELS, times)}
    weighted, repeated = (
        of(loss, sample_weights=WEIGHTS),
        of(loss, np.repeat(LOGITS, times, axis=0), truth=truth),
    )
    close(weighted, repeated)
    assert weighted.weight == repeated.weight == 13
    assert weighted.uniform_baseline == pytest.approx(repeated.uniform_baseline, rel=4e-15)
    first = np.cumsum(times) - times
    np.testing.assert_allclose(
        weighted.gradient, repeated.gradient[first] * WEIGHTS[:, None], rtol=1e-14
    )


@named([loss for loss in ROWS if "reduction" in loss.members])
def test_a_batch_is_its_rows_and_a_whole_its_chunks_to_the_bit(loss: Loss) -> None:
    logits, labels = RNG.normal(0, 5, (700, 150)), RNG.integers(0, 150, 700)
    none = of(loss, logits, truth={"labels": labels}, reduction="none")
    for part in (slice(0, 1), slice(3, 11), slice(699, 700), slice(100, 612)):
        some = of(loss, logits[part], truth={"labels": labels[part]}, reduction="none")
        np.testing.assert_array_equal(some.loss, none.loss[part])
        np.testing.assert_array_equal(some.gradient, none.gradient[part])
    assert of(loss, logits, truth={"labels": labels}, reduction="sum").loss == math.fsum(none.loss)


@named(ROWS)
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_the_gradient_of_a_row_of_logits_sums_to_0(loss: Loss, temperature: float) -> None:
    truths = [{"labels": LABELS}, {"targets": TARGETS}] if loss in SOFT else [None]
    for truth in truths:
        for options in [o for o in OPTIONS.get(loss.name, [{}]) if "z_loss" not in o]:
            gradient = of(loss, truth=truth, temperature=temperature, **options).gradient
            sizes = np.abs(gradient).sum(axis=1)
            bound = 1e-14 * sizes + 4e-16 / temperature  # the terms of a difference are below 1
            assert (np.abs(gradient.sum(axis=1)) <= bound).all()


def complex_loss(loss: Loss, z: np.ndarray, options: dict[str, Any], soft: bool) -> complex:
    """The formula on complex numbers: the imaginary part of a tiny step is the slope."""
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    t = TARGETS if soft else np.eye(K)[LABELS]
    gamma, epsilon, q = (
        options.get(name, default) for name, default in (("gamma", 2), ("epsilon", 1), ("q", 0.7))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(t > 0, t * np.log(np.where(t > 0, t, 1) / p), 0)
        middle = (p + t) / 2
        split = np.where(t > 0, t * np.log(np.where(t > 0, t, 1) / middle), 0)
    rows = {
        "cross-entropy": -t * np.log(p),
        "negative-log-likelihood": -t * np.log(p),
        "perplexity": -t * np.log(p),
        "focal": t * (1 - p) ** gamma * -np.log(p),
        "poly-1-cross-entropy": t * (-np.log(p) + epsilon * (1 - p)),
        "generalized-cross-entropy": t * (1 - p**q) / q,
        "kl-divergence": ratio - t + p,
        "js-divergence": (split + p * np.log(p / middle)) / 2,
        "entropy": -p * np.log(p),
        "brier": (p - t) ** 2,
    }[loss.name].sum(axis=1)
    rows = rows + options.get("z_loss", 0) * np.log(np.exp(z).sum(axis=1)) ** 2
    mean = rows.mean() / (math.log(2) if options.get("unit") == "bit" else 1)
    return complex(np.exp(mean) if loss.name == "perplexity" else mean)


@named(ROWS)
@pytest.mark.parametrize("soft", [False, True])
def test_the_gradient_is_the_complex_step_derivative(loss: Loss, soft: bool) -> None:
    if soft and loss not in SOFT:
        soft = False
    for options in OPTIONS.get(loss.name, [{}]):
        result = of(loss, truth={"targets": TARGETS} if soft else None, **options)
        expected = np.empty(LOGITS.shape)
        for index in np.ndindex(LOGITS.shape):
            z = LOGITS.astype(complex)
            z[index] += 1e-30j
            expected[index] = complex_loss(loss, z, options, soft).imag / 1e-30
        size = np.abs(expected).max()
        np.testing.assert_allclose(result.gradient, expected, rtol=1e-12, atol=1e-14 * size)
        assert result.loss == pytest.approx(
            complex_loss(loss, LOGITS.astype(complex), options, soft).real, rel=1e-13
        )


BASELINES: list[dict[str, Any]] = [
    {},
    {"sample_weights": WEIGHTS},
    {"class_weights": CLASS_WEIGHTS},
    {"class_weights": CLASS_WEIGHTS, "sample_weights": WEIGHTS, "label_smoothing": 0.25},
    {"label_smoothing": 1.0},
    {"reduction": "sum", "class_weights": CLASS_WEIGHTS, "label_smoothing": 0.5},
    {"ignore_index": [0, 3]},
]


@named(ROWS)
@pytest.mark.parametrize("baseline", BASELINES, ids=str)
def test_the_baseline_is_the_loss_of_the_uniform_prediction(
    loss: Loss, baseline: dict[str, Any]
) -> None:
    truths = [{"labels": LABELS}, {"targets": TARGETS}] if loss in SOFT else [{"labels": LABELS}]
    for truth in truths:
        for own in OPTIONS.get(loss.name, [{}]):
            options = baseline | own
            if "targets" in truth:
                options.pop("ignore_index", None)
            uniform = of(loss, np.zeros((N, K)), truth=truth, **options)
            assert uniform.uniform_baseline == pytest.approx(uniform.loss, rel=4e-15, abs=1e-17)
            other = of(loss, LOGITS, truth=truth, **options)
            assert other.uniform_baseline == uniform.uniform_baseline


@named(BINARY)
@pytest.mark.parametrize("options", [{}, {"positive_weight": 3.0}, {"label_smoothing": 0.25}])
def test_the_binary_baseline_is_the_loss_of_one_half(loss: Loss, options: dict[str, Any]) -> None:
    y = np.array([0, 1, 1, 0, 1])
    for weights in ({}, {"sample_weights": np.arange(5.0)}):
        for reduction in ("mean", "sum"):
            both = [
                loss.function(logits=z, labels=y, reduction=reduction, **options, **weights)
                for z in (np.zeros(5), np.arange(-2.0, 3.0))
            ]
            assert both[0].uniform_baseline == pytest.approx(both[0].loss, rel=4e-15)
            assert both[1].uniform_baseline == both[0].uniform_baseline


@named(BINARY)
def test_a_binary_sample_is_a_row_of_two_classes(loss: Loss) -> None:
    of_rows = next(row for row in ROWS if row.name == loss.name.removeprefix("binary-"))
    z, y = np.array([-3.0, 0.5, 40.0, -700.0]), np.array([1, 0, 1, 0])
    two = np.stack([np.zeros(4), z], axis=1)
    for smoothing in (0.0, 0.25):
        shared = {"label_smoothing": smoothing, "reduction": "none", "gradient": True}
        one = loss.function(logits=z, labels=y, **shared)
        row = of_rows.function(logits=two, labels=y, **shared)
        np.testing.assert_allclose(one.loss, row.loss, rtol=2e-15)
        np.testing.assert_allclose(one.gradient, row.gradient[:, 1], rtol=4e-15)


@pytest.mark.parametrize("direction", ["kl-divergence", "js-divergence"])
def test_divergences_are_never_negative_and_0_only_of_equals(direction: str) -> None:
    loss = next(loss for loss in CATALOGUE if loss.name == direction)
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(7, 0.3), 300)
    for distance in (0.0, 2e-16, 1e-12, 1e-6, 1e-2):
        q = p * (1 + distance * rng.normal(0, 1, p.shape))
        q = np.clip(q / q.sum(axis=1, keepdims=True), 0, 1)
        values = loss.function(probabilities=q, targets=p, reduction="none").loss
        assert (values >= 0).all()
        assert ((values == 0) == (p == q).all(axis=1)).all()
        logs = {"log_probabilities": np.log(q), "targets": p, "reduction": "none"}
        assert (loss.function(**logs).loss >= 0).all()
        assert (loss.function(logits=np.log(q), targets=p, reduction="none").loss >= 0).all()


@named(ROWS)
def test_bounds_are_those_of_the_catalogue(loss: Loss) -> None:
    low, high = {"entropy": (0, math.log(K)), "js-divergence": (0, math.log(2))}.get(
        loss.name, {"brier": (0, 2), "perplexity": (1, math.inf)}.get(loss.name, (0, math.inf))
    )
    extremes = np.array([[0, -900, -900, -900.0], [-900, 0, 0, -900], [0.1, 0, 0, 0], [0, 0, 0, 0]])
    for label in range(K):
        for row in extremes:
            value = of(loss, row, truth={"labels": np.array(label)}).loss
            assert low <= value <= high * (1 + 4e-16)
