"""The sigmoid and its cross-entropy, with the gradient beside the loss. Every shape is welcome."""

import numpy as np

from service.numerics.arrays import Array, Floats
from service.numerics.logarithms import BITS_PER_NAT, log_one_plus


def sigmoid(x: Floats) -> Array:
    """1 / (1 + exp(-x)).

    Args:
        x: any shape, finite or infinite.

    Returns:
        Probabilities of the same shape.
    """
    x = np.asarray(x, dtype=np.float64)
    tail = np.exp(-np.abs(x))  # <= 1, so neither branch overflows or cancels
    return np.where(x >= 0.0, 1.0, tail) / (1.0 + tail)


def softplus(x: Floats) -> Array:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)).

    Args:
        x: any shape, finite or infinite.

    Returns:
        Nats, of the same shape.
    """
    x = np.asarray(x, dtype=np.float64)
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def log_sigmoid(x: Floats) -> Array:
    """log(1 / (1 + exp(-x))) = -softplus(-x).

    Args:
        x: any shape, finite or infinite.

    Returns:
        Nats, of the same shape.
    """
    return -softplus(-np.asarray(x, dtype=np.float64))


def binary_cross_entropy(
    logits: Floats,
    targets: Array,
    *,
    positive_weight: float = 1.0,
    bits: bool = False,
    scale: Array | None = None,
) -> tuple[Array, Array | None]:
    """Loss w y softplus(-z) + (1 - y) softplus(z) and its gradient, element by element.

    Both terms are >= 0 and 0 * inf = 0; the gradient scale ((1 - y) p - w y (1 - p)) takes 1 - p
    as sigmoid(-z), so that it does not cancel for y in {0, 1}.

    Args:
        logits: any shape, finite or infinite.
        targets: the same shape, in [0, 1].
        positive_weight: w >= 0, the factor of the positive class.
        bits: losses and gradient in bits instead of nats.
        scale: the same shape, factors of the losses whose gradient is wanted.

    Returns:
        The losses and, if wanted, the gradient, both of the same shape.
    """
    z = np.asarray(logits, dtype=np.float64)
    positive, negative = positive_weight * targets, 1.0 - targets
    distance = np.abs(z)
    tail = np.exp(-distance)
    rest = log_one_plus(tail, bits=bits)
    far = (distance * BITS_PER_NAT if bits else distance) + rest
    right = z >= 0.0
    losses = _product(positive, np.where(right, rest, far))
    losses += _product(negative, np.where(right, far, rest))
    if scale is None:
        return losses, None
    larger = 1.0 / (1.0 + tail)
    smaller = tail * larger
    gradient = negative * np.where(right, larger, smaller)
    gradient -= positive * np.where(right, smaller, larger)
    gradient *= scale * BITS_PER_NAT if bits else scale
    return losses, gradient


def _product(factor: Array, loss: Array) -> Array:
    """Factor times loss, 0 where the factor is 0 even if the loss is infinite."""
    return np.multiply(factor, loss, out=np.zeros_like(loss), where=factor != 0.0)
