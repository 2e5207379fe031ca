"""Cross-entropy of softmax, with the gradient beside the loss."""

import math

import numpy as np
import numpy.typing as npt

from service.numerics.arrays import Array, Floats, Integers, by_class, class_first, for_each_block
from service.numerics.categorical import distances, without_top
from service.numerics.exponentials import FAINT, exponentials, quotients
from service.numerics.logarithms import log_one_plus, nats_to_unit


def cross_entropy(
    logits: Floats,
    labels: Integers,
    *,
    temperature: float = 1.0,
    bits: bool = False,
    scale: Array | None = None,
    threads: int = 1,
) -> tuple[Array, Array | None]:
    """Loss of hard labels and its gradient: -log p_y = log1p(S / w_y), and scale (p - onehot) / T.

    S is the sum of the weights of the other classes: every term is >= 0, and the gradient of the
    true class is -S, never p_y - 1, which is 0 for a confident prediction.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        labels: (n,) integers in 0..k-1.
        temperature: T > 0.
        bits: losses and gradient in bits instead of nats.
        scale: (n,) factors of the losses whose gradient is wanted.
        threads: how many work at the same time; changes no bit.

    Returns:
        (n,) losses, inf where the label's logit is -inf, and the (n, k) gradient, if wanted.
    """
    losses = np.empty(len(logits))
    gradient = None if scale is None else np.empty(logits.shape)

    @np.errstate(all="ignore")  # weights that vanish and losses that are infinite are meant
    def work(rows: slice) -> None:
        z, y = logits[rows], labels[rows]
        out = np.empty(z.shape) if gradient is None else gradient[rows]
        weights, columns = class_first(out), np.arange(y.size)
        references = exponentials(z, temperature, weights)
        label_weights = weights[y, columns]
        weights[y, columns] = 0.0
        others = weights.sum(axis=0)
        total = others + label_weights
        losses[rows] = log_one_plus(others / label_weights, bits=bits)
        faint = np.flatnonzero(label_weights < FAINT)
        if faint.size:  # the quotient would overflow or have lost digits, and this cannot cancel
            z_y = z[faint, y[faint]].astype(np.float64)
            gaps, _ = quotients(z_y[None], references[faint], temperature)
            nearest = np.log(total[faint]) - gaps[0]
            losses[rows][faint] = nats_to_unit(nearest, bits=bits)
        if scale is not None:
            factors, exponents = _gradient_factors(scale[rows], temperature, bits)
            factors /= total
            np.multiply(weights, factors, out=out.T)
            out[columns, y] = 0.0 - others * factors
            _rescale(out, exponents)

    for_each_block(work, logits.shape, threads)
    return losses, gradient


def soft_cross_entropy(
    logits: Floats,
    coefficients: Array,
    *,
    temperature: float = 1.0,
    bits: bool = False,
    scale: Array | None = None,
    threads: int = 1,
) -> tuple[Array, Array | None]:
    """Loss of weighted classes and its gradient: sum_c u_c (-log p_c), scale (p sum(u) - u) / T.

    0 * inf = 0. The gradient of the largest class is written with 1 - p = S / (1 + S), so that it
    keeps its digits where p is near 1 and all of u is on that class.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        coefficients: (n, k) u >= 0, any row sum: targets times class weights.
        temperature: T > 0.
        bits: losses and gradient in bits instead of nats.
        scale: (n,) factors of the losses whose gradient is wanted.
        threads: how many work at the same time; changes no bit.

    Returns:
        (n,) losses and, if wanted, the (n, k) gradient.
    """
    losses = np.empty(len(logits))
    gradient = None if scale is None else np.empty(logits.shape)

    @np.errstate(all="ignore")  # as above; 0 * inf is mended
    def work(rows: slice) -> None:
        z, u = logits[rows], by_class(coefficients[rows])
        weights, top, largest, others = without_top(z, temperature)
        terms = nats_to_unit(-distances(z, top, temperature), bits=bits)
        terms += log_one_plus(others, bits=bits)
        np.copyto(terms, 0.0, where=u == 0.0)
        terms *= u
        losses[rows] = terms.sum(axis=0)
        if scale is not None and gradient is not None:
            factors, exponents = _gradient_factors(scale[rows], temperature, bits)
            mass, columns, total = u.sum(axis=0), np.arange(top.size), 1.0 + others
            weights *= mass / (largest * total)
            weights -= u
            at_top = u[top, columns]
            weights[top, columns] = ((mass - at_top) - at_top * others) / total
            np.multiply(weights, factors, out=gradient[rows].T)
            _rescale(gradient[rows], exponents)

    for_each_block(work, logits.shape, threads)
    return losses, gradient


def _gradient_factors(
    scale: Array, temperature: float, bits: bool
) -> tuple[Array, npt.NDArray[np.int64] | None]:
    """Scale / T in the unit as factor * 2**exponent; exponents only where the plain one is extreme.

    A factor outside float64 (T = 1e-310) may belong to a gradient inside.
    """
    factors = nats_to_unit(scale / temperature, bits=bits)
    sizes = np.abs(factors)
    extreme = ((sizes < 2.0**-600) | (sizes > 2.0**600)) & (scale != 0.0)
    if not extreme.any():
        return factors, None
    mantissa, exponent = math.frexp(temperature)
    mantissas, exponents = np.frexp(scale[extreme])
    factors[extreme] = nats_to_unit(mantissas / mantissa, bits=bits)
    answer = np.zeros(scale.shape, dtype=np.int64)
    answer[extreme] = exponents - exponent
    return factors, answer


def _rescale(gradient: Array, exponents: npt.NDArray[np.int64] | None) -> None:
    if exponents is not None:
        np.ldexp(gradient, exponents[:, None], out=gradient)
