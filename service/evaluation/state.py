"""The mergeable state of an evaluation: one pass, its size independent of the number of rows."""

from dataclasses import dataclass, field
from typing import Any, Self

from service.errors import Code, InvalidInput
from service.evaluation.grouped import Fares
from service.evaluation.report import Report
from service.evaluation.rows import BadRow, ScoredRows
from service.evaluation.slices import Slices, admit
from service.evaluation.stored import canonical, check_format, restored
from service.evaluation.summary import summarize
from service.evaluation.totals import Settings, Totals
from service.losses.truth import Label

FORMAT = 4
SETTINGS = ("classes", "bins", "worst", "top_k")
TALLIES = ("count", "ignored", "infinite", "overflowed", "clipped", "renormalized")


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
        top_k: up to which k it is counted whether the true class is among the k most probable.
    """

    classes: int
    names: tuple[Label, ...] | None = None
    bins: int = 15
    worst: int = 10
    top_k: int = 5
    weighted: bool = False
    count: int = 0
    ignored: int = 0
    infinite: int = 0
    overflowed: int = 0
    clipped: int = 0
    renormalized: int = 0
    max_sum_deviation: float | None = None
    rows: list[BadRow] = field(default_factory=list)
    totals: Totals = field(init=False)
    slices: dict[str, Slices[Fares]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.totals = Totals(Settings(self.classes, self.bins, self.top_k))

    def add(self, batch: ScoredRows) -> None:
        """Adds a batch of rows, which is trusted to be of the state's classes.

        Raises:
            ValueError: the batch was scored for other classes, bins or top_k.
            InvalidInput: its slices do not fit in; nothing has been added.
        """
        if batch.settings != (self.classes, self.bins, self.top_k):
            raise ValueError("the rows were scored for a state of other classes, bins or top_k")
        columns = {name: factor.values for name, factor in batch.slices.items()}
        admit(self.slices, Fares, columns)
        if batch.totals is not None:
            self.totals.merge(batch.totals)
        if batch.block is not None:
            self.totals.tables.add(batch.block)
        if batch.outcomes is not None:
            self.totals.add(batch.outcomes)
        self.totals.confuse(batch.labels, batch.predicted, batch.weights)
        right = batch.labels == batch.predicted
        for name, factor in batch.slices.items():
            if factor.values:  # none where no row of the batch enters
                slices = self.slices[name]
                slices.sums.add(slices.codes(factor), batch.losses, right, batch.weights)
        self.weighted |= batch.weights is not None
        self.count += batch.labels.size
        self._tally(batch)
        self._keep_worst(batch.worst(self.worst))

    def merge(self, other: "State") -> None:
        """Adds the rows that another state of the same classes and settings has seen.

        Raises:
            ValueError: the classes or the settings differ.
            InvalidInput: the slices are too many together; nothing has been added.
        """
        if self._settings() != other._settings():
            raise ValueError("the states are of different classes, bins or numbers of worst rows")
        columns = {name: tuple(slices.values) for name, slices in other.slices.items()}
        admit(self.slices, Fares, columns)
        self.totals.merge(other.totals)
        for name, slices in other.slices.items():
            self.slices[name].merge(slices)
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
            "slices": {name: slices.to_json() for name, slices in self.slices.items()},
            **self.totals.to_json(),
        }
        return canonical(stored)

    @classmethod
    def from_bytes(cls, data: bytes, *, ours: bool = False) -> Self:
        """Reads back what `to_bytes` gave.

        Args:
            data: the bytes.
            ours: whether nobody else can have written them; otherwise they are compared with what
                the state gives again, which takes longer than reading them.

        Raises:
            MalformedBody: the bytes are not a state, or not in its canonical form.
        """
        return restored(data, cls._from_json, ours)

    def finish(self, curves: bool = False) -> Report:
        """The report of all rows so far.

        Args:
            curves: whether it has what its curves go through.

        Raises:
            InvalidInput: there are no rows, or their total weight exceeds float64.
        """
        if self.count == 0:
            raise InvalidInput.at(
                "/labels",
                Code.EMPTY_REDUCTION,
                "an evaluation needs a row of weight above 0; "
                + (f"all {self.ignored} weigh 0" if self.ignored else "there are no rows"),
            )
        return summarize(self, curves)

    def _settings(self) -> dict[str, Any]:
        names = None if self.names is None else list(self.names)
        return {"names": names, **{name: getattr(self, name) for name in SETTINGS}}

    def _tally(self, other: "ScoredRows | State") -> None:
        self.ignored += other.ignored
        self.infinite += other.infinite
        self.overflowed += other.overflowed
        self.clipped += other.clipped
        self.renormalized += other.renormalized
        deviations = (self.max_sum_deviation, other.max_sum_deviation)
        self.max_sum_deviation = max((d for d in deviations if d is not None), default=None)

    def _keep_worst(self, rows: list[BadRow]) -> None:
        self.rows = sorted(self.rows + rows, key=BadRow.order)[: self.worst]

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        check_format(stored, FORMAT)
        for name in (*SETTINGS, *TALLIES):
            if type(stored[name]) is not int or not 0 <= stored[name] < 1 << 53:
                raise ValueError(f"{name} is no number of things")
        names, deviation = stored["names"], stored["max_sum_deviation"]
        if names is not None and len(names) != stored["classes"]:
            raise ValueError("there is not one name for each class")
        state = cls(
            stored["classes"],
            None if names is None else tuple(names),
            **{name: stored[name] for name in SETTINGS[1:]},
        )
        for name in TALLIES:
            setattr(state, name, stored[name])
        state.weighted = bool(stored["weighted"])
        state.max_sum_deviation = None if deviation is None else float.fromhex(deviation)
        state._keep_worst([BadRow.from_json(row, state.classes) for row in stored["rows"]])
        state.totals.read_json(stored)
        state.slices = {
            name: Slices.from_json(Fares, name, slices) for name, slices in stored["slices"].items()
        }
        return state
