"""Files of predictions scored batch by batch, in constant memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from service.cli.progress import Progress
from service.cli.tables import class_of
from service.errors import Code, Fault, InvalidInput, XentError, cell
from service.evaluation import Factor, Intake, Policies
from service.evaluation.intake import rows_of
from service.wire.batches import Batch, Source, open_source

SHOWN = 20


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
    weights: str | None
    row_id: str | None
    slices: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """The columns of strings."""
        named = [self.label, *self.slices, *([] if self.row_id is None else [self.row_id])]
        return list(dict.fromkeys(named))

    def classes(self, names: Sequence[str]) -> list[str]:
        """The columns of the predictions.

        Raises:
            InvalidInput: there are none, or one of the others is missing.
        """
        others = {*self.texts, self.weights}
        for name in (*self.texts, *([] if self.weights is None else [self.weights])):
            if name not in names:
                text = f"there is no column {name[:64]}; there is {', '.join(names[:8])}"
                raise InvalidInput.at("/columns", Code.MISSING_MEMBER, text[:400])
        found = [n for n in names if n not in others and fnmatchcase(n, self.pattern)]
        if not found:
            text = f"no column has a name that --{self.member} matches"
            raise InvalidInput.at("/columns", Code.MISSING_MEMBER, text)
        return found


@dataclass(slots=True)
class Bulk:
    """Files that have been read, and what was wrong in them.

    Attributes:
        columns: what the columns mean.
        policies: how the rows are scored.
        collect: whether bad rows are left out.
        intake: of the rows; `None` before the first file.
        rejected: how many rows were left out.
        faults: of the first of them, with their files.
        files: the number of the first row of each, counted over all of them.
    """

    columns: Columns
    policies: Policies
    collect: bool
    intake: Intake | None = None
    rejected: int = 0
    faults: list[str] = field(default_factory=list)
    files: list[tuple[int, str]] = field(default_factory=list)
    _classes: tuple[str, ...] = ()

    def read(self, paths: Sequence[Path], done: Progress) -> None:
        """Scores the rows of all files.

        Raises:
            XentError: naming the file, and row, line and column as far as they are known.
        """
        for number, path in enumerate(paths):
            try:
                self._file(open_source(path), path.name, done, number, len(paths))
            except InvalidInput as error:
                faults = [Fault(f.pointer, f.code, f"{path}: {f.detail}") for f in error.faults]
                raise InvalidInput(faults) from None
            except XentError as error:
                raise type(error)(error.code, f"{path}: {error.detail}") from None

    def place(self, row: int) -> tuple[str, int]:
        """The file of a row that is counted over all of them, and its number there."""
        first, name = next(entry for entry in reversed(self.files) if entry[0] <= row)
        return name, row - first

    def _file(self, source: Source, name: str, done: Progress, number: int, count: int) -> None:
        columns = self.columns.classes(source.names)
        classes = tuple(class_of(column, self.columns.pattern) for column in columns)
        if self.intake is None:
            self.intake = Intake(self.policies, collect=self.collect, names=classes)
            self._classes = classes
        if set(classes) != set(self._classes) or len(classes) != len(self._classes):
            text = f"its classes are {', '.join(classes)}; before, {', '.join(self._classes)}"
            raise InvalidInput.at("/columns", Code.SHAPE_MISMATCH, text[:400])
        ordered = [columns[classes.index(label)] for label in self._classes]
        weights = [] if self.columns.weights is None else [self.columns.weights]
        first, last = done.rows, 0
        self.files.append((first, name))
        for batch in source.batches([*ordered, *weights], self.columns.texts):
            self._score(batch, first, ordered)
            last = max([last, *batch.rows[-1:] + 1, *(row + 1 for row, _ in batch.bad)])
            done.rows, done.share = first + int(last), (number + batch.share) / count

    def _score(self, batch: Batch, first: int, columns: list[str]) -> None:
        assert self.intake is not None
        rows = self._rows(batch, first)
        end = len(batch.rows)
        if batch.bad and not self.collect:  # what comes before the first of them counts
            end = int(np.searchsorted(batch.rows, batch.bad[0][0]))
        bad = self.intake.add(_cut(rows, end)) if end else []
        found = list(batch.bad)
        for row in bad[:SHOWN]:
            found.append((int(batch.rows[row]), self._fault(batch, rows, row, columns)))
        found.sort(key=lambda entry: entry[0])
        if found and not self.collect:
            raise InvalidInput([found[0][1]])
        self.rejected += len(bad) + len(batch.bad)
        name = self.files[-1][1]
        self.faults += [f"{name}: {fault.detail}" for _, fault in found]
        del self.faults[SHOWN:]

    def _rows(self, batch: Batch, first: int) -> dict[str, Any]:
        """The members of an evaluation."""
        width = len(self._classes)
        labels = batch.texts[self.columns.label]
        known = {name: place for place, name in enumerate(self._classes)}
        codes = np.array([known.get(value, -1) for value in labels.values] + [-1], np.int64)
        rows: dict[str, Any] = {
            self.columns.member: batch.numbers[:, :width],
            "labels": codes[labels.codes],
            "row_ids": first + batch.rows,
        }
        if self.columns.weights is not None:
            rows["sample_weights"] = batch.numbers[:, width]
        if self.columns.row_id is not None:
            ids = batch.texts[self.columns.row_id]
            rows["row_ids"] = np.array([*ids.values, ""], object)[ids.codes]
        slices = {name: batch.texts[name] for name in self.columns.slices}
        rows["slices"] = {name: Factor((*w.values, ""), w.codes) for name, w in slices.items()}
        return rows

    def _fault(self, batch: Batch, rows: dict[str, Any], row: int, columns: list[str]) -> Fault:
        """What is wrong with a row, in the words of the file."""
        assert self.intake is not None
        fault = self.intake.why(rows, row).faults[0]
        member, *path = fault.pointer.split("/")[1:]
        _, shown = cell(member, *path)
        what = fault.detail.removeprefix(shown).strip()
        code, column = fault.code, None
        if member == "labels":
            column, code = self.columns.label, Code.UNKNOWN_LABEL
            what = f"is none of the {len(self._classes)} classes"
            if batch.texts[column].codes[row] < 0:
                what, code = "is missing", Code.MISSING_VALUE
        elif member == "sample_weights":
            column = self.columns.weights
        elif len(path) > 1:
            column = columns[int(path[1])]
        if code == Code.NAN_VALUE:
            what = "is NaN or missing"
        what = what.replace('normalize ("renormalize" or "off")', "--normalize renormalize or off")
        where = f"row {batch.rows[row]}"
        where += "" if batch.lines is None else f" (line {batch.lines[row]})"
        where += "" if column is None else f", column {column[:64]},"
        return Fault(f"/rows/{batch.rows[row]}", code, f"{where} {what}")


def _cut(rows: dict[str, Any], end: int) -> dict[str, Any]:
    return rows if end == len(rows["labels"]) else rows_of(rows, slice(0, end))
