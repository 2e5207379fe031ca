"""What the report needs to know of whole rows of probabilities, tabulated block by block."""

from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from service.evaluation.bins import RANKS, class_bins, first_edge, rank_numbers_by_class
from service.evaluation.engine import machine_code
from service.evaluation.named import NamedSums
from service.evaluation.outcomes import Outcomes
from service.evaluation.pieces import Array, Integers, in_units
from service.numerics import in_memory, places

Indices = npt.NDArray[np.int64]

# Above these there are more cells than anybody reads, and more than rows to fill them.
RANKED_CLASSES = 256
CELLS = 1 << 18
# Of probabilities, so many binary places are added up; of small ones in cells as many again.
PLACES = 36
SMALL = 2.0**-12

NAMES = ("ranked", "ranked_true", "classwise", "classwise_true", "cells", "cells_true")
COUNTS = ("ranked", "ranked_true", "classwise_true", "cells_true")


class Block(NamedTuple):
    """Rows with all their probabilities.

    Attributes:
        p: (K, n) probabilities.
        rows: what came of these rows.
    """

    p: Array
    rows: Outcomes


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

    def add(self, block: Block) -> None:
        """Adds a block of rows."""
        if not self.sums:
            return
        p, rows = block
        labels, weights = rows.labels, rows.weights
        code = machine_code()
        if code and weights is None:
            self._add_compiled(code, p, rows)
            return
        own, top = places(p, labels), places(p, rows.predicted)
        flat = in_memory(p)
        each = np.arange(self.classes)[:, None]
        heavy = None if weights is None else _spread(weights, p)
        units = in_units(flat, -PLACES)
        if "ranked" in self.sums:
            keys = rank_numbers_by_class(p, rows.predicted, top, rows.steps)
            self.sums["ranked"].weigh(keys, heavy)
            self.sums["ranked_true"].weigh(keys[own], weights)
        if "classwise" in self.sums:
            if heavy is None:
                table = self.sums["classwise"].table(-PLACES, labels.size << PLACES)
                table[:: self.bins] += units.reshape(p.shape, order=_order(p)).sum(axis=1)
            else:
                self._add("classwise", _spread(each * self.bins, p), units, heavy)
            high = np.flatnonzero(flat > first_edge(self.bins))
            keys = self.bins * _classes(high, p) + class_bins(flat[high], self.bins)
            some = None if heavy is None else heavy[high]
            self._add("classwise", keys, units[high], some)
            keys = self.bins * labels + class_bins(flat[own], self.bins)
            self.sums["classwise_true"].weigh(keys, weights)
        if "cells" in self.sums:
            cells = (rows.predicted * self.bins + rows.bins) * self.classes
            keys = _spread(cells + each, p)
            self._add("cells", keys, units, heavy)
            self.sums["cells_true"].weigh(cells + labels, weights)
            low = np.flatnonzero(flat < SMALL)
            tails = in_units(flat[low] - units[low] * 2.0**-PLACES, -2 * PLACES)
            some = None if heavy is None else heavy[low]
            self._add("cells", keys[low], tails, some, places=2 * PLACES)

    def _add_compiled(self, code: ModuleType, p: Array, rows: Outcomes) -> None:
        """Adds the same integers in one pass."""
        count = rows.labels.size
        nothing = np.empty(0, np.int64)
        tables = {
            name: sums.table(*((0, count) if name in COUNTS else (-PLACES, count << PLACES)))
            for name, sums in self.sums.items()
        }
        if "cells" in self.sums:
            tables["tails"] = self.sums["cells"].table(-2 * PLACES, count << PLACES)
        filled = code.Tables(*(tables.get(name, nothing) for name in code.Tables._fields))
        code.tabulate(p, rows.labels, rows.predicted, rows.bins, self.bins, filled)

    def _add(
        self,
        name: str,
        keys: Indices,
        units: Integers,
        weights: Array | None,
        places: int = PLACES,
    ) -> None:
        """Adds numbers in units of 2**-places, at most 2**36 of them, to the sums of their keys."""
        sums = self.sums[name]
        if weights is not None:
            sums.add(keys, np.multiply(units, 2.0**-places, dtype=np.float64), weights)
        else:
            np.add.at(sums.table(-places, keys.size << PLACES), keys, units)


def _spread(values: npt.NDArray[Any], p: Array) -> npt.NDArray[Any]:
    """What broadcasts to (K, n) probabilities as one vector, in the order of `in_memory(p)`."""
    return np.broadcast_to(values, p.shape).ravel(_order(p))


def _classes(places: Indices, p: Array) -> Indices:
    """The classes of places in `in_memory(p)`."""
    k, n = p.shape
    classes: Indices = places // n if _order(p) == "C" else places % k
    return classes


def _order(p: Array) -> Literal["C", "F"]:
    return "C" if p.flags.c_contiguous else "F"
