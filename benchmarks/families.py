"""Rows of logits that are hard to score, by family, each with its temperature."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

LARGEST = np.finfo(np.float64).max


class Family(NamedTuple):
    name: str
    logits: np.ndarray
    temperature: float = 1.0


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


def repaired(family: Family) -> Family:
    """The family with a finite logit in every row: a row of nothing but masks means nothing."""
    logits = family.logits
    logits[np.isneginf(logits).all(axis=1), 0] = 0.0
    return family._replace(logits=logits)


def scalars(rng: np.random.Generator, n: int) -> Iterator[Family]:
    """Families of n binary logits."""
    normal = rng.standard_normal(n)
    yield Family("N(0,1)", normal)
    yield Family("N(0,30)", 30.0 * normal)
    yield Family("uniform +-708", rng.uniform(-708.0, 708.0, n))
    yield Family("near 0", normal * 10.0 ** rng.integers(-300, 0, n))
    yield Family("subnormal", normal * 5e-310)
    yield Family(
        "every exponent", np.ldexp(rng.uniform(-1.0, 1.0, n), rng.integers(-1070, 1023, n))
    )
    yield Family("infinite and full", np.tile([np.inf, -np.inf, LARGEST, -LARGEST, 0.0], n // 5))


def pairs(rng: np.random.Generator, n: int, k: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Pairs of n rows of k probabilities: name, p, q."""
    p, q = rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n)
    yield "Dirichlet(1)", p, q
    for digit in (3, 6, 9, 12, 15):
        yield (
            f"differ in digit {digit}",
            p,
            p * (1.0 + rng.uniform(-1.0, 1.0, p.shape) * 10.0**-digit),
        )
    sparse = np.maximum(rng.dirichlet(np.full(k, 0.02), n), 1e-320)
    yield "sparse", sparse, rng.dirichlet(np.full(k, 0.05), n) + 1e-300
    yield "zeros", np.where(rng.random(p.shape) < 0.3, 0.0, p), q
