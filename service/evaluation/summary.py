"""From the state of an evaluation to its report."""

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from service.errors import Code, InvalidInput
from service.evaluation.bins import bin_edges
from service.evaluation.calibration import classwise_errors
from service.evaluation.classes import Supports, averages, confusion_matrix, per_class
from service.evaluation.curves import curves_of
from service.evaluation.decomposition import decompose
from service.evaluation.figures import in_one_unit, prior_baseline, ratio, skill, weights_of
from service.evaluation.grouped import Fares
from service.evaluation.parts import SliceReport, TopK, WorstRow
from service.evaluation.ranking import rank_histograms, ranking
from service.evaluation.report import Report
from service.evaluation.slices import Slices

if TYPE_CHECKING:
    from service.evaluation.state import State


def summarize(state: "State", curves: bool) -> Report:
    """The report of the rows that a state has seen, at least one.

    Raises:
        InvalidInput: their total weight exceeds float64.
    """
    totals, supports = state.totals, _supports(state)
    weight = sum(supports.support)
    if math.isinf(ratio(weight, supports.one)):
        raise InvalidInput.at(
            "/sample_weights", Code.WEIGHT_OVERFLOW, "the total weight exceeds float64"
        )
    (brier, ranks, support), _ = in_one_unit(
        totals.sums["brier"], totals.sums["ranks"], totals.losses["support"]
    )
    total = sum(support)
    loss = totals.losses.mean(low=0.0)
    entropy = prior_baseline(supports.support)
    macro, weighted = averages(supports)
    ranked = rank_histograms(totals.tables)
    errors = classwise_errors(totals.tables)
    brier_score = ratio(brier[0], total)
    scores = decompose(totals.tables, brier_score, loss.value, supports.support, entropy)
    names = range(state.classes) if state.names is None else state.names
    edges = bin_edges(state.bins).tolist()
    return Report(
        log_loss=loss.value,
        standard_error=loss.standard_error,
        interval=loss.interval,
        count=state.count,
        weight=ratio(weight, supports.one) if state.weighted else state.count,
        uniform_baseline=math.log(state.classes),
        prior_baseline=entropy,
        skill=skill(loss.value, entropy),
        accuracy=ratio(sum(supports.correct), weight),
        top_k=tuple(TopK(k + 1, ratio(sum(ranks[: k + 1]), total)) for k in range(len(ranks))),
        macro=macro,
        weighted=weighted,
        ranking=None if ranked is None else ranking(ranked, "histogram"),
        brier=brier_score,
        brier_decomposition=None if scores is None else scores[0],
        log_loss_decomposition=None if scores is None else scores[1],
        per_class=per_class(names, supports, totals.losses.means(low=0.0), ranked, errors),
        slices={name: _slices(state.slices[name], state.weighted) for name in sorted(state.slices)}
        or None,
        confusion_matrix=_confusion(state),
        calibration=totals.reliability.finish(
            list(pairwise(edges)),
            None if errors is None else math.fsum(errors) / state.classes,
            state.weighted,
        ),
        worst=tuple(
            WorstRow(row.row, row.loss, names[row.label], row.probability) for row in state.rows
        ),
        infinite=state.infinite,
        overflowed=state.overflowed,
        clipped=state.clipped,
        ignored=state.ignored,
        renormalized=state.renormalized,
        max_sum_deviation=state.max_sum_deviation,
        curves=curves_of(totals.histograms, totals.tables, names, state.weighted)
        if curves
        else None,
    )


def _supports(state: "State") -> Supports:
    totals = state.totals
    (support, predicted, correct), one = in_one_unit(
        totals.losses["support"], totals.sums["predicted"], totals.sums["correct"]
    )
    return Supports(support, predicted, correct, one, state.weighted)


def _confusion(state: "State") -> tuple[tuple[float, ...], ...] | None:
    if "confusion" not in state.totals.sums:
        return None
    (cells,), one = in_one_unit(state.totals.sums["confusion"])
    return confusion_matrix(weights_of(cells, one, state.weighted), state.classes)


def _slices(slices: Slices[Fares], weighted: bool) -> tuple[SliceReport, ...]:
    """The values of a column in order."""
    slices = slices.in_order()
    sums = slices.sums.sums
    (support, correct, counts), one = in_one_unit(
        sums["losses"]["support"], sums["correct"], sums["counts"]
    )
    rows = zip(
        slices.values,
        sums["losses"].means(low=0.0),
        counts,
        weights_of(support, one, weighted),
        map(ratio, correct, support),
        strict=True,
    )
    return tuple(
        SliceReport(
            value=value,
            count=count // one,
            weight=weight,
            log_loss=loss.value,
            standard_error=loss.standard_error,
            interval=loss.interval,
            accuracy=accuracy,
        )
        for value, loss, count, weight, accuracy in rows
    )
