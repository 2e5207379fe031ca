"""What of the report is there on request: the curves, and what needs all rows and cannot merge."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput
from service.evaluation.bootstrap import Clusters, bootstrap, check_draws
from service.evaluation.calibration import Reliability
from service.evaluation.isotonic import isotonic
from service.evaluation.parts import Calibration
from service.evaluation.pieces import Array
from service.evaluation.requested import Temperature
from service.evaluation.rows import ScoredRows
from service.evaluation.temperature import fit_temperature

Extra = Literal["curves", "equal_mass", "isotonic", "temperature", "bootstrap", "ranking"]
EXTRAS: tuple[Extra, ...] = get_args(Extra)
MAX_ROWS = 1_000_000
# Of the temperature, whose every step takes the softmax of all of them, and of sorting them.
MAX_ELEMENTS = 10_000_000


def check_extras(include: Sequence[str], rows: int, classes: int) -> None:
    """Refuses unknown extras, and those that so many rows make too expensive.

    Raises:
        InvalidInput: naming the bound.
    """
    for place, name in enumerate(include):
        if name not in EXTRAS:
            words = ", ".join(f'"{word}"' for word in EXTRAS)
            text = f"include[{place}] is one of {words}"
            raise InvalidInput.at(f"/include/{place}", Code.INVALID_OPTION, text)
        elements = rows * classes if name in ("temperature", "ranking") else 0
        if name != "curves" and (rows > MAX_ROWS or elements > MAX_ELEMENTS):
            text = (
                f"{name} is for {MAX_ROWS} rows, temperature and ranking for "
                f"{MAX_ELEMENTS} elements, at most; there are {rows} rows of {classes} classes"
            )
            raise InvalidInput.at(f"/include/{place}", Code.INVALID_OPTION, text)


def extras(
    include: Sequence[str],
    batch: ScoredRows,
    logits: Array,
    bins: int,
    clusters: npt.NDArray[np.int64] | None,
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    """The members of the report that were asked for.

    Args:
        include: their names.
        batch: all rows, at least one.
        logits: (n, K) of these rows; logarithms of probabilities do as well.
        bins: of equal mass.
        clusters: (n,) numbers of clusters, or `None`.
        replicates: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InvalidInput: the rows do not allow it.
    """
    found: dict[str, Any] = {}
    right = batch.labels == batch.predicted
    if "equal_mass" in include:
        found["equal_mass"] = equal_mass(batch.confidences, right, batch.weights, bins)
    if "isotonic" in include:
        found["isotonic"] = isotonic(batch.confidences, right, batch.weights)
    if "temperature" in include:
        found["temperature"] = best_temperature(logits, batch)
    if "bootstrap" in include:
        if not np.isfinite(batch.losses).all():
            text = "there is no bootstrap of infinite losses; bound them with zero_probability"
            raise InvalidInput.at("/include", Code.ZERO_PROBABILITY, text)
        sums = Clusters.of(batch.losses, batch.weights, clusters)
        check_draws(sums.sums.size, replicates)
        found["bootstrap"], _ = bootstrap(sums, replicates, seed)
    return found


def equal_mass(
    confidences: Array, right: npt.NDArray[np.bool_], weights: Array | None, bins: int
) -> Calibration:
    """Calibration in bins of about equal weight.

    Bin b of B holds the confidences whose rows are, in order, between b / B and (b + 1) / B of
    the weight, by the middle of all rows of equal confidence, which stay together.

    Args:
        confidences: (n,) probability of the predicted class, n > 0.
        right: (n,) whether that is the true one.
        weights: (n,) > 0, or `None` for 1.
        bins: B; those without rows are left out.
    """
    values, codes = np.unique(confidences, return_inverse=True)
    ones = np.ones(confidences.size) if weights is None else weights / weights.max()
    mass = np.bincount(codes, ones)
    middles = (np.cumsum(mass) - mass / 2.0) / mass.sum()
    places = np.minimum((middles * bins).astype(np.int64), bins - 1)
    used, numbers = np.unique(places, return_inverse=True)
    inside = [values[numbers == b] for b in range(used.size)]
    edges = [(float(some[0]), float(some[-1])) for some in inside]
    reliability = Reliability(used.size)
    reliability.add(numbers[codes], confidences, np.flatnonzero(right), weights)
    return reliability.finish(edges, None, weights is not None)


def best_temperature(logits: Array, batch: ScoredRows) -> Temperature:
    """The temperature of the least log loss on these rows, and what it gains.

    Raises:
        InvalidInput: a logit is -Infinity, or a probability 0: no temperature moves it.
    """
    if not np.isfinite(logits).all():
        text = "there is no temperature for impossible classes: probabilities 0, logits -Infinity"
        raise InvalidInput.at("/include", Code.ZERO_PROBABILITY, text)
    truth = np.zeros(logits.shape)
    truth[np.arange(batch.labels.size), batch.labels] = 1.0
    weights = None if batch.weights is None else batch.weights / batch.weights.max()
    found = fit_temperature(logits, truth, weights)
    return Temperature(found.temperature, found.after, found.before - found.after, found.bounded)
