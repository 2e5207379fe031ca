"""One file of predictions: what its columns mean, and its rows, batch by batch, to be scored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import click
import numpy as np

from service.cli.tables import class_of
from service.errors import MAX_NAME, Code, Fault, InvalidInput, cell, listed
from service.evaluation import Factor, Policies
from service.evaluation.intake import why_bad
from service.wire.batches import Batch, Source

Rows = dict[str, Any]
"""Members of an evaluation that have a value for each row."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of the files mean.

    Attributes:
        member: `logits` or `probabilities`.
        pattern: of the names of their columns.
        label: of the true classes.
        weights: of the rows, or `None`.
        row_id: that names the rows, or `None`.
        slices: to report on apart.
    """

    member: str
    pattern: str
    label: str
    weights: str | None = None
    row_id: str | None = None
    slices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, probabilities: str | None, logits: str | None, label: str, **others: Any
    ) -> "Columns":
        """The columns as they are told on the command line, of one of the two patterns.

        Raises:
            click.UsageError: none of the patterns is given, or both are.
        """
        if (probabilities is None) == (logits is None):
            raise click.UsageError("give --probabilities or --logits")
        member = "logits" if probabilities is None else "probabilities"
        return cls(member, probabilities or logits or "", label, **others)

    @property
    def texts(self) -> list[str]:
        """The columns of strings."""
        named = [self.label, *self.slices, *([] if self.row_id is None else [self.row_id])]
        return list(dict.fromkeys(named))

    def predictions(self, names: Sequence[str]) -> list[str]:
        """The columns of the predictions.

        Raises:
            InvalidInput: there are none, one of the others is missing, or a name is there twice.
        """
        others = {*self.texts, self.weights}
        for name in (*self.texts, *([] if self.weights is None else [self.weights])):
            if name not in names:
                text = f"there is no column {name[:MAX_NAME]}; there is {listed(names)}"
                raise InvalidInput.at("/columns", Code.MISSING_MEMBER, text)
        found = [n for n in names if n not in others and fnmatchcase(n, self.pattern)]
        if not found:
            text = f"no column has a name that --{self.member} matches"
            raise InvalidInput.at("/columns", Code.MISSING_MEMBER, text)
        used = {*found, *others}
        for name, times in Counter(names).items():
            if times > 1 and name in used:
                text = f"column {name[:MAX_NAME]} is there {times} times"
                raise InvalidInput.at("/columns", Code.DUPLICATE_MEMBER, text)
        return found


class Predictions:
    """The rows of a file, with the classes in a given order.

    Args:
        source: the file.
        columns: what its columns mean.
        classes: in the order wanted; `None` for that of the columns.

    Attributes:
        classes: the names of the classes, in that order.

    Raises:
        InvalidInput: a column is missing, or the classes are others.
    """

    def __init__(
        self, source: Source, columns: Columns, classes: tuple[str, ...] | None = None
    ) -> None:
        found = columns.predictions(source.names)
        own = tuple(class_of(column, columns.pattern) for column in found)
        self.classes = own if classes is None else classes
        if sorted(own) != sorted(self.classes):
            text = f"its classes are {listed(own)}; they are to be {listed(self.classes)}"
            raise InvalidInput.at("/columns", Code.SHAPE_MISMATCH, text)
        self._source = source
        self._columns = columns
        self._predictions = [found[own.index(label)] for label in self.classes]

    def batches(self) -> Iterator[tuple[Batch, Rows]]:
        """Every batch as it is read and as it is scored; labels are indices, -1 of no class.

        Raises:
            XentError: as `Source.batches` does.
        """
        weights = [] if self._columns.weights is None else [self._columns.weights]
        for batch in self._source.batches([*self._predictions, *weights], self._columns.texts):
            yield batch, self._rows(batch)

    def _rows(self, batch: Batch) -> Rows:
        columns, width = self._columns, len(self.classes)
        labels = batch.texts[columns.label]
        known = {name: place for place, name in enumerate(self.classes)}
        codes = np.array([known.get(value, -1) for value in labels.values], np.int64)
        rows: Rows = {columns.member: batch.numbers[:, :width], "labels": codes[labels.codes]}
        if columns.weights is not None:
            rows["sample_weights"] = batch.numbers[:, width]
        if columns.row_id is not None:
            ids = batch.texts[columns.row_id]
            rows["row_ids"] = np.array(ids.values, object)[ids.codes]
        slices = {name: batch.texts[name] for name in columns.slices}
        rows["slices"] = {name: Factor(w.values, w.codes) for name, w in slices.items()}
        return rows

    def fault(self, batch: Batch, rows: Rows, row: int, policies: Policies) -> Fault:
        """What is wrong with a bad row of a batch, in the words of the file."""
        fault = why_bad(rows, row, policies).faults[0]
        member, *path = fault.pointer.split("/")[1:]
        _, shown = cell(member, *path)
        what = fault.detail.removeprefix(shown).strip()
        code, column = fault.code, None
        if member == "labels":
            column, code = self._columns.label, Code.UNKNOWN_LABEL
            what = f"is none of the {len(self.classes)} classes, {listed(self.classes)}"
        elif member == "sample_weights":
            column = self._columns.weights
        elif len(path) > 1:
            column = self._predictions[int(path[1])]
        if code == Code.NAN_VALUE:
            what = "is NaN or missing"
        what = what.replace('normalize ("renormalize" or "off")', "--normalize renormalize or off")
        where = f"row {batch.rows[row]}"
        where += "" if batch.lines is None else f" (line {batch.lines[row]})"
        where += "" if column is None else f", column {column[:MAX_NAME]},"
        return Fault(f"/rows/{batch.rows[row]}", code, f"{where} {what}")
