"""`xent compare`: whether the predictions in one file are better than those in another."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from service.cli import show
from service.cli.bulk import naming
from service.cli.options import (
    FILE,
    as_json,
    label_column,
    logits_columns,
    normalize,
    probabilities_columns,
    slices,
    weight_column,
)
from service.cli.predictions import Columns, Predictions, Rows
from service.cli.progress import Progress, progress
from service.errors import MAX_NAME, Code, InvalidInput
from service.evaluation import Pairs, Policies, score
from service.evaluation.intake import bad_rows, rows_of
from service.evaluation.rows import ScoredRows
from service.wire import dump_json
from service.wire.batches import Batch, open_source

NOT_BETTER = 4


@click.command()
@click.argument("baseline", type=FILE)
@click.argument("candidate", type=FILE)
@label_column
@weight_column
@probabilities_columns
@logits_columns
@normalize
@slices
@click.option("--margin", type=float, default=0.0, show_default=True, help="In nat.")
@as_json
def compare(
    baseline: Path,
    candidate: Path,
    label: str,
    weights: str | None,
    probabilities: str | None,
    logits: str | None,
    normalize: Any,
    slices: tuple[str, ...],
    margin: float,
    as_json: bool,
) -> None:
    """Whether CANDIDATE has a lower log loss than BASELINE, by the margin, on the same rows.

    Both are files of predictions with the same labels, row by row, in any of the formats of `xent
    evaluate`; weights and slices are those of BASELINE. They are read batch by batch, whatever
    their size. Exit code 4: it is not shown to be better.
    """
    columns = Columns.of(probabilities, logits, label, weights=weights, slices=slices)
    policies = Policies(normalize=normalize)
    before = Side(baseline, columns, policies)
    after = Side(candidate, replace(columns, weights=None, slices=()), policies, before.classes)
    pairs = Pairs(len(before.classes), before.classes)
    with progress("comparing") as done:
        _add_rows(pairs, before, after, label, done)
    found = pairs.finish(margin)
    click.echo(dump_json(found).decode() if as_json else show.comparison(found))
    if not found.better:
        sys.exit(NOT_BETTER)


class Side:
    """The rows of one of the files, taken so many at a time as the other one has at hand.

    Args:
        path: of the file.
        columns: what its columns mean.
        policies: how its rows are scored.
        classes: in the order wanted; `None` for that of the columns.

    Attributes:
        classes: in that order.
        row: the number of the next row.
        share: of the file that has been read.

    Raises:
        XentError: the file cannot be read, or its columns are not those.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        policies: Policies,
        classes: tuple[str, ...] | None = None,
    ) -> None:
        self._path = path
        self._policies = policies
        with naming(path):
            self._file = Predictions(open_source(path), columns, classes)
        self._batches: Iterator[tuple[Batch, Rows]] = self._file.batches()
        self._batch: Batch | None = None
        self._rows: Rows = {}
        self._taken = 0
        self.classes = self._file.classes
        self.row = 0
        self.share = 0.0

    def at_hand(self) -> int:
        """How many rows can be taken without reading on; 0 at the end of the file.

        Raises:
            XentError: the file is damaged, or has a row that cannot be read.
        """
        while self._batch is None or self._taken == len(self._batch.rows):
            with naming(self._path):
                batch, self._rows = next(self._batches, (None, {}))
                if batch is None:
                    return 0
                if batch.bad:
                    raise InvalidInput([batch.bad[0][1]])
            self._batch, self._taken, self.share = batch, 0, batch.share
        return len(self._batch.rows) - self._taken

    def take(self, count: int, weights: Any = None) -> tuple[Rows, ScoredRows]:
        """The next rows of those at hand, and what they score.

        Args:
            count: how many.
            weights: of these rows, where the file has none of its own.

        Raises:
            InvalidInput: naming the first bad one.
        """
        assert self._batch is not None
        first, self._taken = self._taken, self._taken + count
        rows = rows_of(self._rows, slice(first, self._taken))
        if weights is not None:
            rows["sample_weights"] = weights
        self.row += count
        try:
            scored, _ = score(**{**self._policies.score(rows), "bins": None})
        except InvalidInput:
            bad = np.flatnonzero(bad_rows(rows, self._policies))
            if not bad.size:
                raise
            row = first + int(bad[0])
            with naming(self._path):
                fault = self._file.fault(self._batch, self._rows, row, self._policies)
                raise InvalidInput([fault]) from None
        return rows, scored


def _add_rows(pairs: Pairs, before: Side, after: Side, label: str, done: Progress) -> None:
    """Adds the rows of both files, the first with the first.

    Raises:
        InvalidInput: a bad row, one with another label, or a file ends before the other.
    """
    while count := min(sizes := (before.at_hand(), after.at_hand())):
        rows, baseline = before.take(count)
        others, candidate = after.take(count, rows.get("sample_weights"))
        wrong = np.flatnonzero(rows["labels"] != others["labels"])
        if wrong.size:
            row = done.rows + int(wrong[0])
            text = f"row {row}, column {label[:MAX_NAME]}, differs between the files"
            raise InvalidInput.at(f"/rows/{row}", Code.SHAPE_MISMATCH, text)
        pairs.add(baseline, candidate)
        done.rows, done.share = before.row, (before.share + after.share) / 2.0
    if max(sizes):
        shorter, longer = ("baseline", "candidate") if sizes[1] else ("candidate", "baseline")
        text = f"the {shorter} ends after {done.rows} rows, the {longer} goes on"
        raise InvalidInput.at("/rows", Code.SHAPE_MISMATCH, text)
