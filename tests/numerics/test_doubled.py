"""Softmax in pairs, against mpmath: digits that float64 alone does not hold."""

import numpy as np
import pytest
from mpmath import mp, mpf

from service import losses
from service.numerics import as_pair, chances, chances_of_logs, shares_of_weights, through_softmax
from service.numerics.errorfree import Pair

LARGEST = np.finfo(np.float64).max
NORMAL = np.finfo(np.float64).tiny


@pytest.fixture(autouse=True)
def digits():
    with mp.workprec(1200):
        yield


def softmax(row, temperature=1.0) -> list:
    top = max(map(float, row))
    gaps = [(mpf(float(z)) - mpf(top)) / mpf(temperature) for z in row]
    weights = [mp.exp(gap) if mp.isfinite(gap) else mpf(0) for gap in gaps]
    total = mp.fsum(weights)
    return [weight / total for weight in weights]


def check(pair: Pair, expected: list, bits: int = 80) -> None:
    """The high part is the rounded value; the pair has `bits` where float64 has room for them."""
    for high, low, exact in zip(pair.high, pair.low, expected, strict=True):
        if abs(exact) >= NORMAL:
            assert abs(mpf(float(high)) - exact) <= 0.51 * mpf(float(np.spacing(abs(high))))
        if abs(exact) > 1e-280:
            assert abs(mpf(float(high)) + mpf(float(low)) - exact) <= abs(exact) * mpf(2) ** -bits
        assert np.isfinite(low)


