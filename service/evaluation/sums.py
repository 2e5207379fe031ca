"""Exact sums of float64 values, one for each group, that merge in any order to the same value.

A float64 is an integer times a power of two, and integers add without rounding.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from service.evaluation.engine import machine_code
from service.evaluation.integers import GroupedIntegers
from service.evaluation.pending import WORDS
from service.evaluation.pieces import (
    PIECE,
    TABLE,
    Array,
    Groups,
    Scaled,
    by_key,
    counted,
    cut,
    moderate,
    product,
)
from service.numerics.errorfree import two_product

# Rows that are added at a time: their columns stay in the cache, and their sums in int64.
CHUNK = 1 << 15
# Fewer rows than these are not worth the many levels that machine code adds to: each is merged.
WORTH = 1 << 11


def chunks(count: int) -> Iterator[slice]:
    """Parts of so many rows whose columns stay in the cache."""
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))


class ExactSums(GroupedIntegers):
    """The exact sums of `size` groups of float64 values.

    Args:
        size: the number of groups; groups are numbered from 0.
    """

    __slots__ = ()

    def count(self, groups: Groups) -> None:
        """Adds 1 to the group of each row.

        Args:
            groups: (n,) group numbers.
        """
        if self.size > TABLE:
            for group, count in zip(*counted(groups), strict=True):
                self._integers[group] += count << -self._exponent
        elif groups.size:
            np.add.at(self.table(0, groups.size), groups, 1)

    def weigh(self, groups: Groups, weights: Array | None) -> None:
        """Adds to the group of each row its weight, (n,), or 1 without weights."""
        if weights is None:
            self.count(groups)
        else:
            self.add(groups, weights)

    def add(self, groups: Groups, values: Array, weights: Array | None = None) -> None:
        """Adds to the group of each row its value, times its weight where weights are given.

        Args:
            groups: (n,) group numbers.
            values: (n,) numbers, `inf` allowed.
            weights: (n,) numbers; the products are exact and cannot overflow. Finite, and above 0
                where the value is infinite; or the values themselves, whose squares are added.
        """
        for part in chunks(groups.size):
            self._add_chunk(groups[part], values[part], None if weights is None else weights[part])

    def add_product(self, groups: Groups, *factors: Scaled) -> None:
        """Adds to the group of each row the exact product of its factors.

        Args:
            groups: (n,) group numbers.
            factors: (n,) finite numbers each, as `np.frexp` gives them.
        """
        for term in product(factors):
            self._add_scaled(groups, *term)

    def _add_chunk(self, groups: Groups, values: Array, weights: Array | None) -> None:
        infinite = np.isinf(values)
        if infinite.any():
            for group, count in zip(*counted(groups[infinite]), strict=True):
                self._infinite[group] += count
            finite = ~infinite
            groups, values = groups[finite], values[finite]
            weights = None if weights is None else weights[finite]
        if groups.size == 0:
            return
        if weights is None:
            self._add_levels(groups, values)
        elif moderate(values) and (weights is values or moderate(weights)):
            for part in two_product(values, weights):
                self._add_levels(groups, part)
        else:
            self.add_product(groups, np.frexp(values), np.frexp(weights))

    def _add_levels(self, groups: Groups, values: Array) -> None:
        if self.size > TABLE:
            self._add_scaled(groups, *np.frexp(values))
            return
        code = machine_code()
        if code and groups.size >= WORTH and self.size * WORDS <= TABLE:
            code.add(groups, values, self.words(groups.size))
            return
        for some, part, level in cut(groups, values):
            if level is None:
                self._add_scaled(some, *np.frexp(part))
            elif self.size == 1:  # adds to one cell would wait for each other
                self.table(level, some.size << PIECE)[0] += part.sum()
            else:
                np.add.at(self.table(level, some.size << PIECE), some, part)

    def _add_scaled(
        self, groups: Groups, fractions: Array, exponents: npt.NDArray[np.int32]
    ) -> None:
        """Adds fractions * 2**exponents, with fractions in (-1, 1) of 53 bits."""
        some = fractions != 0  # the exponent of 0 says nothing of its size
        if not some.all():
            groups, fractions, exponents = groups[some], fractions[some], exponents[some]
        if groups.size == 0:
            return
        lowest = int(exponents.min())
        span = int(exponents.max()) - lowest + 1
        keys = groups * span + (exponents - lowest)
        upper = fractions * 2.0**27
        whole = np.floor(upper)
        found, highs, lows = by_key(keys, self.size * span, whole, (upper - whole) * 2.0**26)
        self._reach(lowest - 53)
        for key, high, low in zip(found, highs, lows, strict=True):
            group, above = divmod(key, span)
            self._integers[group] += ((high << 26) + low) << (lowest - 53 - self._exponent + above)
