"""The mergeable state of a comparison: two models on the same rows, in one pass."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from service.errors import Code, InvalidInput
from service.evaluation.compared import Comparison, Difference
from service.evaluation.figures import in_one_unit, ratio
from service.evaluation.grouped import Differences
from service.evaluation.intervals import p_sign, p_t
from service.evaluation.moments import Mean
from service.evaluation.rows import ScoredRows
from service.evaluation.slices import Slices, admit
from service.evaluation.stored import canonical, check_format, restored
from service.evaluation.sums import ExactSums
from service.losses.options import within
from service.losses.truth import Label

FORMAT = "pairs 1"
SIDES = ("baseline", "candidate")
TALLIES = ("count", "won", "lost")


@dataclass(slots=True)
class Pairs:
    """Everything a comparison needs, of rows added in any order, in any number of parts.

    All sums are exact, as those of `State` are: the comparison has the same bits however the rows
    were split, ordered and merged.

    Attributes:
        classes: K.
        names: the names of the classes, or `None` for 0..K-1.
    """

    classes: int
    names: tuple[Label, ...] | None = None
    weighted: bool = False
    count: int = 0
    won: int = 0
    lost: int = 0
    losses: dict[str, ExactSums] = field(init=False)
    per_class: Differences = field(init=False)
    slices: dict[str, Slices[Differences]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.losses = {side: ExactSums(1) for side in SIDES}
        self.per_class = Differences(self.classes)

    def add(self, baseline: ScoredRows, candidate: ScoredRows) -> None:
        """Adds the same rows as two models see them, trusted to be of the state's classes.

        Raises:
            InvalidInput: their slices do not fit in; nothing has been added.
        """
        columns = {name: factor.values for name, factor in baseline.slices.items()}
        admit(self.slices, Differences, columns)
        weights, before, after = baseline.weights, baseline.losses, candidate.losses
        nowhere = np.zeros(before.size, np.int64)
        for side, losses in zip(SIDES, (before, after), strict=True):
            self.losses[side].add(nowhere, losses, weights)
        self.per_class.add(baseline.labels, before, after, weights)
        for name, factor in baseline.slices.items():
            if factor.values:  # none where no row enters
                slices = self.slices[name]
                slices.sums.add(slices.codes(factor), before, after, weights)
        self.weighted |= weights is not None
        self.count += before.size
        self.won += int(np.count_nonzero(after < before))
        self.lost += int(np.count_nonzero(after > before))

    def merge(self, other: "Pairs") -> None:
        """Adds the rows that another state of the same classes has seen.

        Raises:
            ValueError: the classes differ.
            InvalidInput: the slices are too many together; nothing has been added.
        """
        if (self.classes, self.names) != (other.classes, other.names):
            raise ValueError("the states are of different classes")
        columns = {name: tuple(slices.values) for name, slices in other.slices.items()}
        admit(self.slices, Differences, columns)
        for name, slices in other.slices.items():
            self.slices[name].merge(slices)
        for side, sums in self.losses.items():
            sums.merge(other.losses[side])
        self.per_class.merge(other.per_class)
        self.weighted |= other.weighted
        for name in TALLIES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def finish(self, margin: float = 0.0) -> Comparison:
        """The comparison of all rows so far, by Student's t.

        Args:
            margin: by how much the candidate has to be better, in nat.

        Raises:
            InvalidInput: there are no rows, or the margin is not finite.
        """
        within("margin", margin, -math.inf, math.inf, low_open=True, high_open=True)
        if self.count == 0:
            text = "a comparison needs a row of weight above 0"
            raise InvalidInput.at("/labels", Code.EMPTY_REDUCTION, text)
        whole = self._whole()
        (support, *losses), one = in_one_unit(
            self.per_class.sums["differences"]["support"], *self.losses.values()
        )
        means = [
            math.inf if sums.infinite else ratio(loss[0], sum(support))
            for sums, loss in zip(self.losses.values(), losses, strict=True)
        ]
        names = range(self.classes) if self.names is None else self.names
        return Comparison(
            better=whole.interval[1] < -margin,
            delta=whole.value,
            interval=whole.interval,
            margin=margin,
            method="adjusted_t",
            standard_error=whole.standard_error,
            p_t=p_t(whole.value, whole.standard_error, whole.effective - 1.0),
            p_sign=p_sign(self.won, self.lost),
            p_bootstrap=None,
            baseline=means[0],
            candidate=means[1],
            count=self.count,
            weight=ratio(sum(support), one) if self.weighted else self.count,
            clusters=self.count,
            won=self.won,
            lost=self.lost,
            per_class=_differences(names, self.per_class),
            slices={name: _in_order(self.slices[name]) for name in sorted(self.slices)} or None,
        )

    def to_bytes(self) -> bytes:
        """The state as canonical JSON: equal states give equal bytes."""
        return canonical(
            {
                "format": FORMAT,
                "classes": self.classes,
                "names": None if self.names is None else list(self.names),
                "weighted": self.weighted,
                **{name: getattr(self, name) for name in TALLIES},
                "losses": {side: sums.to_json() for side, sums in self.losses.items()},
                "per_class": self.per_class.to_json(),
                "slices": {name: slices.to_json() for name, slices in self.slices.items()},
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads back what `to_bytes` gave.

        Raises:
            MalformedBody: the bytes are not such a state, or not in its canonical form.
        """
        return restored(data, cls._from_json)

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        check_format(stored, FORMAT)
        names = stored["names"]
        pairs = cls(stored["classes"], None if names is None else tuple(names))
        pairs.weighted = bool(stored["weighted"])
        for name in TALLIES:
            setattr(pairs, name, int(stored[name]))
        pairs.losses = {side: ExactSums.from_json(stored["losses"][side], 1) for side in SIDES}
        pairs.per_class = Differences.from_json(stored["per_class"], pairs.classes)
        pairs.slices = {
            name: Slices.from_json(Differences, name, slices)
            for name, slices in stored["slices"].items()
        }
        return pairs

    def _whole(self) -> Mean:
        whole = Differences(1)
        whole.merge(self.per_class, [0] * self.classes)
        return _means(whole)[0]


def _means(grouped: Differences) -> list[Mean]:
    """The mean difference of each group; one with infinite losses has no error."""
    means: list[Mean] = grouped.sums["differences"].means()
    up, down = grouped.sums["up"].integers, grouped.sums["down"].integers
    for group in sorted({*up, *down}):
        signs = [sign * math.inf for sign, side in ((1.0, up), (-1.0, down)) if side.get(group)]
        if signs:
            value = sum(signs)  # inf - inf is nan
            means[group] = Mean(value, math.nan, (math.nan, math.nan), means[group].effective)
    return means


def _differences(labels: Sequence[Label], grouped: Differences) -> tuple[Difference, ...]:
    (counts,), one = in_one_unit(grouped.sums["counts"])
    return tuple(
        Difference(label, count // one, mean.value, mean.standard_error, mean.interval)
        for label, count, mean in zip(labels, counts, _means(grouped), strict=True)
    )


def _in_order(slices: Slices[Differences]) -> tuple[Difference, ...]:
    ordered = slices.in_order()
    return _differences(list(ordered.values), ordered.sums)
