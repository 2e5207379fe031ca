"""What the report needs to know of whole rows of probabilities, tabulated block by block."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.evaluation.bins import RANKS, class_bins, rank_numbers_by_class
from service.evaluation.named import NamedSums
from service.evaluation.pieces import Array
from service.numerics import in_memory

Indices = npt.NDArray[np.int64]

# Above these there are more cells than anybody reads, and more than rows to fill them.
RANKED_CLASSES = 256
CELLS = 1 << 18
# Of probabilities, so many binary places are added up; of small ones in cells as many again.
PLACES = 36
SMALL = 2.0**-12

NAMES = ("ranked", "ranked_true", "classwise", "classwise_true", "cells", "cells_true")


class Tables(NamedSums):
    """Sums by class and bin, and by cell and class; a cell is a predicted class and a bin.

    Every probability enters as a multiple of 2**-36 (in cells, below 2**-12: of 2**-72), so that
    sums are exact and cost one pass.

        ranked[c, r]          weight of the rows whose p_c lies in bin r of the ranking
        classwise[c, b]       sum of p_c over the rows where it lies in calibration bin b; in the
                              first, where most do, that over all rows
        cells[g, c]           sum of p_c over the rows in cell g
        ..._true              the same over the rows of class c, of their weight

    Args:
        classes: K.
        bins: of the calibration, B.
    """

    __slots__ = ("bins", "classes")

    def __init__(self, classes: int, bins: int) -> None:
        self.classes, self.bins = classes, bins
        sizes = {
            "ranked": classes * RANKS if classes <= RANKED_CLASSES else None,
            "classwise": classes * bins if classes * bins <= CELLS else None,
            "cells": classes**2 * bins if classes**2 * bins <= CELLS else None,
        }
        every = {name: sizes[name.removesuffix("_true")] for name in NAMES}
        super().__init__({name: size for name, size in every.items() if size is not None})

    def add(
        self, p: Array, labels: Indices, own: Indices, cells: Indices, weights: Array | None
    ) -> None:
        """Adds a block of rows.

        Args:
            p: (K, n) probabilities.
            labels: (n,) true classes.
            own: (n,) where these are in `in_memory(p)`.
            cells: (n,) predicted class * B + bin of the confidence.
            weights: (n,), or `None` for 1.
        """
        if not self.sums:
            return
        each = np.arange(self.classes)[:, None]
        flat = in_memory(p)
        heavy = None if weights is None else _spread(weights, p)
        heads = _rounded(flat, PLACES)
        if "ranked" in self.sums:
            keys = in_memory(rank_numbers_by_class(p, each))
            self._add("ranked", keys, None, heavy)
            self._add("ranked_true", keys[own], None, weights)
        if "classwise" in self.sums:
            first = each * self.bins
            if heavy is None:
                totals = heads.reshape(p.shape, order=_order(p)).sum(axis=1)
                self._add("classwise", first[:, 0], totals, None)
            else:
                self._add("classwise", _spread(first, p), heads, heavy)
            high = np.flatnonzero(flat * self.bins > 1.0)
            keys = _spread(first, p)[high] + class_bins(flat[high], self.bins)
            self._add("classwise", keys, heads[high], None if heavy is None else heavy[high])
            keys = self.bins * labels + class_bins(flat[own], self.bins)
            self._add("classwise_true", keys, None, weights)
        if "cells" in self.sums:
            keys = _spread(cells * self.classes + each, p)
            self._add("cells", keys, heads, heavy)
            self._add("cells_true", cells * self.classes + labels, None, weights)
            low = np.flatnonzero(flat < SMALL)
            tails = _rounded(flat[low] - heads[low], 2 * PLACES)
            some = None if heavy is None else heavy[low]
            self._add("cells", keys[low], tails, some, places=2 * PLACES)

    def _add(
        self,
        name: str,
        keys: Indices,
        values: Array | None,
        weights: Array | None,
        places: int = PLACES,
    ) -> None:
        """Adds values, or 1, to the sums of their keys, all (n,)."""
        sums = self.sums[name]
        if weights is not None:
            sums.add(keys, *((weights,) if values is None else (values, weights)))
        elif values is not None:
            sums.add_units(keys, values, -places)
        else:
            sums.count(keys)


def _rounded(values: Array, places: int) -> Array:
    """To so many binary places, for values of at most 2**(51 - places)."""
    sigma = 1.5 * 2.0 ** (52 - places)
    rounded = values + sigma
    rounded -= sigma
    return rounded


def _spread(values: npt.NDArray[Any], p: Array) -> npt.NDArray[Any]:
    """What broadcasts to (K, n) probabilities as one vector, in the order of `in_memory(p)`."""
    return np.broadcast_to(values, p.shape).ravel(_order(p))


def _order(p: Array) -> Literal["C", "F"]:
    return "C" if p.flags.c_contiguous else "F"
