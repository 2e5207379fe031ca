"""The mergeable state of an evaluation: one pass, its size independent of the number of rows."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Self

from service.errors import Code, InvalidInput, MalformedBody
from service.evaluation.figures import (
    Totals,
    bin_numbers,
    calibration,
    confusion_matrix,
    per_class,
    prior_baseline,
    ratio,
    skill,
)
from service.evaluation.report import Label, Report, WorstRow
from service.evaluation.rows import Array, BadRow, Indices, ScoredRows
from service.evaluation.sums import ExactSums

# A matrix of this many classes has a million cells; nobody reads a larger one.
CONFUSION_CLASSES = 1000
FORMAT = 1
TALLIES = ("count", "ignored", "infinite", "overflowed", "clipped")


@dataclass(slots=True)
class State:
    """Everything the report needs, of rows added in any order, in any number of parts.

    All sums are exact, so that states that saw the same rows are equal and give the same report,
    to the bit, however the rows were split, ordered and merged.

    Attributes:
        classes: K.
        names: the names of the classes, or `None` for 0..K-1.
        bins: the number of calibration bins.
        worst: how many of the worst rows are kept.
    """

    classes: int
    names: tuple[Label, ...] | None = None
    bins: int = 15
    worst: int = 10
    weighted: bool = False
    count: int = 0
    ignored: int = 0
    infinite: int = 0
    overflowed: int = 0
    clipped: int = 0
    max_sum_deviation: float | None = None
    rows: list[BadRow] = field(default_factory=list)
    sums: dict[str, ExactSums] = field(init=False)

    def __post_init__(self) -> None:
        sizes = {
            "loss": self.classes,
            "support": self.classes,
            "predicted": self.classes,
            "correct": self.classes,
            "brier": 1,
            "bin_count": self.bins,
            "bin_weight": self.bins,
            "bin_confidence": self.bins,
            "bin_correct": self.bins,
        }
        if self.classes <= CONFUSION_CLASSES:
            sizes["confusion"] = self.classes**2
        self.sums = {name: ExactSums(size) for name, size in sizes.items()}

    def add(self, batch: ScoredRows) -> None:
        """Adds a batch of rows, which is trusted to be consistent with the state."""
        labels, predicted, weights = batch.labels, batch.predicted, batch.weights
        bins = bin_numbers(batch.confidences, self.bins)
        right = labels == predicted
        right_weights = None if weights is None else weights[right]
        sums = self.sums
        sums["loss"].add(labels, batch.losses, weights)
        sums["brier"].add(labels * 0, batch.brier, weights)
        sums["bin_confidence"].add(bins, batch.confidences, weights)
        sums["bin_count"].count(bins)
        _weigh(sums["support"], labels, weights)
        _weigh(sums["predicted"], predicted, weights)
        _weigh(sums["correct"], labels[right], right_weights)
        _weigh(sums["bin_weight"], bins, weights)
        _weigh(sums["bin_correct"], bins[right], right_weights)
        if "confusion" in sums:
            _weigh(sums["confusion"], labels * self.classes + predicted, weights)
        self.weighted |= weights is not None
        self.count += labels.size
        self._tally(batch)
        self._keep_worst(batch.worst(self.worst))

    def merge(self, other: "State") -> None:
        """Adds the rows that another state of the same classes and settings has seen.

        Raises:
            ValueError: the classes or the settings differ.
        """
        if self._settings() != other._settings():
            raise ValueError("the states are of different classes, bins or numbers of worst rows")
        for name, sums in self.sums.items():
            sums.merge(other.sums[name])
        self.weighted |= other.weighted
        self.count += other.count
        self._tally(other)
        self._keep_worst(other.rows)

    def to_bytes(self) -> bytes:
        """The state as canonical JSON: equal states give equal bytes."""
        deviation = self.max_sum_deviation
        stored = {
            "format": FORMAT,
            **self._settings(),
            **{name: getattr(self, name) for name in TALLIES},
            "weighted": self.weighted,
            "max_sum_deviation": None if deviation is None else deviation.hex(),
            "rows": [row.to_json() for row in self.rows],
            "sums": {name: sums.to_json() for name, sums in self.sums.items()},
        }
        return json.dumps(stored, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads back what `to_bytes` gave.

        Raises:
            MalformedBody: the bytes are not a state, or not in its canonical form.
        """
        try:
            stored = json.loads(data)
            state = cls._from_json(stored)
            canonical = state.to_bytes() == data
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise MalformedBody(Code.INVALID_STATE, "not the state of an evaluation") from error
        if not canonical:
            raise MalformedBody(Code.INVALID_STATE, "an evaluation state that was altered")
        return state

    def finish(self) -> Report:
        """The report of all rows so far.

        Raises:
            InvalidInput: there are no rows, or their total weight exceeds float64.
        """
        totals = self._totals()
        weight = sum(totals.sums["support"])
        log_loss = (
            math.inf if self.sums["loss"].infinite else ratio(sum(totals.sums["loss"]), weight)
        )
        prior = prior_baseline(totals.sums["support"])
        names = range(self.classes) if self.names is None else self.names
        return Report(
            log_loss=log_loss,
            count=self.count,
            weight=ratio(weight, totals.one) if self.weighted else self.count,
            uniform_baseline=math.log(self.classes),
            prior_baseline=prior,
            skill=skill(log_loss, prior),
            accuracy=ratio(sum(totals.sums["correct"]), weight),
            brier=ratio(totals.sums["brier"][0], weight),
            per_class=per_class(totals, names),
            confusion_matrix=confusion_matrix(totals, self.classes)
            if "confusion" in totals.sums
            else None,
            calibration=calibration(totals),
            worst=tuple(
                WorstRow(row.row, row.loss, names[row.label], row.probability) for row in self.rows
            ),
            infinite=self.infinite,
            overflowed=self.overflowed,
            clipped=self.clipped,
            ignored=self.ignored,
            max_sum_deviation=self.max_sum_deviation,
        )

    def _totals(self) -> Totals:
        if self.count == 0:
            raise InvalidInput.at(
                "/labels",
                Code.EMPTY_REDUCTION,
                "an evaluation needs a row of weight above 0; "
                + (f"all {self.ignored} weigh 0" if self.ignored else "there are no rows"),
            )
        unit = min(sums.exponent for sums in self.sums.values())
        totals = Totals(
            sums={name: sums.scaled(unit) for name, sums in self.sums.items()},
            one=1 << -unit,
            weighted=self.weighted,
            lost=self.sums["loss"].infinite,
        )
        if math.isinf(ratio(sum(totals.sums["support"]), totals.one)):
            raise InvalidInput.at(
                "/sample_weights", Code.WEIGHT_OVERFLOW, "the total weight exceeds float64"
            )
        return totals

    def _settings(self) -> dict[str, Any]:
        names = None if self.names is None else list(self.names)
        return {"classes": self.classes, "names": names, "bins": self.bins, "worst": self.worst}

    def _tally(self, other: "ScoredRows | State") -> None:
        self.ignored += other.ignored
        self.infinite += other.infinite
        self.overflowed += other.overflowed
        self.clipped += other.clipped
        deviations = (self.max_sum_deviation, other.max_sum_deviation)
        self.max_sum_deviation = max((d for d in deviations if d is not None), default=None)

    def _keep_worst(self, rows: list[BadRow]) -> None:
        self.rows = sorted(self.rows + rows, key=BadRow.order)[: self.worst]

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        if stored["format"] != FORMAT:
            raise ValueError("another format")
        for name in ("classes", "bins", "worst", *TALLIES):
            if type(stored[name]) is not int or not 0 <= stored[name] < 1 << 53:
                raise ValueError(f"{name} is no number of things")
        names, deviation = stored["names"], stored["max_sum_deviation"]
        if names is not None and len(names) != stored["classes"]:
            raise ValueError("there is not one name for each class")
        state = cls(
            stored["classes"],
            None if names is None else tuple(names),
            stored["bins"],
            stored["worst"],
        )
        for name in TALLIES:
            setattr(state, name, stored[name])
        state.weighted = bool(stored["weighted"])
        state.max_sum_deviation = None if deviation is None else float.fromhex(deviation)
        state._keep_worst([BadRow.from_json(row, state.classes) for row in stored["rows"]])
        state.sums = {
            name: ExactSums.from_json(stored["sums"][name], sums.size)
            for name, sums in state.sums.items()
        }
        return state


def _weigh(sums: ExactSums, groups: Indices, weights: Array | None) -> None:
    if weights is None:
        sums.count(groups)
    else:
        sums.add(groups, weights)
