"""Weighted means by group with their standard errors, from exact sums."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from service.evaluation.figures import in_one_unit, ratio, root
from service.evaluation.sums import Array, ExactSums, Groups

LEVEL = 0.95
# Below this many effective rows there is no spread to speak of, but for the rounding of s**2.
SINGLE = 1.0 + 2.0**-40

NAMES = ("loss", "square", "support", "more_loss", "more_support")


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and what is known of its uncertainty.

    Attributes:
        value: nan of no rows.
        standard_error: nan of fewer than two rows, or of an infinite mean.
        interval: of 95 %, by Student's t; (nan, nan) where there is no standard error.
        effective: how many rows of equal weight are as good.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    effective: float


class Moments:
    """What the means of a column by group, and their standard errors, are made of.

        mean      = A / S                   A = sum s x    S = sum s
        variance  = sum s**2 (x - mean)**2 / S**2 * e / (e - 1)          e = S**2 / sum s**2

    the linearised variance of a ratio; without weights it is that of the mean, s**2 / N.

    Args:
        size: the number of groups.
    """

    __slots__ = ("_sums", "size")
    __hash__ = None  # type: ignore[assignment]  # moments change

    def __init__(self, size: int) -> None:
        self.size = size
        # The sums with s**2 in place of s differ from those with s by `more`: rows of weight 1,
        # most of all there are, do not touch them.
        self._sums = {name: ExactSums(size) for name in NAMES}

    def add(self, groups: Groups, values: Array, weights: Array | None) -> None:
        """Adds rows.

        Args:
            groups: (n,) group numbers.
            values: (n,) x, `inf` allowed.
            weights: (n,) s, finite and > 0, or `None` for 1.
        """
        sums = self._sums
        sums["loss"].add(groups, values, weights)
        finite = np.isfinite(values)
        if not finite.all():
            if weights is None:
                sums["support"].count(groups[~finite])
            else:
                sums["support"].add(groups[~finite], weights[~finite])
            groups, values = groups[finite], values[finite]
            weights = None if weights is None else weights[finite]
        if weights is None:
            sums["support"].count(groups)
            sums["square"].add(groups, values, values)
            return
        sums["support"].add(groups, weights)
        fractions, exponents = np.frexp(weights)
        squares, shift = np.frexp(fractions * fractions)  # s**2, rounded once, whatever its size
        square = squares, 2 * exponents + shift
        value, minus = np.frexp(values), (-fractions, exponents)
        sums["square"].add_product(groups, square, value, value)
        for name, factors in (("more_support", ()), ("more_loss", (value,))):
            sums[name].add_product(groups, square, *factors)
            sums[name].add_product(groups, minus, *factors)

    def merge(self, other: "Moments", groups: Sequence[int] | None = None) -> None:
        """Adds what other moments have seen; `groups` are the numbers here of the groups there."""
        for name, sums in self._sums.items():
            sums.merge(other._sums[name], groups)

    @property
    def exponent(self) -> int:
        """All sums are multiples of 2 to this power."""
        return min(sums.exponent for sums in self._sums.values())

    def __getitem__(self, name: str) -> ExactSums:
        return self._sums[name]

    def grow(self, size: int) -> None:
        """Makes room for more groups."""
        self.size = size
        for sums in self._sums.values():
            sums.grow(size)

    def means(self, low: float = -math.inf) -> list[Mean]:
        """The mean of each group.

        Args:
            low: no mean is below it, nor is its interval.
        """
        infinite = self._sums["loss"].infinite
        columns, one = in_one_unit(*self._sums.values())
        return [
            _mean(loss, square, support, more_loss, more_support, one, group in infinite, low)
            for group, (loss, square, support, more_loss, more_support) in enumerate(
                zip(*columns, strict=True)
            )
        ]

    def mean(self, low: float = -math.inf) -> Mean:
        """The mean of all rows."""
        columns, one = in_one_unit(*self._sums.values())
        loss, square, support, more_loss, more_support = map(sum, columns)
        infinite = bool(self._sums["loss"].infinite)
        return _mean(loss, square, support, more_loss, more_support, one, infinite, low)

    def to_json(self) -> dict[str, Any]:
        """The sums by name."""
        return {name: sums.to_json() for name, sums in self._sums.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any], size: int) -> "Moments":
        """Reads back what `to_json` gave.

        Raises:
            ValueError: it is none.
        """
        moments = cls(size)
        moments._sums = {name: ExactSums.from_json(stored[name], size) for name in NAMES}
        return moments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moments) and self._sums == other._sums


def _mean(
    loss: int,
    square: int,
    support: int,
    more_loss: int,
    more_support: int,
    one: int,
    infinite: bool,
    low: float,
) -> Mean:
    """From integers that are all multiples of the same power of two."""
    # s**2 is of another dimension than s: its sums times `one` are in the unit of products
    squares = support + more_support
    effective = ratio(support * support, squares * one)
    value = math.inf if infinite else ratio(loss, support)
    if infinite or not effective > SINGLE:
        return Mean(value, math.nan, (math.nan, math.nan), effective)
    numerator = (
        square * support * support - 2 * loss * (loss + more_loss) * support + loss * loss * squares
    )
    denominator = support * support * (support * support - squares * one)
    error = root(numerator * one, denominator)
    return Mean(value, error, interval(value, error, effective - 1.0, low), effective)


def interval(value: float, error: float, df: float, low: float) -> tuple[float, float]:
    """The interval of Student's t around an estimate, cut off at `low`."""
    reach = t_quantile(df) * error
    return max(low, value - reach), value + reach


@lru_cache(4096)
def t_quantile(df: float) -> float:
    """The number that Student's t of so many degrees of freedom stays within 95 % of the time."""
    from scipy.special import stdtrit  # loaded when the first interval is wanted

    return float(stdtrit(df, 0.5 + LEVEL / 2))
