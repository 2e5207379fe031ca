"""The studentized bootstrap of a ratio of sums over clusters of rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput
from service.evaluation.pieces import Array
from service.evaluation.requested import Bootstrap
from service.evaluation.slices import Value, factor

LEVELS = (0.025, 0.975)
# Draws of one call: about a second.
MAX_DRAWS = 100_000_000
MAX_REPLICATES = 100_000


@dataclass(frozen=True, slots=True)
class Clusters:
    """Sums over clusters of rows.

    Attributes:
        sums: (G,) sums of s x / scale.
        weights: (G,) sums of s, of which the largest s is 1.
        scale: a power of 2 near the largest |x|, so that squares and sums of any x neither over-
            nor underflow.
    """

    sums: Array
    weights: Array
    scale: float

    @classmethod
    def of(
        cls, values: Array, weights: Array | None, codes: npt.NDArray[np.int64] | None
    ) -> "Clusters":
        """Gathers rows.

        Args:
            values: (n,) x, finite.
            weights: (n,) s, or `None` for 1.
            codes: (n,) the number of each row's cluster, or `None` where each row is one.
        """
        ones = np.ones(values.size) if weights is None else weights / weights.max()
        scale = 2.0 ** (math.frexp(float(np.abs(values).max()))[1] - 1)
        values = values / scale
        if codes is None:
            return cls(ones * values, ones, scale)
        size = int(codes.max()) + 1
        sums, totals = np.zeros((2, size))
        np.add.at(sums, codes, ones * values)
        np.add.at(totals, codes, ones)
        return cls(sums, totals, scale)

    @property
    def mean(self) -> float:
        """The ratio of the sums over all clusters, divided by the scale."""
        return math.fsum(self.sums) / math.fsum(self.weights)

    @property
    def rest(self) -> Array:
        """(G,) sum - mean weight: around 0, so that squares keep their digits."""
        return self.sums - self.mean * self.weights

    @property
    def error(self) -> float:
        """Of the mean, linearised: sqrt(G / (G - 1) sum_g (sum - mean weight)**2) / W."""
        size = self.sums.size
        if size < 2:
            return math.nan
        rest = self.rest
        return math.sqrt(size / (size - 1) * math.fsum(rest * rest)) / math.fsum(self.weights)

    @property
    def standard_error(self) -> float:
        """That of the mean of x."""
        return self.scale * self.error

    @property
    def skew(self) -> float:
        """Sum d**3 / (sum d**2)**1.5 of d = sum - mean weight; 0 without any spread."""
        rest = self.rest
        largest = float(np.abs(rest).max())
        if largest == 0.0:
            return 0.0
        rest = rest / largest  # so that cubes neither over- nor underflow
        return math.fsum(rest**3) / math.sqrt(math.fsum(rest * rest)) ** 3


def cluster_codes(
    clusters: Sequence[Value] | npt.NDArray[Any] | None,
    count: int,
    sample_weights: npt.NDArray[Any] | None,
) -> npt.NDArray[np.int64] | None:
    """The number of the cluster of each row that enters.

    Args:
        clusters: (N,) strings, integers or booleans, or `None`.
        count: N.
        sample_weights: (N,), checked; or `None`.

    Raises:
        InvalidInput: at the first bad cell.
    """
    if clusters is None:
        return None
    column = factor("clusters", clusters, count)
    if sample_weights is None:
        return column.codes
    return column.among(np.flatnonzero(sample_weights)).codes


def check_draws(clusters: int, replicates: int) -> None:
    """Refuses more draws than one call may take.

    Raises:
        InvalidInput: there are.
    """
    if clusters * replicates > MAX_DRAWS:
        text = (
            f"{replicates} replicates of {clusters} rows or clusters are more than "
            f"{MAX_DRAWS} draws; the interval without them holds for that many rows"
        )
        raise InvalidInput.at("/replicates", Code.INVALID_OPTION, text)


def bootstrap(clusters: Clusters, replicates: int, seed: int) -> tuple[Bootstrap, float]:
    """Draws clusters with replacement, again and again.

        t*       = (mean* - mean) / standard_error*
        interval = mean - standard_error (t* at 97.5 %, t* at 2.5 %)
        p        = (1 + how many |t*| >= |mean / standard_error|) / (1 + replicates)

    Args:
        clusters: G of them.
        replicates: how many times G clusters are drawn.
        seed: of the draws; the same one gives the same answer.

    Returns:
        The uncertainty of the mean, and p of the hypothesis that it is 0.

    Source: P. Hall, The Bootstrap and Edgeworth Expansion (1992), chapter 3.
    """
    size = clusters.sums.size
    mean, error, scale = clusters.mean, clusters.error, clusters.scale
    if not error > 0.0:
        p = math.nan if math.isnan(error) else float(mean == 0.0)
        reach = scale * (mean - error), scale * (mean + error)
        return Bootstrap(scale * error, reach, size, replicates, seed), p
    rest = clusters.rest
    columns = np.stack(
        [rest, clusters.weights, rest * rest, rest * clusters.weights, clusters.weights**2]
    )
    rng = np.random.default_rng(seed)
    drawn = np.empty((replicates, 5))
    for replicate in range(replicates):
        counts = np.bincount(rng.integers(0, size, size), minlength=size)
        drawn[replicate] = columns @ counts
    # a draw of clusters without weight beside the others, or of one cluster alone
    with np.errstate(divide="ignore", invalid="ignore"):
        shifts = drawn[:, 0] / drawn[:, 1]
        squares = drawn[:, 2] - 2.0 * shifts * drawn[:, 3] + shifts * shifts * drawn[:, 4]
        errors = np.sqrt(size / (size - 1) * np.maximum(squares, 0.0)) / drawn[:, 1]
        scores = shifts / errors
    scores = scores[~np.isnan(scores)]
    # outwards, not between two scores: a draw of one cluster alone may make them infinite
    low = np.quantile(scores, LEVELS[0], method="lower")
    high = np.quantile(scores, LEVELS[1], method="higher")
    beyond = int(np.count_nonzero(np.abs(scores) >= abs(mean / error)))
    reach = scale * (mean - float(high) * error), scale * (mean - float(low) * error)
    found = Bootstrap(scale * error, reach, size, replicates, seed)
    return found, (1 + beyond) / (1 + replicates)
