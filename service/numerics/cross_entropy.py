"""Cross-entropy of softmax, with the gradient beside the loss."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.numerics import engine
from service.numerics.arrays import (
    Array,
    Floats,
    Integers,
    Scratch,
    by_class,
    class_first,
    for_each_block,
)
from service.numerics.categorical import distances
from service.numerics.errorfree import (
    Pair,
    column_sums,
    pair_product,
    plain_sums,
    quick_column_sums,
    quotient,
    two_product,
)
from service.numerics.exponentials import FAINT, Exponentials, exponentials, quotients
from service.numerics.logarithms import NAT_IN_BITS, log_one_plus, nats_to_unit

Exponents = npt.NDArray[np.int64]

MODERATE = 300
"""Factors within 2**±300 can be multiplied and divided with their errors."""

SHRINK = 2.0**-600


def cross_entropy(
    logits: Floats,
    labels: Integers,
    *,
    temperature: float = 1.0,
    bits: bool = False,
    scale: Array | None = None,
    threads: int = 1,
    dtype: npt.DTypeLike = np.float64,
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
        dtype: of the gradient, which is computed in float64 and rounded to it.

    Returns:
        (n,) losses, inf where the label's logit is -inf, and the (n, k) gradient, if wanted.
    """
    losses = np.empty(len(logits))
    gradient: Array = np.empty(logits.shape if scale is not None else (0, 0), dtype)
    in_place = scale is not None and gradient.dtype == np.float64
    unit = Unit.of(temperature, bits)
    scratch = Scratch()

    def work(rows: slice) -> None:
        z, y = logits[rows], labels[rows]
        out = gradient[rows] if in_place else scratch.like(z)
        found = exponentials(z, temperature, y, class_first(out), quick_column_sums)
        losses[rows] = label_losses(found, z, y, temperature=temperature, bits=bits)
        if scale is not None:
            factors, exponents = _gradient_factors(scale[rows], unit)
            compiled = gradient.dtype in (np.float64, np.float32) and not exponents.any()
            if engine.machine_code and compiled:
                engine.machine_code.spread(found, y, factors, gradient[rows])
                return
            per_weight = quotient(factors, found.total)
            _write(gradient[rows], found.weights, per_weight, exponents)
            cells = np.arange(y.size) * z.shape[1] + y.astype(np.intp)
            of_label = 0.0 - found.others.high * per_weight
            if exponents.any():
                of_label = np.ldexp(of_label, exponents)
            gradient[rows].reshape(-1)[cells] = of_label

    for_each_block(work, logits.shape, threads)
    return losses, None if scale is None else gradient


def label_losses(
    found: Exponentials, z: Floats, y: Integers, *, temperature: float, bits: bool
) -> Array:
    """(n,) losses log1p(S / w_y) from the exponentials of (n, k) rows with the labels taken out."""
    losses = log_one_plus(found.others.high / found.own, bits=bits)
    faint = np.flatnonzero(found.own < FAINT)
    if faint.size:  # the quotient would overflow or have lost digits, and this cannot cancel
        z_y = z[faint, y[faint]].astype(np.float64)
        gaps = quotients(z_y[None], found.references[faint], temperature).high[0]
        losses[faint] = nats_to_unit(np.log(found.total.high[faint]) - gaps, bits=bits)
    return losses


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
    unit = Unit.of(temperature, bits)

    def work(rows: slice) -> None:
        z, u = logits[rows], by_class(coefficients[rows])
        top, room = z.argmax(axis=1), class_first(np.empty(z.shape))
        weights, largest, others, total, _ = exponentials(z, temperature, top, room)
        rest = log_one_plus(others.high / largest, bits=bits)
        losses[rows] = _expected(distances(z, top, temperature), rest, u, bits)
        overflowed = np.flatnonzero(np.isposinf(losses[rows]))
        if overflowed.size:  # a distance beyond float64 may have a coefficient that brings it back
            z_far = z[overflowed].astype(np.float64) * SHRINK  # which is 0 in a narrower type
            gaps = distances(z_far, top[overflowed], temperature)
            losses[rows][overflowed] = _expected(gaps, 0.0, u[:, overflowed], bits) / SHRINK
        if scale is not None and gradient is not None:
            out, columns = gradient[rows], np.arange(top.size)
            factors, exponents = _gradient_factors(scale[rows], unit)
            _, more = _moderate(plain_sums(u))
            if more.any():
                u, exponents = np.ldexp(u, -more), exponents + more
            mass, u_top = column_sums(u), u[top, columns]
            weights *= quotient(pair_product(factors, mass), total)
            np.subtract(weights, u * factors.high, out=out.T)
            at_top = (mass.high - u_top) * largest - u_top * others.high
            out[columns, top] = at_top * quotient(factors, total)
            _rescale(out, exponents)

    for_each_block(work, logits.shape, threads)
    return losses, gradient


