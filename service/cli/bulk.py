"""Files of predictions scored batch by batch, in constant memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from service.cli.predictions import Columns, Predictions, Rows
from service.cli.progress import Progress
from service.errors import Fault, InvalidInput, XentError
from service.evaluation import Intake, Policies
from service.evaluation.intake import rows_of
from service.wire.batches import Batch, open_source

SHOWN = 20


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the file in the errors of what is done with it."""
    try:
        yield
    except InvalidInput as error:
        faults = [Fault(f.pointer, f.code, f"{path}: {f.detail}") for f in error.faults]
        raise InvalidInput(faults) from None
    except XentError as error:
        raise type(error)(error.code, f"{path}: {error.detail}") from None


@dataclass(slots=True)
class Bulk:
    """Files that have been read, and what was wrong in them.

    Attributes:
        columns: what the columns mean.
        policies: how the rows are scored.
        collect: whether bad rows are left out.
        classes: in the order wanted; `None` for that of the columns of the first file.
        prefix: of the numbers that rows without ids are called by.
        intake: of the rows; `None` before the first file.
        rejected: how many rows were left out.
        faults: of the first of them, with their files.
        files: the number of the first row of each, counted over all of them.
    """

    columns: Columns
    policies: Policies
    collect: bool = False
    classes: tuple[str, ...] | None = None
    prefix: str = ""
    intake: Intake | None = None
    rejected: int = 0
    faults: list[str] = field(default_factory=list)
    files: list[tuple[int, str]] = field(default_factory=list)

    def read(self, paths: Sequence[Path], done: Progress) -> None:
        """Scores the rows of all files.

        Raises:
            XentError: naming the file, and row, line and column as far as they are known.
        """
        for number, path in enumerate(paths):
            with naming(path):
                self._file(path, done, number, len(paths))

    def place(self, row: int) -> tuple[str, int]:
        """The file of a row that is counted over all of them, and its number there."""
        first, name = next(entry for entry in reversed(self.files) if entry[0] <= row)
        return name, row - first

    def _file(self, path: Path, done: Progress, number: int, count: int) -> None:
        file = Predictions(open_source(path), self.columns, self.classes)
        self.classes = file.classes
        if self.intake is None:
            self.intake = Intake(self.policies, collect=self.collect, names=file.classes)
        first, last = done.rows, 0
        self.files.append((first, path.name))
        for batch, rows in file.batches():
            numbers = first + batch.rows
            called = [f"{self.prefix}{n}" for n in numbers.tolist()] if self.prefix else numbers
            rows.setdefault("row_ids", called)
            self._score(file, batch, rows)
            last = max([last, *batch.rows[-1:] + 1, *(row + 1 for row, _ in batch.bad)])
            done.rows, done.share = first + int(last), (number + batch.share) / count

    def _score(self, file: Predictions, batch: Batch, rows: Rows) -> None:
        assert self.intake is not None
        end = len(batch.rows)
        if batch.bad and not self.collect:  # what comes before the first of them counts
            end = int(np.searchsorted(batch.rows, batch.bad[0][0]))
        some = rows if end == len(batch.rows) else rows_of(rows, slice(0, end))
        bad = self.intake.add(some) if end else []
        found = list(batch.bad)
        for row in bad[:SHOWN]:
            found.append((int(batch.rows[row]), file.fault(batch, rows, row, self.policies)))
        found.sort(key=lambda entry: entry[0])
        if found and not self.collect:
            raise InvalidInput([found[0][1]])
        self.rejected += len(bad) + len(batch.bad)
        name = self.files[-1][1]
        self.faults += [f"{name}: {fault.detail}" for _, fault in found]
        del self.faults[SHOWN:]
