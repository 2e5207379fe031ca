"""Weighted means by group with their standard errors, from exact sums."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from service.evaluation.figures import in_one_unit, ratio, root
from service.evaluation.intervals import interval
from service.evaluation.pieces import Array, Groups, Scaled
from service.evaluation.sums import ExactSums

# Below this many effective rows there is no spread to speak of, but for the rounding of s**2.
SINGLE = 1.0 + 2.0**-40
# Cubes are rounded: where the mean is more than 2**12 deviations away, little is left of the third
# moment, and it is taken for 0.
FAR = 24  # log2 of its square
# Between these, cubes neither over- nor underflow.
MODERATE = 2.0**-300, 2.0**300

NAMES = (
    "loss",
    "square",
    "cube",
    "support",
    "more_loss",
    "more_support",
    "most_square",
    "most_loss",
    "most_support",
)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and what is known of its uncertainty.

    Attributes:
        value: nan of no rows.
        standard_error: nan of fewer than two rows, or of an infinite mean.
        interval: of 95 %, by Student's t with Hall's transformation; (nan, nan) where there is no
            standard error.
        effective: how many rows of equal weight are as good.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    effective: float


class Moments:
    """What the means of a column by group, and their standard errors, are made of.

        mean      = A / S                   A = sum s x    S = sum s
        variance  = sum d**2 / S**2 * e / (e - 1)          d = s (x - mean)    e = S**2 / sum s**2
        skew      = sum d**3 / (sum d**2)**1.5

    the linearised variance of a ratio; without weights it is that of the mean, s**2 / N.

    Args:
        size: the number of groups.
    """

    __slots__ = ("_sums", "size")
    __hash__ = None  # type: ignore[assignment]  # moments change

    def __init__(self, size: int) -> None:
        self.size = size
        # sum s x, s**2 x**2, s**3 x**3 and s. The others with s**2 in place of s differ from those
        # with s by `more`, and with s**3 by `most`: rows of weight 1 do not touch them.
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
        if weights is not None:
            self._add_weighted(groups, values, weights)
            return
        sums["support"].count(groups)
        sums["square"].add(groups, values, values)
        low, high = MODERATE
        sizes = np.abs(values)
        if bool(((sizes < high) & ((sizes > low) | (sizes == 0.0))).all()):
            sums["cube"].add(groups, values * values * values)
        else:
            sums["cube"].add_product(groups, _power(np.frexp(values), 3))

    def _add_weighted(self, groups: Groups, values: Array, weights: Array) -> None:
        sums = self._sums
        sums["support"].add(groups, weights)
        weight, value = np.frexp(weights), np.frexp(values)
        second, third, cube = _power(weight, 2), _power(weight, 3), _power(value, 3)
        sums["square"].add_product(groups, second, value, value)
        sums["cube"].add_product(groups, third, cube)
        for name, factors in (("support", ()), ("loss", (value,))):
            _add_difference(sums[f"more_{name}"], groups, second, weight, *factors)
            _add_difference(sums[f"most_{name}"], groups, third, weight, *factors)
        _add_difference(sums["most_square"], groups, third, second, value, value)

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
            _mean(_Totals(*totals), one, group in infinite, low)
            for group, totals in enumerate(zip(*columns, strict=True))
        ]

    def mean(self, low: float = -math.inf) -> Mean:
        """The mean of all rows."""
        columns, one = in_one_unit(*self._sums.values())
        return _mean(_Totals(*map(sum, columns)), one, bool(self._sums["loss"].infinite), low)

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


class _Totals(NamedTuple):
    """The sums of a group, in the order of NAMES, as multiples of the same power of two."""

    loss: int
    square: int
    cube: int
    support: int
    more_loss: int
    more_support: int
    most_square: int
    most_loss: int
    most_support: int


def _mean(of: _Totals, one: int, infinite: bool, low: float) -> Mean:
    loss, support = of.loss, of.support
    # s**2 is of another dimension than s: its sums times `one` are in the unit of products
    squares = support + of.more_support
    effective = ratio(support * support, squares * one)
    value = math.inf if infinite else ratio(loss, support)
    if infinite or not effective > SINGLE:
        return Mean(value, math.nan, (math.nan, math.nan), effective)
    # sum d**2 * support**2 * one, and sum d**3 * support**3 * one
    second = (
        of.square * support - 2 * loss * (loss + of.more_loss)
    ) * support + loss * loss * squares
    third = (
        (of.cube * support - 3 * loss * (of.square + of.most_square)) * support
        + 3 * loss * loss * (loss + of.most_loss)
    ) * support - loss**3 * (support + of.most_support)
    skew = 0.0
    if second > 0 and loss * loss * squares <= second << FAR:
        skew = root(third * third * one, second**3) * (1.0 if third > 0 else -1.0)
    error = root(second * one, support * support * (support * support - squares * one))
    return Mean(value, error, interval(value, error, skew, effective - 1.0, low), effective)


def _power(numbers: Scaled, exponent: int) -> Scaled:
    """The square or cube, each product rounded, whatever its size."""
    fractions, exponents = numbers
    powers, shift = np.frexp(fractions * fractions * (fractions if exponent == 3 else 1.0))
    return powers, exponent * exponents + shift


def _add_difference(
    sums: ExactSums, groups: Groups, more: Scaled, less: Scaled, *factors: Scaled
) -> None:
    """Adds (more - less) times the other factors."""
    sums.add_product(groups, more, *factors)
    sums.add_product(groups, (-less[0], less[1]), *factors)
