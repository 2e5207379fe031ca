"""What the report needs to know of whole rows of probabilities, tabulated block by block."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.evaluation.sums import Array, ExactSums

Indices = npt.NDArray[np.int64]

# Bins of the ranking: of p / (1 - p) on a logarithmic scale, PER_OCTAVE to each power of two.
RANKS = 1024
LOWEST, HIGHEST = -40, 24  # powers of two
PER_OCTAVE = 16
# Above these there are more cells than anybody reads, and more than rows to fill them.
RANKED_CLASSES = 256
CELLS = 1 << 18
# Of probabilities, so many binary places are added up: first these, then as many again.
PLACES = 36

NAMES = ("ranked", "ranked_true", "classwise", "classwise_true", "cells", "cells_true")


class Tables:
    """Sums by class and bin, and by cell and class; a cell is a predicted class and a bin.

    Every probability enters as a multiple of 2**-36 (in cells: 2**-72), so that sums are exact
    and cost one pass.

        ranked[c, r]          weight of the rows whose p_c lies in bin r of the ranking
        classwise[c, b]       sum of p_c over the rows where it lies in calibration bin b
        cells[g, c]           sum of p_c over the rows in cell g
        ..._true              the same over the rows of class c, of their weight

    Args:
        classes: K.
        bins: of the calibration, B.
    """

    __slots__ = ("bins", "classes", "sums")
    __hash__ = None  # type: ignore[assignment]  # tables change

    def __init__(self, classes: int, bins: int) -> None:
        self.classes, self.bins = classes, bins
        sizes = {
            "ranked": classes * RANKS if classes <= RANKED_CLASSES else None,
            "classwise": classes * bins if classes * bins <= CELLS else None,
            "cells": classes**2 * bins if classes**2 * bins <= CELLS else None,
        }
        self.sums = {
            name: ExactSums(size)
            for name in NAMES
            if (size := sizes[name.removesuffix("_true")]) is not None
        }

    def add(self, p: Array, labels: Indices, cells: Indices, weights: Array | None) -> None:
        """Adds a block of rows.

        Args:
            p: (K, n) probabilities.
            labels: (n,) true classes.
            cells: (n,) predicted class * B + bin of the confidence.
            weights: (n,), or `None` for 1.
        """
        if not self.sums:
            return
        each = np.arange(self.classes)[:, None]
        own = labels, np.arange(labels.size)
        if "ranked" in self.sums:
            keys = rank_numbers(p)
            keys += RANKS * each
            self._add("ranked", keys, None, weights)
            self._add("ranked_true", keys[own], None, weights)
        if "classwise" in self.sums:
            sigma = 1.5 * 2.0 ** (52 - PLACES)
            heads = (p + sigma) - sigma
            keys = class_bins(p, self.bins)
            keys += self.bins * each
            self._add("classwise", keys, heads, weights)
            self._add("classwise_true", keys[own], None, weights)
        if "cells" in self.sums:
            first = cells * self.classes
            keys = first + each
            self._add("cells", keys, heads, weights)
            tails = p - heads
            sigma *= 2.0**-PLACES
            tails = (tails + sigma) - sigma
            self._add("cells", keys, tails, weights, places=2 * PLACES)
            self._add("cells_true", first + labels, None, weights)

    def merge(self, other: "Tables") -> None:
        """Adds the rows that other tables of the same shape have seen."""
        for name, sums in self.sums.items():
            sums.merge(other.sums[name])

    def to_json(self) -> dict[str, Any]:
        """The sums by name."""
        return {name: sums.to_json() for name, sums in self.sums.items()}

    def read_json(self, stored: dict[str, Any]) -> None:
        """Reads back what `to_json` gave.

        Raises:
            ValueError: it is not of these tables.
        """
        self.sums = {
            name: ExactSums.from_json(stored[name], sums.size) for name, sums in self.sums.items()
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tables) and self.sums == other.sums

    def _add(
        self,
        name: str,
        keys: Indices,
        values: Array | None,
        weights: Array | None,
        places: int = PLACES,
    ) -> None:
        """Adds values, or 1, to the sums of their keys, (n,) or (K, n), in the order of memory."""
        sums = self.sums[name]
        # of wide rows the probabilities lie row by row, and what broadcasting makes may not
        lead = keys if values is None else values
        order: Literal["C", "F"] = "C" if lead.flags.c_contiguous else "F"
        flat = keys.ravel(order)
        if weights is None:
            if values is None:
                sums.count(flat)
            else:
                sums.add_units(flat, values.ravel(order), -places)
            return
        heavy = np.broadcast_to(weights, keys.shape).ravel(order)
        if values is None:
            sums.add(flat, heavy)
        else:
            sums.add(flat, values.ravel(order), heavy)


def rank_numbers(p: Array) -> Indices:
    """The bin of each probability in the ranking: never lower for a higher one.

    bin = 16 octaves and linear steps of p / (1 - p), from 2**-40 to 2**24, in float32
    """
    single = p.astype(np.float32)
    rest = np.float32(1.0) - single
    with np.errstate(divide="ignore"):
        odds = np.divide(single, rest, out=rest)
    np.maximum(odds, np.float32(2.0**LOWEST), out=odds)
    np.minimum(odds, np.float32(2.0**HIGHEST * (1 - 2.0**-24)), out=odds)
    # the first bits of a float are its octave, the next ones the steps in it
    bits = odds.view(np.int32)
    bits >>= 23 - PER_OCTAVE.bit_length() + 1
    bits -= (127 + LOWEST) * PER_OCTAVE
    numbers: Indices = bits.astype(np.int64)
    return numbers


def class_bins(p: Array, bins: int) -> Indices:
    """The calibration bin of each probability, ceil(p B) in float64, from 0."""
    steps = p * bins
    np.ceil(steps, out=steps)
    steps -= 1.0
    np.maximum(steps, 0.0, out=steps)
    numbers: Indices = steps.astype(np.int64)
    return numbers
