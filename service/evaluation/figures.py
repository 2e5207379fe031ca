"""The formulas that parts of the report share: every quotient of exact sums is rounded once."""

import math
from collections.abc import Sequence

from service.evaluation.sums import ExactSums


def ratio(numerator: int, denominator: int) -> float:
    """The quotient of two integers, the second >= 0, correctly rounded; 0/0 is nan."""
    if denominator == 0:
        return math.copysign(math.inf, numerator) if numerator else math.nan
    try:
        return numerator / denominator
    except OverflowError:
        return math.copysign(math.inf, 1 if numerator > 0 else -1)


def root(numerator: int, denominator: int) -> float:
    """The square root of a quotient, which may itself be beyond float64; 0 below 0."""
    if numerator <= 0:
        return 0.0
    half = (numerator.bit_length() - denominator.bit_length()) // 2
    quotient = ratio(numerator << max(0, -2 * half), denominator << max(0, 2 * half))
    try:
        return math.ldexp(math.sqrt(quotient), half)
    except OverflowError:
        return math.inf


def in_one_unit(*sums: ExactSums) -> tuple[list[list[int]], int]:
    """Sums as integers that are multiples of the same power of two, and the integer of 1."""
    unit = min(each.exponent for each in sums)
    return [each.scaled(unit) for each in sums], 1 << -unit


def weights_of(totals: Sequence[int], one: int, weighted: bool) -> list[float]:
    """Weights as they are reported: numbers of rows as integers."""
    if weighted:
        return [ratio(total, one) if total else 0.0 for total in totals]
    return [total // one for total in totals]


def prior_baseline(supports: Sequence[int]) -> float:
    r"""Entropy of the label frequencies, in nat: the log loss of always predicting them.

        H = -sum_c f_c log f_c        f_c = support_c / sum support

    Args:
        supports: (K,) weights by class.
    """
    total = sum(supports)
    terms = []
    for support in supports:
        share = support / total
        if share >= 0.5:
            # the digits of log f near f = 1 are in the others, not in f
            terms.append(share * math.log1p((total - support) / support))
        elif share > 0:
            terms.append(-share * math.log(share))
    return math.fsum(terms)


def skill(log_loss: float, baseline: float) -> float:
    """1 - log_loss / baseline: 1 is perfect, 0 no better than the baseline; 0/0 is nan."""
    if baseline == 0:
        return math.nan if log_loss == 0 else -math.inf
    return 1.0 - log_loss / baseline