def _expected(gaps: Array, rest: Array | float, u: Array, bits: bool) -> Array:
    """Sums of u (-log p) over the classes, 0 * inf = 0."""
    terms: Array = nats_to_unit(-gaps, bits=bits)
    terms += rest
    terms *= u
    np.copyto(terms, 0.0, where=u == 0.0)
    return plain_sums(terms)


class Unit(NamedTuple):
    """1 / T, in bits if so wanted, as (high + low) * 2**exponent."""

    high: float
    low: float
    exponent: int

    @classmethod
    def of(cls, temperature: float, bits: bool) -> "Unit":
        """The reciprocal of a temperature."""
        mantissa, exponent = math.frexp(temperature)
        exact = (NAT_IN_BITS if bits else Fraction(1)) / Fraction(mantissa)
        high = float(exact)
        return cls(high, float(exact - Fraction(high)), -exponent)


def _gradient_factors(scale: Array, unit: Unit) -> tuple[Pair, Exponents]:
    """Scale / T in the unit as factor * 2**exponent, both (n,), the factor of moderate size.

    A factor outside float64 (T = 1e-310) may belong to a gradient inside.
    """
    scale, exponents = _moderate(scale)
    if abs(unit.exponent) > MODERATE:
        exponents += unit.exponent
    else:
        scale = scale * 2.0**unit.exponent
    if unit.low == 0.0 and math.frexp(unit.high)[0] == 0.5:  # a power of two: nothing is lost
        return Pair(scale * unit.high, np.zeros_like(scale)), exponents
    factors = two_product(scale, unit.high)
    return Pair(factors.high, factors.low + scale * unit.low), exponents


def _write(out: Floats, weights: Array, per_weight: Array, exponents: Exponents) -> None:
    """Puts weights * per_weight * 2**exponents into (n, k) rows, rounded to their dtype."""
    if out.dtype == np.float64:
        np.multiply(weights, per_weight, out=out.T)
        _rescale(out, exponents)
    elif exponents.any():
        np.copyto(out, np.ldexp(weights * per_weight, exponents).T, casting="same_kind")
    else:  # rounded piece by piece on the way out
        np.multiply(weights, per_weight, out=out.T, dtype=np.float64, casting="same_kind")


def _moderate(values: Array) -> tuple[Array, Exponents]:
    """Values >= 0 as v * 2**e; e is 0, and v the value itself, where that is within 2**±300."""
    if values.size and values.min() >= 2.0**-MODERATE and values.max() <= 2.0**MODERATE:
        return values, np.zeros(values.shape, dtype=np.int64)
    extreme = ((values < 2.0**-MODERATE) & (values > 0.0)) | (values > 2.0**MODERATE)
    exponents = np.zeros(values.shape, dtype=np.int64)
    if extreme.any():
        values = values.copy()
        values[extreme], exponents[extreme] = np.frexp(values[extreme])
    return values, exponents


def _rescale(gradient: Floats, exponents: Exponents) -> None:
    if exponents.any():
        np.ldexp(gradient, exponents[:, None], out=gradient)
