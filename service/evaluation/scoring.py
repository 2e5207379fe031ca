"""Checks predictions against labels and scores them, row by row, for the state."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.evaluation.engine import machine_code
from service.evaluation.outcomes import Outcomes, Predicted, judge
from service.evaluation.parts import RowId
from service.evaluation.rows import Array, Ids, ScoredRows
from service.evaluation.slices import Columns
from service.evaluation.tables import Block
from service.evaluation.totals import Settings, Totals
from service.evaluation.truth import Truth, read_truth
from service.losses.categorical import Categorical
from service.losses.options import check_shared, exactly_one, one_of
from service.losses.reduction import Scored
from service.losses.result import Normalize, Numbers, ZeroProbability
from service.losses.rows import Rows, sum_tolerance
from service.losses.truth import Label
from service.numerics import Scratch, by_class, row_blocks

# Blocks of fewer rows, of many classes, are added up together.
TOGETHER = 1 << 12
# Machine code takes strips of a block into the cache, and a call of it costs as much as 1,000 rows.
LARGER = 4


def score(
    *,
    logits: Numbers | None = None,
    probabilities: Numbers | None = None,
    labels: npt.NDArray[Any],
    classes: Sequence[Label] | None = None,
    sample_weights: Numbers | None = None,
    row_ids: Sequence[RowId] | Ids | None = None,
    normalize: Normalize = "reject",
    zero_probability: ZeroProbability = "infinite",
    clip: float = 2.0**-52,
    slices: Columns | None = None,
    bins: int | None = 15,
    top_k: int = 5,
) -> tuple[ScoredRows, int]:
    """Checks and scores a batch of rows for `State.add`; the arguments are those of `evaluate`.

    Without `bins` there are no totals, which a state needs and a comparison does not.

    Returns:
        The rows that enter, and K.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
    check_shared(reduction="none", unit="nat", zero_probability=zero_probability, clip=clip)
    one_of("normalize", normalize, ("reject", "renormalize", "off"))
    member, given = exactly_one(logits=logits, probabilities=probabilities)
    rows = Rows.of(member, given)
    scorer = Categorical(
        # sums along strided rows add in another order: a row must not depend on the layout
        rows=replace(rows, array=np.ascontiguousarray(rows.array)),
        labels=None,
        targets=None,
        class_weights=None,
        label_smoothing=0.0,
        temperature=1.0,
        bits=False,
        zero_probability=zero_probability,
        clip=clip,
        normalize=normalize,
    )
    truth = read_truth(scorer, labels, classes, sample_weights, row_ids, slices)
    settings = None if bins is None else Settings(rows.classes, bins, top_k)
    return _score(replace(scorer, labels=truth.labels), truth, settings), rows.classes


@dataclass(slots=True)
class Tally:
    """What happened to rows; the attributes are those of `ScoredRows`."""

    infinite: int = 0
    overflowed: int = 0
    clipped: int = 0
    renormalized: int = 0
    max_sum_deviation: float | None = None

    def add(self, scored: Scored, sums: Array | None, tolerance: float | None) -> None:
        """Counts rows; with a tolerance those that were divided by their sums, too."""
        lost = 0 if scored.impossible is None else int(np.count_nonzero(scored.impossible))
        self.infinite += lost
        self.overflowed += int(np.count_nonzero(np.isinf(scored.losses))) - lost
        self.clipped += 0 if scored.clipped is None else int(np.count_nonzero(scored.clipped))
        if sums is not None:
            self.max_sum_deviation = max(self.max_sum_deviation or 0.0, scored.sum_deviation)
            if tolerance is not None:
                self.renormalized += int(np.count_nonzero(np.abs(sums - 1.0) > tolerance))


def _score(scorer: Categorical, truth: Truth, settings: Settings | None) -> ScoredRows:
    """Scores the rows that enter, block by block, into columns and sums."""
    entering, classes = truth.entering, scorer.rows.classes
    count = scorer.rows.size if entering is None else entering.size
    kept = slice(None) if entering is None else entering
    labels, weights = truth.labels[kept], truth.weights
    if weights is not None:
        weights = weights[kept]
    losses, columns = np.empty(count), Predicted.of_rows(count)
    tally = Tally(max_sum_deviation=None if scorer.rows.member == "logits" else 0.0)
    tolerance = sum_tolerance(scorer.rows.array) if scorer.normalize == "renormalize" else None
    code = machine_code()
    parts = list(row_blocks(count, classes, LARGER if code else 1))
    totals = None if settings is None or len(parts) < 2 else Totals(settings)
    block: Block | None = None
    waiting: list[Outcomes] = []
    scratch = Scratch()
    for part in parts:
        selection = part if entering is None else entering[part]
        rows, sums = scorer.read(selection)
        z = rows.T if code else by_class(rows)
        scored, p, miss = scorer.with_probabilities(z.T, sums, selection, scratch)
        bins = None if settings is None else settings.bins
        judged = judge(z, p, miss, labels[part], bins, columns.among(part))
        losses[part] = scored.losses
        tally.add(scored, sums, tolerance)
        if judged is None:
            continue
        outcomes = Outcomes(
            labels=labels[part],
            losses=losses[part],
            weights=None if weights is None else weights[part],
            **columns.among(part)._asdict(),
            **judged._asdict(),
        )
        waiting.append(outcomes)
        block = Block(p, outcomes)
        if totals is not None:
            totals.tables.add(block)
            if sum(each.labels.size for each in waiting) >= TOGETHER:
                totals.add(Outcomes.together(waiting))
                waiting = []
    return ScoredRows(
        labels=labels,
        predicted=columns.predicted,
        losses=losses,
        probabilities=columns.true,
        confidences=columns.confidences,
        settings=settings,
        block=block if totals is None else None,
        outcomes=Outcomes.together(waiting) if waiting else None,
        totals=totals,
        ids=truth.ids[kept],
        weights=weights,
        slices={name: column.among(kept) for name, column in truth.slices.items()},
        ignored=scorer.rows.size - count,
        **asdict(tally),
    )
