"""The sigmoid and its cross-entropy, with the gradient beside the loss. Every shape is welcome."""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.numerics.arrays import Array, Floats, for_each_block
from service.numerics.logarithms import log_one_plus, nats_to_unit


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
    return 0.0 - softplus(-np.asarray(x, dtype=np.float64))


def shares(targets: Array, smoothing: float) -> tuple[Array, Array]:
    """How much of each class is true: y and 1 - y, smoothed apart.

    1 minus the smoothed y would have lost the digits of a small s.

    Args:
        targets: y, any shape, in [0, 1].
        smoothing: s in [0, 1].

    Returns:
        Of the positive and of the negative class, of the same shape.
    """
    both = targets, 1.0 - targets
    if not smoothing:
        return both
    positive, negative = ((1.0 - smoothing) * share + smoothing / 2 for share in both)
    return positive, negative


def binary_cross_entropy(
    logits: Floats,
    targets: Array,
    *,
    positive_weight: float = 1.0,
    smoothing: float = 0.0,
    bits: bool = False,
    scale: Array | None = None,
    threads: int = 1,
) -> tuple[Array, Array | None]:
    """Loss w y softplus(-z) + (1 - y) softplus(z) and its gradient, element by element.

    Written as log1p(exp(-|z|)) (w y + 1 - y) plus |z| times the weight of the class that z is
    against: both terms are >= 0, and 0 * inf = 0. The gradient scale ((1 - y) p - w y (1 - p))
    takes 1 - p as sigmoid(-z), so that it does not cancel for y in {0, 1}.

    Args:
        logits: any shape, finite or infinite.
        targets: the same shape, in [0, 1].
        positive_weight: w >= 0, the factor of the positive class.
        smoothing: s in [0, 1]: of y and 1 - y, (1 - s) times each and s / 2 are taken.
        bits: losses and gradient in bits instead of nats.
        scale: the same shape, factors of the losses whose gradient is wanted.
        threads: how many work at the same time; changes no bit.

    Returns:
        The losses and, if wanted, the gradient, both of the same shape.
    """
    losses = np.empty(logits.shape)
    gradient = None if scale is None else np.empty(logits.shape)
    arrays = (logits, targets, losses, scale, gradient)
    flat: list[npt.NDArray[Any]] = [a.reshape(-1) for a in arrays if a is not None]

    def work(part: slice) -> None:
        z, y, out, *rest = (a[part] for a in flat)
        distance, right = np.abs(z, dtype=np.float64), z >= 0.0
        tail = np.exp(-distance)
        positive, negative = shares(y, smoothing)
        positive = positive_weight * positive
        wrong = np.where(right, negative, positive)
        far = distance * wrong
        np.copyto(far, 0.0, where=wrong == 0.0)
        near = log_one_plus(tail, bits=bits) * (positive + negative)
        np.add(nats_to_unit(far, bits=bits), near, out=out)
        if rest:
            factors, slope = rest
            likely = 1.0 / (1.0 + tail)
            unlikely = tail / (1.0 + tail)
            np.multiply(negative, np.where(right, likely, unlikely), out=slope)
            slope -= positive * np.where(right, unlikely, likely)
            slope *= nats_to_unit(factors, bits=bits)

    for_each_block(work, (logits.size, 1), threads)
    return losses, gradient