ROWS = {
    "normal": ([0.3, -1.2, 0.9, 2.5], 1.0),
    "alone": ([17.0], 1.0),
    "ties": ([2.0, 2.0, 2.0], 1.0),
    "confident": ([0.1, 620.7, 3.3], 1.0),
    "faint": ([0.1, 700.0, 40.0], 1.0),
    "offset": ([1e8 + 0.25, 1e8 - 3.7, 1e8], 1.0),
    "masked": ([-np.inf, 0.7, -np.inf, 0.1], 3.0),
    "tepid": ([31.0, -47.0, 29.3], 0.7),
    "subnormal": ([5e-310, -3e-310, 0.0], 7e-312),
    "full range": ([LARGEST, -LARGEST, 0.9 * LARGEST], 3e305),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_its_digits_twice(name):
    row, temperature = ROWS[name]
    c = chances(np.array([row]), temperature)
    p = softmax(row, temperature)
    check(Pair(c.p.high[0], c.p.low[0]), p, bits=93)
    check(Pair(c.rest.high[0], c.rest.low[0]), [mp.fsum(p[:j] + p[j + 1 :]) for j in range(len(p))])
    possible = [j for j, x in enumerate(p) if x > 0]
    logs = [
        mp.log(p[j]) if p[j] < 0.5 else mp.log1p(-mp.fsum(p[:j] + p[j + 1 :])) for j in possible
    ]
    check(Pair(c.logs.high[0][possible], c.logs.low[0][possible]), logs)


def test_impossible_classes_and_differences_beyond_float64_have_no_chance():
    c = chances(np.array([[-np.inf, 1.0, -LARGEST, LARGEST]]))
    assert c.p.high.tolist() == [[0.0, 0.0, 0.0, 1.0]]
    assert c.logs.high.tolist() == [[-np.inf, -LARGEST, -np.inf, 0.0]]
    assert c.rest.high.tolist() == [[1.0, 1.0, 1.0, 0.0]]
    assert all(np.isfinite(pair.low).all() for pair in c)


@pytest.mark.parametrize("k", [3, 64, 65, 300])
def test_a_row_does_not_depend_on_its_batch(k):
    z = 3.0 * np.random.default_rng(k).standard_normal((200, k))
    whole = chances(z, 0.9)
    for row in (0, 1, 113, 199):
        alone = chances(z[row : row + 1], 0.9)
        for one, many in zip(alone, whole, strict=True):
            assert np.array_equal(one.high[0], many.high[row])
            assert np.array_equal(one.low[0], many.low[row])


def test_logarithms_and_weights_give_the_same_digits():
    logs = np.array([-0.0, -1e-300, -1e-9, -0.0067, -0.7, -31.0, -690.0])
    c = chances_of_logs(logs)
    check(c.p, [mp.exp(mpf(x)) for x in logs.tolist()], bits=93)
    check(c.rest, [-mp.expm1(mpf(x)) for x in logs.tolist()])
    assert chances_of_logs(np.array([-np.inf])).rest.high == 1.0
    for weights in ([3.0, 1e-30, 7.0], [1e308, 5e307], [1e-300, 3e-310, 7e-290]):
        p, rest = shares_of_weights(np.array([weights]))
        exact = [mpf(w) for w in weights]
        total = mp.fsum(exact)
        check(Pair(p.high[0], p.low[0]), [w / total for w in exact])
        check(Pair(rest.high[0], rest.low[0]), [(total - w) / total for w in exact])


def test_a_gradient_through_softmax_is_rounded_about_once():
    rng = np.random.default_rng(9)
    z, x = 5.0 * rng.standard_normal((50, 4)), rng.standard_normal((50, 4))
    found = through_softmax(chances(z).p, as_pair(x)).high
    for row, slopes, gradient in zip(z, x, found, strict=True):
        p, s = softmax(row), [mpf(float(v)) for v in slopes]
        total = mp.fsum(a * b for a, b in zip(p, s, strict=True))
        for a, b, g in zip(p, s, gradient, strict=True):
            size = float(a * max(abs(b), abs(total)))
            assert abs(mpf(float(g)) - a * (b - total)) <= 1.6 * mpf(float(np.spacing(size)))


@pytest.mark.parametrize("gamma", [7.0, 20.0, 300.5])
def test_a_high_power_of_focal_keeps_its_digits(gamma):
    for row in 2.0 * np.random.default_rng(4).standard_normal((40, 3)):
        result = losses.focal(
            logits=row[None], labels=np.array([0]), gamma=gamma, reduction="none", gradient=True
        )
        p = softmax(row)[0]
        focus, logs = (1 - p) ** mpf(gamma), mp.log(p)
        slope = mpf(gamma) * focus / (1 - p) * p * logs - focus
        for found, exact in (
            (result.loss[0], -focus * logs),
            (result.gradient[0, 0], slope * (1 - p)),
        ):
            if abs(exact) > NORMAL:
                error = abs(mpf(float(found)) - exact)
                assert error <= 4 * mpf(float(np.spacing(abs(float(exact)))))


@pytest.mark.parametrize(("digit", "bound"), [(9, 1e-15), (12, 1e-14), (15, 1e-11)])
@pytest.mark.parametrize("member", ["logits", "log_probabilities"])
@pytest.mark.parametrize("name", ["kl_divergence", "js_divergence"])
def test_a_divergence_from_targets_near_the_prediction_keeps_its_digits(name, member, digit, bound):
    rng = np.random.default_rng(digit)
    for row in 2.0 * rng.standard_normal((20, 5)):
        p = softmax(row)
        if member == "log_probabilities":
            row = np.array([float(mp.log(x)) for x in p])
            p = [mp.exp(mpf(x)) for x in row.tolist()]
        targets = np.array([float(x) for x in p]) * (1 + rng.uniform(-1, 1, 5) * 10.0**-digit)
        t = [mpf(float(x)) for x in targets]
        middle = [(a + b) / 2 for a, b in zip(t, p, strict=True)]

        def relative(a, b):
            return mp.fsum(x * mp.log(x / y) - x + y for x, y in zip(a, b, strict=True))

        exact = relative(t, p)
        if name == "js_divergence":
            exact = (relative(t, middle) + relative(p, middle)) / 2
        found = getattr(losses, name)(**{member: row[None]}, targets=targets[None]).loss
        assert abs(mpf(found) - exact) <= bound * exact


def test_weights_and_temperature_do_not_cost_digits_of_a_gradient_one_by_one():
    rng = np.random.default_rng(4)
    z, labels, s = 30.0 * rng.standard_normal((4000, 2)), rng.integers(0, 2, 4000), rng.random(4000)
    w, t = np.array([0.3, 1.7]), 0.7
    found = losses.brier(
        logits=z,
        labels=labels,
        class_weights=w,
        sample_weights=s,
        temperature=t,
        reduction="sum",
        gradient=True,
    ).gradient
    worst = 0.0
    for row, label, weight, gradient in zip(z, labels, s, found, strict=True):
        p, r = (softmax(row, t)[k] for k in (label, 1 - label))
        exact = 4 * r * r * p * mpf(float(weight)) * mpf(float(w[label])) / mpf(t)
        if exact > NORMAL and r < 0.5:  # nothing cancels
            error = abs(mpf(float(gradient[1 - label])) - exact)
            worst = max(worst, float(error / mpf(float(np.spacing(float(exact))))))
    assert worst <= 2.0
