"""What the curves of a report go through, from the histograms of its state."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from service.evaluation.bins import RANKS, rank_edge
from service.evaluation.figures import in_one_unit, ratio
from service.evaluation.histograms import Histograms, loss_edges
from service.evaluation.requested import (
    ClassCurve,
    ClassPoint,
    Curves,
    LossBin,
    RiskCoverage,
    RiskPoint,
)
from service.evaluation.tables import Tables
from service.losses.truth import Label

# Points of a curve that are nearer than this to the last one shown, in every figure, are left out.
NEAR = 1.0 / 256.0


def curves_of(
    histograms: Histograms, tables: Tables, names: Sequence[Label], weighted: bool
) -> Curves:
    """The curves of at least one row.

    Args:
        histograms: of the rows.
        tables: of the rows.
        names: (K,) of the classes.
        weighted: whether weights were given; without them weights are numbers of rows.
    """
    return Curves(
        losses=tuple(_losses(histograms, weighted)),
        risk_coverage=_risk_coverage(histograms),
        classes=_classes(tables, names),
    )


def _losses(histograms: Histograms, weighted: bool) -> Iterator[LossBin]:
    (rows, losses), one = in_one_unit(histograms.sums["rows"], histograms.sums["loss"])
    infinite = histograms.sums["loss"].infinite
    total = sum(rows)
    for place, (lower, upper) in enumerate(pairwise(loss_edges())):
        weight = rows[place]
        if weight:
            share = math.inf if place in infinite else ratio(losses[place], total)
            yield LossBin(lower, upper, ratio(weight, one) if weighted else weight // one, share)


def _risk_coverage(histograms: Histograms) -> RiskCoverage:
    """AURC = sum_k (coverage_k - coverage_k-1) risk_k, rows of one bin answered together."""
    (answered, right), _ = in_one_unit(histograms.sums["answered"], histograms.sums["right"])
    total = sum(answered)
    found, areas = [], []
    mass = wrong = 0
    for place in reversed(range(RANKS)):
        if answered[place]:
            mass += answered[place]
            wrong += answered[place] - right[place]
            risk = ratio(wrong, mass)
            areas.append(ratio(answered[place], total) * risk)
            found.append((rank_edge(place), ratio(mass, total), risk))
    return RiskCoverage(math.fsum(areas), tuple(RiskPoint(*point) for point in _apart(found)))


def _classes(tables: Tables, names: Sequence[Label]) -> tuple[ClassCurve, ...] | None:
    if "ranked" not in tables.sums:
        return None
    (ranked, true), _ = in_one_unit(tables.sums["ranked"], tables.sums["ranked_true"])
    parts = [slice(c * RANKS, (c + 1) * RANKS) for c in range(tables.classes)]
    return tuple(
        ClassCurve(name, tuple(ClassPoint(*point) for point in _points(ranked[part], true[part])))
        for name, part in zip(names, parts, strict=True)
    )


def _points(ranked: Sequence[int], true: Sequence[int]) -> list[tuple[float, ...]]:
    """The points of a class from the weights by rank, of all rows and of its own."""
    positive = sum(true)
    negative = sum(ranked) - positive
    if not positive:
        return []
    places = [place for place in reversed(range(RANKS)) if ranked[place]]
    own = accumulate(true[place] for place in places)
    taken = accumulate(ranked[place] for place in places)
    return _apart(
        (rank_edge(place), ratio(o, positive), ratio(t - o, negative), ratio(o, t))
        for place, o, t in zip(places, own, taken, strict=True)
    )


def _apart(points: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Those that are NEAR no other in all figures but the threshold; the first and the last."""
    kept: list[tuple[float, ...]] = []
    last = None
    for last in points:
        if not kept or any(abs(a - b) >= NEAR for a, b in zip(last[1:], kept[-1][1:], strict=True)):
            kept.append(last)
    if last is not None and kept[-1] is not last:
        kept.append(last)
    return kept
