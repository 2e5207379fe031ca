"""Softmax, its logarithm and its normaliser."""

import numpy as np

from service.numerics.arrays import Array, Floats, Integers, by_class, class_first, for_each_block
from service.numerics.exponentials import exponentials, quotients


def softmax(logits: Floats, temperature: float = 1.0, *, threads: int = 1) -> Array:
    """Probabilities exp(z_j / T) / sum_c exp(z_c / T).

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.
        threads: how many work at the same time; changes no bit.

    Returns:
        (n, k) probabilities.
    """
    answer = np.empty(logits.shape)

    @np.errstate(all="ignore")  # weights that vanish and rows that need a shift are meant
    def work(rows: slice) -> None:
        out = answer[rows]
        weights = class_first(out)
        exponentials(logits[rows], temperature, weights)
        np.divide(weights, weights.sum(axis=0), out=out.T)

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

    @np.errstate(all="ignore")  # as in softmax
    def work(rows: slice) -> None:
        _, top, _, others = without_top(logits[rows], temperature)
        gaps = distances(logits[rows], top, temperature)
        np.subtract(gaps, np.log1p(others), out=answer[rows].T)

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

    @np.errstate(all="ignore")  # as in softmax
    def work(rows: slice) -> None:
        _, top, _, others = without_top(logits[rows], 1.0)
        largest = logits[rows][np.arange(top.size), top]
        np.add(largest, np.log1p(others), out=answer[rows], dtype=np.float64)

    for_each_block(work, logits.shape, 1)
    return answer


def without_top(logits: Floats, temperature: float) -> tuple[Array, Integers, Array, Array]:
    """Weights, the column of the largest one, its weight, and the sum of the others over it.

    The top stays out of the sum because log1p(S) of a confident row needs every digit of S.
    """
    weights = class_first(np.empty(logits.shape))
    exponentials(logits, temperature, weights)
    top = logits.argmax(axis=1)
    columns = np.arange(top.size)
    largest = weights[top, columns]
    weights[top, columns] = 0.0
    others = weights.sum(axis=0) / largest
    weights[top, columns] = largest
    return weights, top, largest, others


def distances(logits: Floats, top: Integers, temperature: float) -> Array:
    """(z_j - z_top) / T as (k, n), all <= 0."""
    z = by_class(logits)
    largest = z[top, np.arange(top.size)]
    return z - largest if temperature == 1.0 else quotients(z, largest, temperature)[0]
