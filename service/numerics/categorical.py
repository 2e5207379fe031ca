"""Softmax and its cross-entropy, with the gradient beside the loss."""

import numpy as np

from service.numerics.arrays import Array, Floats, Integers
from service.numerics.logarithms import BITS_PER_NAT, log_one_plus
from service.numerics.shift import shifted


def softmax(logits: Floats, temperature: float = 1.0) -> Array:
    """Probabilities exp(z_j / T) / sum_c exp(z_c / T).

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.

    Returns:
        (n, k) probabilities.
    """
    rows = shifted(logits, temperature)
    return rows.weights / (1.0 + rows.others)[:, None]


def log_softmax(logits: Floats, temperature: float = 1.0) -> Array:
    """Logarithms of the probabilities, (z_j - z_top) / T - log1p(S).

    Both terms are <= 0, so nothing cancels (Blanchard, Higham & Higham, IMA JNA 41, 2021).

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        temperature: T > 0.

    Returns:
        (n, k) log-probabilities, in nats.
    """
    rows = shifted(logits, temperature)
    return rows.gaps - np.log1p(rows.others)[:, None]


def logsumexp(logits: Floats) -> Array:
    """Logarithm of the sum of exponentials, log sum_c exp(z_c).

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.

    Returns:
        (n,) logarithms, in nats.
    """
    rows = shifted(logits, 1.0)
    largest = np.take_along_axis(np.asarray(logits, np.float64), rows.top[:, None], axis=1)
    return largest[:, 0] + np.log1p(rows.others)


def cross_entropy(
    logits: Floats,
    labels: Integers,
    *,
    temperature: float = 1.0,
    bits: bool = False,
    scale: Array | None = None,
) -> tuple[Array, Array | None]:
    """Loss of hard labels and its gradient: -log p_y, and scale (p - onehot) / T.

    The entry of the true class is minus the sum of the others, never p_y - 1, which is 0 for a
    confident prediction.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        labels: (n,) integers in 0..k-1.
        temperature: T > 0.
        bits: losses and gradient in bits instead of nats.
        scale: (n,) factors of the losses whose gradient is wanted.

    Returns:
        (n,) losses, inf where the label's logit is -inf, and the (n, k) gradient, if wanted.
    """
    rows = shifted(logits, temperature)
    at = labels[:, None]
    distance = -np.take_along_axis(rows.gaps, at, axis=1)[:, 0]
    losses = _distance(distance, bits) + log_one_plus(rows.others, bits=bits)
    if scale is None:
        return losses, None
    gradient = rows.weights
    np.put_along_axis(gradient, at, 0.0, axis=1)
    wrong = gradient.sum(axis=1)
    np.put_along_axis(gradient, at, 0.0 - wrong[:, None], axis=1)
    gradient *= (_gradient_unit(scale, temperature, bits) / (1.0 + rows.others))[:, None]
    return losses, gradient


def soft_cross_entropy(
    logits: Floats,
    coefficients: Array,
    *,
    temperature: float = 1.0,
    bits: bool = False,
    scale: Array | None = None,
) -> tuple[Array, Array | None]:
    """Loss of weighted classes and its gradient: sum_c u_c (-log p_c), 0 * inf = 0.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        coefficients: (n, k) u >= 0, any row sum: targets times class weights.
        temperature: T > 0.
        bits: losses and gradient in bits instead of nats.
        scale: (n,) factors of the losses whose gradient is wanted.

    Returns:
        (n,) losses and, if wanted, the (n, k) gradient scale (p sum(u) - u) / T.
    """
    rows = shifted(logits, temperature)
    surprisal = _distance(-rows.gaps, bits) + log_one_plus(rows.others, bits=bits)[:, None]
    surprisal[coefficients == 0.0] = 0.0
    losses = (coefficients * surprisal).sum(axis=1)
    if scale is None:
        return losses, None
    gradient = rows.weights
    gradient *= (coefficients.sum(axis=1) / (1.0 + rows.others))[:, None]
    gradient -= coefficients
    gradient *= _gradient_unit(scale, temperature, bits)[:, None]
    return losses, gradient


def _distance(nats: Array, bits: bool) -> Array:
    return nats * BITS_PER_NAT if bits else nats


def _gradient_unit(scale: Array, temperature: float, bits: bool) -> Array:
    return scale / temperature * BITS_PER_NAT if bits else scale / temperature
