"""Rows of logits, probabilities and their logarithms that are hard to score, by family."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

LARGEST = np.finfo(np.float64).max


DIGITS = (3, 6, 9, 12, 15)
"""In which distributions that are nearly equal differ."""


class Family(NamedTuple):
    """Predictions with the temperature of logits and, where it matters, their targets."""

    name: str
    values: np.ndarray
    temperature: float = 1.0
    targets: np.ndarray | None = None


def families(rng: np.random.Generator, n: int, k: int) -> Iterator[Family]:
    """Families of n rows of k logits."""
    normal = rng.standard_normal((n, k))
    yield Family("N(0,1)", normal)
    yield Family("N(0,30)", 30.0 * normal)
    yield Family("N(0,200)", 200.0 * normal)
    confident = normal.copy()
    confident[np.arange(n), rng.integers(0, k, n)] += rng.uniform(40.0, 600.0, n)
    yield Family("margin 40..600", confident)
    steep = normal - rng.uniform(600.0, 760.0, (n, k))
    steep[np.arange(n), rng.integers(0, k, n)] = normal[:, 0]
    yield Family("margin 600..760", steep)
    yield Family("log-probabilities", normal - np.log(np.exp(normal).sum(axis=1, keepdims=True)))
    yield Family("offset 1e8", normal + 1e8)
    yield Family("offset -1e8", 30.0 * normal - 1e8)
    yield Family("offset 1e15", np.round(normal * 64.0) / 8.0 + 1e15)
    yield Family("offset -700", normal - 700.0)
    yield Family("offset 700", normal + 700.0)
    yield Family("uneven", normal * 10.0 ** rng.integers(-5, 4, (n, k)))
    yield Family("ties", np.round(normal))
    near = np.repeat(30.0 * normal[:, :1], k, axis=1)
    yield Family("near-ties", near * (1.0 + rng.integers(-4, 5, (n, k)) * 2.0**-52))
    yield Family("masked", np.where(rng.random((n, k)) < 0.3, -np.inf, 30.0 * normal))
    yield Family("huge and masked", np.where(rng.random((n, k)) < 0.3, -np.inf, normal + 1e8))
    yield Family("subnormal", normal * 5e-310)
    yield Family("full range", normal / np.abs(normal).max() * LARGEST)
    exponents = rng.integers(-1070, 1023, (n, k))
    yield Family("every exponent", np.ldexp(rng.uniform(-1.0, 1.0, (n, k)), exponents))
    for temperature in (0.01, 0.3, 0.7, 1.7, 2.0, 100.0):
        yield Family(f"N(0,30), T = {temperature}", 30.0 * normal, temperature)
    yield Family("offset 1e8, T = 0.7", normal + 1e8, 0.7)
    yield Family("masked, T = 3", np.where(rng.random((n, k)) < 0.3, -np.inf, 90.0 * normal), 3.0)
    yield Family("full range, T = 3e305", normal / np.abs(normal).max() * LARGEST, 3e305)
    yield Family("subnormal, T = 7e-312", normal * 5e-310, 7e-312)


def of_source(rng: np.random.Generator, n: int, k: int, source: str) -> Iterator[Family]:
    """Families of logits, probabilities or log-probabilities, with those whose targets are near."""
    if source == "logits":
        for family in families(rng, n, k):
            # a row of nothing but masks means nothing
            family.values[np.isneginf(family.values).all(axis=1), 0] = 0.0
            yield family
    else:
        for name, p in shares(rng, n, k):
            yield Family(name, p if source == "probabilities" else logarithms(p))
        if source == "log-probabilities":
            # below any float64, beside a class that is nearly certain
            far = -(10.0 ** rng.uniform(1.2, 5.0, (n, k))) - np.log(k)
            far[np.arange(n), rng.integers(0, k, n)] = -(10.0 ** rng.uniform(-300.0, -6.0, n))
            yield Family("far", far)
    for digit in DIGITS:
        yield near(rng, n, k, source, digit)


def near(rng: np.random.Generator, n: int, k: int, source: str, digit: int) -> Family:
    """Targets that differ from the prediction in a digit."""
    z = 2.0 * rng.standard_normal((n, k))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    targets = p * (1.0 + rng.uniform(-1.0, 1.0, (n, k)) * 10.0**-digit)
    targets /= targets.sum(axis=1, keepdims=True)
    values = {"logits": z, "probabilities": p, "log-probabilities": np.log(p)}[source]
    return Family(f"targets differ in digit {digit}", values, targets=targets)


def shares(rng: np.random.Generator, n: int, k: int) -> Iterator[tuple[str, np.ndarray]]:
    """Families of n rows of k probabilities."""
    rows, top = np.arange(n), rng.integers(0, k, n)
    yield "Dirichlet(1)", rng.dirichlet(np.ones(k), n)
    yield "sparse", np.maximum(rng.dirichlet(np.full(k, 0.02), n), 1e-300)
    yield "uniform", np.full((n, k), 1.0 / k)
    for name, low, high in (
        ("uneven", -20.0, 0.0),
        ("confident", -300.0, -10.0),
        ("subnormal", -323.0, -300.0),
    ):
        p = 10.0 ** rng.uniform(low, high, (n, k)) / k
        p[rows, top] = 0.0
        p[rows, top] = 1.0 - p.sum(axis=1)
        yield name, p
    p = np.where(rng.random((n, k)) < 0.3, 0.0, rng.dirichlet(np.ones(k), n))
    p[rows, top] += 1.0 - p.sum(axis=1)
    yield "zeros", p


def logarithms(p: np.ndarray) -> np.ndarray:
    """Log p; where p is nearly 1, from the others, which still tell how nearly."""
    with np.errstate(divide="ignore"):
        logs = np.log(p)
    top = p.argmax(axis=1)[:, None]
    others = p.copy()
    np.put_along_axis(others, top, 0.0, axis=1)
    np.put_along_axis(logs, top, np.log1p(-others.sum(axis=1, keepdims=True)), axis=1)
    return logs


def scalars(rng: np.random.Generator, n: int, source: str) -> Iterator[Family]:
    """Families of n binary predictions."""
    normal = rng.standard_normal(n)
    if source == "logits":
        yield Family("N(0,1)", normal)
        yield Family("N(0,30)", 30.0 * normal)
        yield Family("uniform +-708", rng.uniform(-708.0, 708.0, n))
        yield Family("near 0", normal * 10.0 ** rng.integers(-300, 0, n))
        yield Family("subnormal", normal * 5e-310)
        exponents = rng.integers(-1070, 1023, n)
        yield Family("every exponent", np.ldexp(rng.uniform(-1.0, 1.0, n), exponents))
        extremes = [np.inf, -np.inf, LARGEST, -LARGEST, 0.0]
        yield Family("infinite and full", np.tile(extremes, n // 5))
        return
    for name, p in (
        ("uniform", rng.random(n)),
        ("near 1/2", 0.5 + normal * 10.0 ** rng.integers(-17, -2, n)),
        ("faint", 10.0 ** rng.uniform(-307.0, 0.0, n)),
        ("confident", 1.0 - 10.0 ** rng.uniform(-17.0, 0.0, n)),
        ("0, 1 and their neighbours", np.tile([0.0, 1.0, 5e-324, 1.0 - 2.0**-53, 0.5], n // 5)),
    ):
        with np.errstate(divide="ignore"):
            yield Family(name, p if source == "probabilities" else np.log(p))
    if source == "log-probabilities":
        yield Family("every exponent", -np.ldexp(rng.random(n), rng.integers(-1070, 17, n)))


def pairs(rng: np.random.Generator, n: int, k: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Pairs of n rows of k probabilities, which need not sum to 1: name, p, q."""
    p, q = rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n)
    yield "Dirichlet(1)", p, q
    for digit in DIGITS:
        yield (
            f"differ in digit {digit}",
            p,
            p * (1.0 + rng.uniform(-1.0, 1.0, p.shape) * 10.0**-digit),
        )
    sparse = np.maximum(rng.dirichlet(np.full(k, 0.02), n), 1e-320)
    yield "sparse", sparse, rng.dirichlet(np.full(k, 0.05), n) + 1e-300
    yield "zeros", np.where(rng.random(p.shape) < 0.3, 0.0, p), q
