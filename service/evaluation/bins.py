"""In which bin a probability lies: of the calibration, and of the ranking."""

import math

import numpy as np
import numpy.typing as npt

from service.evaluation.pieces import Array
from service.numerics import in_memory

Indices = npt.NDArray[np.int64]

# Bins of the ranking: PER_OCTAVE steps to each power of two, of p up to 1/2 from 2**LOWEST on, and
# of 1 - p above down to 2**HIGHEST.
RANKS = 1024
LOWEST, HIGHEST = -40, -25
PER_OCTAVE = 16
# The first bits of a float are its octave, the next ones the steps in it.
SHIFT = 52 - PER_OCTAVE.bit_length() + 1
RANKING = SHIFT, (1023 + LOWEST) * PER_OCTAVE, (1023 + HIGHEST) * PER_OCTAVE
"""The last bits, which do not count, and the others of the lowest bin's upper end and, of 1 - p, of
the highest bin's lower end."""

BELOW_ONE = 1.0 - 2.0**-53


def bin_edges(bins: int) -> Array:
    """(bins + 1,) the edges k / bins, each correctly rounded."""
    return np.arange(bins + 1) / bins


def bin_numbers(confidences: Array, bins: int) -> Indices:
    """The bin of each confidence: (lower, upper], the first with its lower edge."""
    edges = bin_edges(bins)
    numbers = class_bins(confidences, bins)
    # the product with `bins` is rounded, and may end in the bin beside
    numbers -= (confidences <= edges[numbers]) & (numbers > 0)
    numbers += confidences > edges[numbers + 1]
    return numbers


def class_bins(p: Array, bins: int) -> Indices:
    """The calibration bin of each probability, ceil(p B) in float64, from 0."""
    steps = p * bins
    steps *= BELOW_ONE  # the float64 before it, whose whole part is that of ceil - 1
    numbers: Indices = steps.astype(np.int64)
    return numbers


def first_edge(bins: int) -> float:
    """The largest probability of the first bin in `class_bins`."""
    edge = math.nextafter(1.0 / bins, 1.0)  # of which the product may still be rounded to 1
    while edge * bins > 1.0:
        edge = math.nextafter(edge, 0.0)
    return edge


def rank_numbers(p: Array) -> Indices:
    """The bin of each probability in the ranking: never lower for a higher one."""
    above = RANKS - 1 - _steps(1.0 - p, HIGHEST)
    return np.where(p > 0.5, above, _steps(p, LOWEST))


def rank_numbers_by_class(p: Array, predicted: Indices, top: Indices, ranks: Indices) -> Indices:
    """RANKS c + the bin of each probability in the ranking, in the order of `in_memory(p)`.

    Args:
        p: (K, n) probabilities.
        predicted: (n,) the classes of the largest.
        top: (n,) where these are in `in_memory(p)`.
        ranks: (n,) their bins in the ranking.
    """
    first = RANKS * np.arange(len(p))[:, None]
    flat, numbers = in_memory(p), in_memory(_steps(p, LOWEST, first))
    high = flat > 0.5
    if np.count_nonzero(high) == np.count_nonzero(flat[top] > 0.5):
        numbers[top] = RANKS * predicted + ranks
    else:  # rows that do not sum to 1 have more than one above 1/2
        above = np.flatnonzero(high)
        numbers[above] += rank_numbers(flat[above]) - _steps(flat[above], LOWEST)
    return numbers


def _steps(p: Array, lowest: int, first: Indices | int = 0) -> Indices:
    """`first` + how many steps of the ranking a probability is above 2**lowest, 0 below it."""
    bottom = (1023 + lowest) * PER_OCTAVE
    steps: Indices = p.view(np.int64) >> SHIFT
    np.maximum(steps, bottom, out=steps)
    steps += first - bottom
    return steps


def rank_edge(rank: int) -> float:
    """The least probability of a bin of the ranking that has rows; 0 of the lowest."""
    if rank <= -LOWEST * PER_OCTAVE - PER_OCTAVE:
        octave, step = divmod(rank, PER_OCTAVE)
        return math.ldexp(1.0 + step / PER_OCTAVE, octave + LOWEST) if rank else 0.0
    octave, step = divmod(RANKS - rank, PER_OCTAVE)
    return math.nextafter(1.0 - math.ldexp(1.0 + step / PER_OCTAVE, octave + HIGHEST), 1.0)
