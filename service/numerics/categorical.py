"""Softmax, its logarithm and its normaliser."""

import numpy as np

from service.numerics.arrays import (
    NARROW,
    Array,
    Floats,
    Integers,
    by_class,
    class_first,
    for_each_block,
)
from service.numerics.exponentials import exponentials, quotients, shares, single_shares


def softmax(logits: Floats, temperature: float = 1.0, *, threads: int = 1) -> Array:
    """Probabilities exp(z_j / T) / sum_c exp(z_c / T).

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.
        threads: how many work at the same time; changes no bit.

    Returns:
        (n, k) probabilities.
    """
    if len(logits) == 1 and temperature == 1.0 and logits.shape[1] <= NARROW:
        alone = single_shares(logits)
        if alone is not None:
            return alone
    answer = np.empty(logits.shape)

    def work(rows: slice) -> None:
        out = answer[rows]
        weights, totals = shares(logits[rows], temperature, class_first(out))
        np.divide(weights, totals, out=out.T)

    for_each_block(work, logits.shape, threads)
    return answer


def log_softmax(logits: Floats, temperature: float = 1.0, *, threads: int = 1) -> Array:
    """Logarithms of the probabilities, (z_j - z_top) / T - log1p(S).

    Both terms are <= 0, so that nothing cancels.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.
        threads: how many work at the same time; changes no bit.

    Returns:
        (n, k) log-probabilities, in nats.
    """
    answer = np.empty(logits.shape)

    def work(rows: slice) -> None:
        z = logits[rows]
        top = z.argmax(axis=1)
        _, own, others, _, _ = exponentials(z, temperature, top, class_first(answer[rows]))
        rest = np.log1p(others.high / own)
        np.subtract(distances(z, top, temperature), rest, out=answer[rows].T)

    for_each_block(work, logits.shape, threads)
    return answer


def logsumexp(logits: Floats) -> Array:
    """Logarithm of the sum of exponentials, log sum_c exp(z_c) = z_top + log1p(S).

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.

    Returns:
        (n,) logarithms, in nats.
    """
    answer = np.empty(len(logits))

    def work(rows: slice) -> None:
        z = logits[rows]
        top = z.argmax(axis=1)
        _, own, others, _, _ = exponentials(z, 1.0, top, class_first(np.empty(z.shape)))
        rest = np.log1p(others.high / own)
        np.add(z[np.arange(top.size), top], rest, out=answer[rows], dtype=np.float64)

    for_each_block(work, logits.shape, threads=1)
    return answer


def distances(logits: Floats, top: Integers, temperature: float) -> Array:
    """(z_j - z_top) / T as (k, n), all <= 0."""
    z = by_class(logits)
    largest = z[top, np.arange(top.size)]
    return z - largest if temperature == 1.0 else quotients(z, largest, temperature).high
