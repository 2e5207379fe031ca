"""Every loss of the catalogue against its formula in hundreds of digits, and its slopes with it.

A loss of one row is a sum over classes of a function of p_c and t'_c, so its slope by log p_c is
the derivative of one term, taken numerically; the chain rule to what was sent is exact. Errors are
counted in units in the last place (ulp) of the exact value; where an entry is a difference of two
quantities, in those of the larger one.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from service import losses

# mpmath takes twice as long when it is traced, and others cover the lines of the losses.
pytestmark = pytest.mark.no_cover

DIGITS = 420  # a margin of 600 leaves 1e-261 of 1, and a slope asks for 80 digits more
STEP = mpf(10) ** -40
MEMBERS = ("logits", "probabilities", "log_probabilities")
FAMILIES = ("normal", "wide", "tie", "margin 40", "margin 200", "margin 600", "offset", "mask")


def log_loss(p: Any) -> Any:
    return mpmath.inf if p == 0 else -mpmath.log(p)


def relative_entropy(a: Any, b: Any) -> tuple[Any, Any]:
    """The term of KL(a, b), and the sum of its parts without their signs."""
    if a == 0:
        return b, b
    if b == 0:
        return mpmath.inf, mpmath.inf
    product = a * mpmath.log(a / b)
    return product - a + b, abs(product) + a + b


def shannon(p: Any, t: Any) -> tuple[Any, Any]:
    value = mpf(0) if p == 0 else p * log_loss(p)
    return value, value


def jensen(p: Any, t: Any) -> tuple[Any, Any]:
    one, two = relative_entropy(t, (p + t) / 2), relative_entropy(p, (p + t) / 2)
    return (one[0] + two[0]) / 2, (one[1] + two[1]) / 2


def of_truth(f: Callable[[Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    def term(p: Any, t: Any) -> tuple[Any, Any]:
        value = mpf(0) if t == 0 else t * f(p)
        return value, value

    return term


def focal(gamma: float, *, bits: bool = False) -> Callable[[Any, Any], tuple[Any, Any]]:
    def value(p: Any) -> Any:
        nats = (1 - p) ** mpf(gamma) * log_loss(p) if p != 1 else mpf(0)
        return nats / mpmath.log(2) if bits else nats

    return of_truth(value)


def poly(epsilon: float) -> Callable[[Any, Any], tuple[Any, Any]]:
    return of_truth(lambda p: log_loss(p) + mpf(epsilon) * (1 - p))


def generalized(q: float) -> Callable[[Any, Any], tuple[Any, Any]]:
    return of_truth(lambda p: (1 - p ** mpf(q)) / mpf(q))


@dataclass(frozen=True)
class Case:
    """A loss with its options, and how many ulp it may be off.

    Attributes:
        term: of one class, and the size that its error is relative to.
        ulp: of values; of slopes.
        parts: the size of a slope by log p, where it is a difference itself.
        tied: that slope without the multiple of p that all classes have in common, which cancels
            where the probabilities of a row sum to 1 and must not count as size there.
    """

    function: Callable[..., losses.LossResult]
    term: Callable[[Any, Any], tuple[Any, Any]]
    options: dict[str, Any]
    ulp: tuple[float, float] = (4, 4)
    parts: Callable[[Any, Any], Any] | None = None
    tied: Callable[[Any, Any], Any] | None = None
    truth: tuple[str, ...] = ("hard", "other", "soft", "smooth")


CASES = {
    "cross-entropy": Case(losses.cross_entropy, of_truth(log_loss), {}),
    "negative-log-likelihood": Case(
        losses.negative_log_likelihood, of_truth(log_loss), {}, truth=("hard", "other")
    ),
    "focal": Case(losses.focal, focal(2.0), {}),
    "focal, gamma 0.5": Case(losses.focal, focal(0.5), {"gamma": 0.5}),
    "focal, gamma 0": Case(losses.focal, focal(0.0), {"gamma": 0.0}),
    "focal, gamma 7": Case(losses.focal, focal(7.0), {"gamma": 7.0}),
    "focal, bits": Case(losses.focal, focal(2.0, bits=True), {"unit": "bit"}),
    "focal, gamma 0, bits": Case(
        losses.focal, focal(0.0, bits=True), {"gamma": 0.0, "unit": "bit"}
    ),
    "focal, gamma 9.5, bits": Case(
        losses.focal, focal(9.5, bits=True), {"gamma": 9.5, "unit": "bit"}
    ),
    "poly": Case(losses.poly_cross_entropy, poly(1.0), {}),
    "poly, epsilon -1": Case(losses.poly_cross_entropy, poly(-1.0), {"epsilon": -1.0}),
    "poly, epsilon -0.9999": Case(losses.poly_cross_entropy, poly(-0.9999), {"epsilon": -0.9999}),
    "poly, epsilon 100": Case(losses.poly_cross_entropy, poly(100.0), {"epsilon": 100.0}),
    "generalized": Case(losses.generalized_cross_entropy, generalized(0.7), {}),
    "generalized, q 1": Case(losses.generalized_cross_entropy, generalized(1.0), {"q": 1.0}),
    "generalized, q 1e-9": Case(losses.generalized_cross_entropy, generalized(1e-9), {"q": 1e-9}),
    "kl": Case(
        losses.kl_divergence,
        lambda p, t: relative_entropy(t, p),
        {},
        parts=max,
        tied=lambda p, t: -t,
    ),
    "js": Case(losses.js_divergence, jensen, {}, parts=lambda p, t: p),
    "entropy": Case(
        losses.entropy,
        shannon,
        {},
        parts=lambda p, t: p * max(1, log_loss(p)) if p else mpf(0),
        tied=lambda p, t: p * log_loss(p) if p else mpf(0),
        truth=("none",),
    ),
    "brier": Case(
        losses.brier,
        lambda p, t: ((p - t) ** 2, (p - t) ** 2 if t in (0, 1) else max(p, t) ** 2),
        {},
        parts=lambda p, t: 2 * p * max(p, t),
    ),
}


def logits_of(family: str, k: int, rng: np.random.Generator) -> np.ndarray:
    z = rng.normal(0, 30 if family == "wide" else 1, k)
    if family == "tie":
        z = rng.normal() + np.arange(k) * 2.0**-50
    if family.startswith("margin"):
        z[0] += float(family.split()[1])
    if family == "offset":
        z += 1e8
    if family == "mask" and k > 1:
        z[-1] = -math.inf
    return z


def softmax(logits: list[Any]) -> list[Any]:
    top = max(logits)
    weights = [mpmath.exp(z - top) for z in logits]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def exact(numbers: np.ndarray) -> list[Any]:
    return [mpf(x) for x in numbers.tolist()]


def predictions(
    member: str, z: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[Any], Any, dict[str, Any]]:
    """A row to be sent, its exact probabilities, the sum that divides them, and options."""
    if member == "logits":
        temperature = float(rng.choice([1.0, 0.3, 7.0]))
        p = softmax([x / mpf(temperature) for x in exact(z)])
        return z, p, mpf(temperature), {"temperature": temperature}
    normalize = str(rng.choice(["off", "renormalize"]))
    with mp.workdps(40):
        row = np.array([float(x) for x in softmax(exact(z))])
    if member == "log_probabilities":
        with np.errstate(divide="ignore"):
            row = np.log(row)
    sent = exact(row) if member == "probabilities" else [mpmath.exp(x) for x in exact(row)]
    total = mpmath.fsum(sent) if normalize == "renormalize" else None
    if total is not None:
        sent = [x / total for x in sent]
    return row, sent, total, {"normalize": normalize}


def truth_of(kind: str, k: int, rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray]:
    if kind == "none":
        return {}, np.zeros(k)
    if kind == "soft":
        row = rng.multinomial(64, np.full(k, 1 / k)) / 64  # sums to 1 to the digit, zeros in it
        return {"targets": row}, row
    label = k - 1 if kind == "other" else 0
    smooth = {"label_smoothing": 0.125} if kind == "smooth" else {}
    return {"labels": np.array(label), **smooth}, np.eye(k)[label]


def slopes(case: Case, p: list[Any], t: list[Any]) -> list[Any]:
    """dloss / dlog p_c, every p_c on its own."""
    answer = []
    for p_c, t_c in zip(p, t, strict=True):
        step = p_c * (1 - p_c) * STEP
        if p_c == 0:
            answer.append(mpf(0))
        elif step == 0:  # p = 1, from below: what is left of a slope of 0 is below the step
            low = case.term(p_c - STEP**2, t_c)[0]
            slope = (case.term(p_c, t_c)[0] - low) / STEP**2
            answer.append(slope if abs(slope) > STEP * 1e9 else mpf(0))
        else:
            high, low = case.term(p_c + step, t_c)[0], case.term(p_c - step, t_c)[0]
            answer.append(p_c * (high - low) / (2 * step))
    return answer


def gradient(
    case: Case, member: str, p: list[Any], t: list[Any], divisor: Any, hard: bool
) -> Iterator[tuple[Any, Any]]:
    """Exact entries, each with the size that its error is relative to."""
    shared = member == "logits" or divisor is not None
    tied = case.tied if shared else None
    by_log = [tied(*both) for both in zip(p, t, strict=True)] if tied else slopes(case, p, t)
    total = mpmath.fsum(by_log)
    log_like = member != "probabilities"
    for c, slope in enumerate(by_log):
        own = case.parts(p[c], t[c]) if case.parts and not tied else abs(slope)
        size = max(own, abs(slope))
        if shared:
            entry = slope - p[c] * total
            if tied:
                size = max(size, p[c] * abs(total))
            elif not hard or case.parts:
                spread = (
                    sum(case.parts(*both) for both in zip(p, t, strict=True))
                    if case.parts
                    else abs(total)
                )
                size = max(size, p[c] * spread)
            else:
                size = abs(entry)
        else:
            entry = slope
        if log_like:
            unit = divisor if member == "logits" else 1
            yield entry / unit, size / unit
        elif p[c] != 0:
            unit = p[c] * (divisor if divisor is not None else 1)
            yield entry / unit, size / unit


def ulps(found: float, exact: Any, size: Any) -> float:
    """The error in units in the last place of a float64 of that size."""
    if mpmath.isinf(exact):
        return 0.0 if found == float(exact) else math.inf
    if not math.isfinite(found):
        return math.inf if size < sys.float_info.max else 0.0
    size = max(abs(size), abs(exact), mpf(2) ** -1022)
    unit = mpf(2) ** (int(mpmath.floor(mpmath.log(size, 2))) - 52)
    return float(abs(mpf(found) - exact) / unit)


SIZES = {
    "small": (FAMILIES, [(1, "hard"), (2, "hard"), (3, "soft"), (2, "other"), (5, "smooth")]),
    "large": (["wide"], [(100, "other")]),
}


@pytest.mark.parametrize("size", ["small", pytest.param("large", marks=pytest.mark.slow)])
@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("name", CASES)
def test_values_and_slopes_are_those_of_the_formula(name: str, member: str, size: str) -> None:
    case, rng = CASES[name], np.random.default_rng([7, MEMBERS.index(member), *name.encode()])
    families, rows = SIZES[size]
    found: list[tuple[float, str]] = []
    with mp.workdps(DIGITS):
        for family in families:
            for k, kind in rows:
                kind = kind if kind in case.truth else case.truth[0]
                found += beyond(case, member, family, k, kind, rng)
    assert found == []


def beyond(
    case: Case, member: str, family: str, k: int, kind: str, rng: np.random.Generator
) -> Iterator[tuple[float, str]]:
    """What is off by more than it may be, with its error."""
    row, p, divisor, options = predictions(member, logits_of(family, k, rng), rng)
    given, true = truth_of(kind, k, rng)
    smoothing = mpf(given.get("label_smoothing", 0))
    t = [(1 - smoothing) * x + smoothing / k for x in exact(true)]
    result = case.function(
        **{member: row}, **given, **options, **case.options, reduction="sum", gradient=True
    )
    terms = [case.term(*both) for both in zip(p, t, strict=True)]
    where = f"{family}, K {k}, {kind}, {options}"
    error = ulps(result.loss, mpmath.fsum(a for a, _ in terms), mpmath.fsum(b for _, b in terms))
    if error > case.ulp[0]:
        yield error, f"loss {result.loss!r}: {where}"
    if math.isinf(result.loss):
        return
    entries = gradient(case, member, p, t, divisor, hard=kind in ("hard", "other"))
    # at p = 0 a slope by p may be infinite; tests of edges have it
    shown = [
        x for x, p_c in zip(result.gradient.tolist(), p, strict=True) if member != MEMBERS[1] or p_c
    ]
    for slope, (entry, size) in zip(shown, entries, strict=True):
        error = ulps(slope, entry, size)
        if error > case.ulp[1]:
            yield error, f"slope {slope!r}, {float(entry)!r}: {where} {row.tolist()}"


BINARY = {
    "cross-entropy": (losses.binary_cross_entropy, log_loss, {}, 4),
    "focal": (losses.binary_focal, lambda p: (1 - p) ** 2 * log_loss(p), {}, 4),
    "focal, gamma 0.5": (
        losses.binary_focal,
        lambda p: mpmath.sqrt(1 - p) * log_loss(p),
        {"gamma": 0.5},
        4,
    ),
    "focal, bits": (
        losses.binary_focal,
        lambda p: (1 - p) ** 2 * log_loss(p) / mpmath.log(2),
        {"unit": "bit"},
        4,
    ),
}


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("name", BINARY)
def test_binary_values_and_slopes_are_those_of_the_formula(name: str, member: str) -> None:
    function, f, options, bound = BINARY[name]
    z = np.array([0.0, 1e-300, 1e-9, -1e-9, 0.3, -2.0, 5.0, -37.0, 37.0, 600.0, -600.0, 30.5])
    with mp.workdps(DIGITS):
        sent = {
            "logits": z,
            "probabilities": np.array([float(1 / (1 + mpmath.exp(-x))) for x in exact(z)]),
            "log_probabilities": np.array([float(-mpmath.log1p(mpmath.exp(-x))) for x in exact(z)]),
        }[member]
        inside = (sent > 0) & (sent < 1) if member == "probabilities" else sent != 0
        sent = sent if member == "logits" else sent[inside]
        for y in (0.0, 1.0, 0.25):
            result = function(
                **{member: sent},
                **options,
                targets=np.full(sent.shape, y),
                positive_weight=3.0,
                reduction="none",
                gradient=True,
            )
            for x, loss, slope in zip(exact(sent), result.loss, result.gradient, strict=True):
                check_binary(member, f, x, mpf(y), float(loss), float(slope), bound)


def check_binary(
    member: str, f: Callable[[Any], Any], x: Any, y: Any, loss: float, slope: float, bound: float
) -> None:
    p = {"logits": lambda: 1 / (1 + mpmath.exp(-x)), "probabilities": lambda: x}.get(
        member, lambda: mpmath.exp(x)
    )()
    rest = 1 - p  # exact enough: 420 digits
    yes, no = 3 * y, 1 - y
    value = (yes * f(p) if yes else 0) + (no * f(rest) if no else 0)
    assert ulps(loss, value, value) <= bound, (x, y)
    step = p * rest * STEP
    up = yes * (f(p + step) - f(p - step)) / (2 * step) if yes else mpf(0)
    down = no * (f(rest + step) - f(rest - step)) / (2 * step) if no else mpf(0)
    inner = {"logits": p * rest, "probabilities": mpf(1)}.get(member, p)
    size = inner * max(abs(up), abs(down))
    assert ulps(slope, (up - down) * inner, size) <= bound, (x, y)


def test_z_loss_is_the_square_of_the_logarithm_of_the_sum() -> None:
    rng = np.random.default_rng(3)
    for z in rng.normal(0, [[1.0], [30.0], [300.0]], (3, 5)):
        for weight, temperature in ((0.25, 1.0), (1e-3, 0.3), (3.0, 7.0)):
            result = losses.cross_entropy(
                logits=z, labels=np.array(2), z_loss=weight, temperature=temperature, gradient=True
            )
            with mp.workdps(DIGITS):
                scaled = [x / mpf(temperature) for x in exact(z)]
                level, p = mpmath.log(mpmath.fsum(map(mpmath.exp, scaled))), softmax(scaled)
                value = log_loss(p[2]) + mpf(weight) * level**2
                assert ulps(result.loss, value, value) <= 4
                for c, slope in enumerate(result.gradient.tolist()):
                    parts = p[c] - (c == 2), 2 * mpf(weight) * level * p[c]
                    entry = sum(parts) / mpf(temperature)
                    size = max(p[c], c == 2, abs(parts[1])) / mpf(temperature)
                    assert ulps(slope, entry, size) <= 8, (z, weight, temperature)


def test_perplexity_is_the_exponential_of_the_mean() -> None:
    rng = np.random.default_rng(4)
    for scale in (0.1, 1, 30):
        logits, labels = rng.normal(0, scale, (6, 4)), rng.integers(0, 4, 6)
        weights = rng.uniform(0.1, 3, 6)
        result = losses.perplexity(
            logits=logits, labels=labels, sample_weights=weights, gradient=True
        )
        with mp.workdps(60):
            rows = [softmax(exact(row)) for row in logits]
            costs = [log_loss(p[y]) for p, y in zip(rows, labels, strict=True)]
            total = mpmath.fsum(exact(weights))
            mean = mpmath.fsum(a * b for a, b in zip(costs, exact(weights), strict=True)) / total
            value = mpmath.exp(mean)
            # the exponential turns ulp of its argument into as many times as the argument is large
            bound = 4 + 4 * float(mean)
            assert ulps(result.loss, value, value) <= bound
            for i, c in np.ndindex(logits.shape):
                part = rows[i][c] - (c == labels[i])
                entry = value * mpf(weights[i]) * part / total
                assert ulps(float(result.gradient[i, c]), entry, entry) <= bound + 8


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_slope_of_a_perplexity_is_rounded_once_to_a_narrow_type(dtype: Any) -> None:
    logits = np.random.default_rng(3).normal(0.0, 4.0, (50, 200)).astype(dtype)
    labels = np.arange(50)
    found = losses.perplexity(logits=logits, labels=labels, gradient=True)
    wide = losses.perplexity(logits=logits.astype(np.float64), labels=labels, gradient=True)
    assert found.loss == wide.loss
    assert found.gradient.dtype == dtype
    np.testing.assert_array_equal(found.gradient, wide.gradient.astype(dtype))


@pytest.mark.parametrize("k", [1, 2, 3, 7, 8, 1000])
def test_the_perplexity_of_a_uniform_prediction_is_the_number_of_classes(k: int) -> None:
    result = losses.perplexity(logits=np.zeros((3, k)), labels=np.arange(3) % k)
    assert result.uniform_baseline == k
    assert result.loss == pytest.approx(k, rel=1e-15)
