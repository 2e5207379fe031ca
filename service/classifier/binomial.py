"""The binomial distribution of errors among rows, and what it says of an error rate."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from service.classifier.rows import Array

STEPS = 64
"""Halvings of [0, 1], after which the bound no longer moves."""


def distribution(errors: npt.NDArray[np.integer], rate: float) -> Array:
    """P[Binomial(m, rate) <= errors_m] for m = 1, 2, ..., N in one pass.

    One row more without an error takes rate * pmf(m, k) away; an error then adds pmf(m + 1, k + 1).

    Args:
        errors: how many of the first m rows are wrong, shape (N,): it rises by 0 or 1.
        rate: the error rate, 0 < rate < 1.

    Returns:
        Shape (N,), within 1e-12.
    """
    rows = np.arange(len(errors))
    before = np.concatenate([[0], errors[:-1]])
    after = np.concatenate([[1.0], _mass(before[1:], rows[1:], rate)])
    steps = -rate * after + np.where(errors > before, _mass(errors, rows + 1, rate), 0.0)
    return np.clip(1.0 + np.cumsum(steps), 0.0, 1.0)


@lru_cache(maxsize=1024)
def upper_bound(errors: int, trials: int, confidence: float) -> float:
    """The largest error rate that so few errors do not rule out, by Clopper and Pearson.

    It is p of P[Binomial(trials, p) <= errors] = 1 - confidence: the true rate lies above it in at
    most 1 - confidence of all repetitions.

    Args:
        errors: 0 to trials.
        trials: rows; with 0 the bound is 1.
        confidence: between 0 and 1.

    Returns:
        The bound.

    Source: C. Clopper and E. Pearson, Biometrika 26 (1934).
    """
    if errors >= trials:
        return 1.0
    counts = np.arange(errors + 1)
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        rate = 0.5 * (low + high)
        inside = float(_mass(counts, np.full(errors + 1, trials), rate).sum()) > 1.0 - confidence
        low, high = (rate, high) if inside else (low, rate)
    return high


def _mass(successes: npt.NDArray[np.integer], trials: npt.NDArray[np.integer], p: float) -> Array:
    """The probabilities of so many successes, elementwise; 0 < p < 1."""
    largest = int(trials.max(initial=0))
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, largest + 1.0)))])
    rest = trials - successes
    ways = logs[trials] - logs[successes] - logs[rest]
    mass: Array = np.exp(ways + successes * np.log(p) + rest * np.log1p(-p))
    return mass
