"""Rows that come batch by batch, into a state: bad ones end it, or are left out and counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput
from service.evaluation.scoring import score
from service.evaluation.slices import Factor
from service.evaluation.state import State
from service.losses.categorical import Categorical
from service.losses.options import exactly_one
from service.losses.result import Normalize, ZeroProbability
from service.losses.rows import Rows
from service.losses.truth import Label, known_labels
from service.losses.weights import bad_weights
from service.numerics import row_blocks

Mask = npt.NDArray[np.bool_]
Batch = Mapping[str, Any]
"""Members of `evaluate` that have a value for each row: predictions as (n, K), the others (n,)."""

# What is scored at once: enough that the fixed price of a batch does not show, and no more memory.
ELEMENTS = 2**21
ROWS = 2**17


@dataclass(frozen=True, slots=True)
class Policies:
    """How all rows are scored; the words are those of `evaluate`."""

    classes: tuple[Label, ...] | None = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: float = 2.0**-52
    bins: int = 15
    worst: int = 10
    top_k: int = 5

    def score(self, batch: Batch) -> dict[str, Any]:
        """The arguments of `service.evaluation.score`."""
        names = ("classes", "normalize", "zero_probability", "clip", "bins", "top_k")
        return {**batch, **{name: getattr(self, name) for name in names}}


class Intake:
    """Scores batches as they come; what it keeps does not grow with their number.

    The state is the same, to the byte, however the rows were put into batches. Rows without ids are
    called by their number, bad ones counted.

    Args:
        policies: how the rows are scored.
        collect: whether bad rows are left out; otherwise nothing is added from the first one on.
        names: of the classes in the report, where labels are indices all the same.

    Attributes:
        state: of the rows scored so far; `None` before there were any.
        rows: seen so far, the bad ones among them.
    """

    def __init__(
        self, policies: Policies, *, collect: bool = False, names: Sequence[Label] | None = None
    ) -> None:
        self.policies = policies
        self.collect = collect
        self.names = policies.classes if names is None else tuple(names)
        self.state: State | None = None
        self.rows = 0

    def add(self, batch: Batch) -> list[int]:
        """Adds rows.

        Args:
            batch: predictions (n, K) and labels (n,), and what else there is for each row, of the
                right shapes, the slices all of one kind.

        Returns:
            The numbers, in the batch, of its bad rows. When they end it, that is the first alone,
            and the rows before it have been added.

        Raises:
            InvalidInput: the batch as a whole does not fit; what was added of it stays.
        """
        size, classes = _shape(batch)
        step = max(1, min(ROWS, ELEMENTS // max(1, classes)))
        found: list[int] = []
        for start in range(0, size, step):
            part = rows_of(batch, slice(start, start + step))
            bad = self._add(part, classes)
            found += [start + row for row in bad]
            if bad and not self.collect:
                self.rows += bad[0]
                return found
            self.rows += min(step, size - start)
        return found

    def _add(self, batch: Batch, classes: int) -> list[int]:
        if self.state is None:
            how = self.policies
            self.state = State(classes, self.names, how.bins, how.worst, how.top_k)
        if classes != self.state.classes:
            text = f"there are {classes} classes; the rows before have {self.state.classes}"
            raise InvalidInput.at("", Code.SHAPE_MISMATCH, text)
        if "row_ids" not in batch:
            size = len(batch["labels"])
            batch = {**batch, "row_ids": np.arange(self.rows, self.rows + size)}
        bad: npt.NDArray[np.intp] = np.empty(0, np.intp)
        try:
            scored, _ = score(**self.policies.score(batch))
        except InvalidInput:
            bad = np.flatnonzero(bad_rows(batch, self.policies))
            if not bad.size:
                raise
            good = slice(0, bad[0])
            kept = np.delete(np.arange(len(batch["labels"])), bad) if self.collect else good
            scored, _ = score(**self.policies.score(rows_of(batch, kept)))
        self.state.add(scored)
        return [int(row) for row in (bad if self.collect else bad[:1])]


def why_bad(batch: Batch, row: int, policies: Policies) -> InvalidInput:
    """What is wrong with a bad row, as if it were the only one of its batch: number 0."""
    try:
        score(**policies.score(rows_of(batch, slice(row, row + 1))))
    except InvalidInput as error:
        return error
    raise AssertionError("a row that is bad in its batch is bad alone")


def bad_rows(batch: Batch, policies: Policies) -> Mask:
    """(n,) which rows of a batch `score` refuses for their weight, label or prediction."""
    member, given = exactly_one(
        logits=batch.get("logits"), probabilities=batch.get("probabilities")
    )
    rows = Rows.of(member, given)
    bad = np.zeros(rows.size, np.bool_)
    weights = batch.get("sample_weights")
    if weights is not None:
        bad |= bad_weights(weights)
    labels = known_labels(np.asarray(batch["labels"]), rows.classes, policies.classes)
    kept = np.ones(rows.size, np.bool_) if weights is None else weights > 0
    bad |= kept & (labels < 0)
    scorer = Categorical(
        rows=rows,
        labels=np.maximum(labels, 0),
        targets=None,
        class_weights=None,
        label_smoothing=0.0,
        temperature=1.0,
        bits=False,
        zero_probability=policies.zero_probability,
        clip=policies.clip,
        normalize=policies.normalize,
    )
    for block in row_blocks(rows.size, rows.classes):
        bad[block] |= kept[block] & scorer.bad_rows(block)
    return bad


def rows_of(batch: Batch, selection: slice | npt.NDArray[np.intp]) -> dict[str, Any]:
    """Some rows of a batch."""
    return {name: _taken(value, selection) for name, value in batch.items()}


def _taken(value: Any, selection: slice | npt.NDArray[np.intp]) -> Any:
    if isinstance(value, Mapping):
        return {name: _taken(column, selection) for name, column in value.items()}
    if isinstance(value, Factor):
        return value.among(selection)
    if isinstance(value, np.ndarray) or isinstance(selection, slice):
        return value[selection]
    return [value[row] for row in selection]


def _shape(batch: Batch) -> tuple[int, int]:
    _, rows = exactly_one(logits=batch.get("logits"), probabilities=batch.get("probabilities"))
    return int(rows.shape[0]), int(rows.shape[1])
