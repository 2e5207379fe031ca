"""CSV and NDJSON files, batch by batch, under the rules of `service.wire.csv`."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from service.errors import MAX_NAME, Code, Fault, InvalidInput, MalformedBody, cell
from service.wire.arrays import NON_FINITE
from service.wire.batches import Batch, Words, rows_at_once
from service.wire.csv import malformed, numbered_rows, numbers_of, what_is_wrong, wrong_length
from service.wire.json import parse_object

# Rows of text are lists of objects until they are arrays.
ROWS = 2**14


class _Rows:
    """Rows that gather for a batch."""

    def __init__(self, numbers: Sequence[str], texts: Sequence[str], size: int) -> None:
        self._numbers, self._texts, self._size = numbers, texts, max(1, size)
        self._most = rows_at_once(len(numbers) + len(texts), ROWS)
        self._count = 0
        self._clear()

    def _clear(self) -> None:
        self._cells: list[list[float]] = []
        self._words: list[list[str]] = []
        self._places: list[tuple[int, int]] = []
        self._bad: list[tuple[int, Fault]] = []

    def add(self, line: int, cells: list[float], words: list[str]) -> bool:
        """A row; true when there are enough of them."""
        self._cells.append(cells)
        self._words.append(words)
        self._places.append((self._count, line))
        self._count += 1
        return len(self._cells) >= self._most

    def refuse(self, line: int, name: str, code: Code, what: str) -> None:
        """A row that cannot be read."""
        pointer, _ = cell("rows", self._count, name)
        where = f"row {self._count} (line {line})" + (f", column {name[:MAX_NAME]}" if name else "")
        self._bad.append((self._count, Fault(pointer, code, f"{where}, {what}")))
        self._count += 1

    def batch(self, position: int) -> Batch:
        """Those gathered so far, when the file has been read up to there."""
        rows, lines = np.array(self._places, np.int64).reshape(-1, 2).T
        matrix = np.array(self._cells, np.float64).reshape(len(rows), len(self._numbers))
        columns = list(zip(*self._words, strict=True)) or [()] * len(self._texts)
        texts = {name: Words.of(c) for name, c in zip(self._texts, columns, strict=True)}
        found = Batch(rows, matrix, texts, min(1.0, position / self._size), lines, self._bad)
        self._clear()
        return found


class CsvFile:
    """A CSV file; see `service.wire.batches.Source`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                header = next(csv.reader(file, strict=True), None)
            except UnicodeDecodeError:
                raise malformed("it is not UTF-8") from None
            except csv.Error:
                header = None
        if not header:
            raise malformed("its first line must name the columns")
        self.names = tuple(header)

    def batches(self, numbers: Sequence[str], texts: Sequence[str]) -> Iterator[Batch]:
        """See `Source`."""
        places, others = ([self.names.index(name) for name in some] for some in (numbers, texts))
        rows = _Rows(numbers, texts, self._path.stat().st_size)
        with self._path.open("rb") as file:
            lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            reader = csv.reader(lines, strict=True)
            next(reader)
            try:
                for line, cells in numbered_rows(reader):
                    if len(cells) != len(self.names):
                        rows.refuse(line, "", Code.INVALID_CSV, wrong_length(cells, self.names))
                        continue
                    words = [cells[place] for place in others]
                    values = numbers_of([cells[place] for place in places])
                    if values is None or not all(word.strip() for word in words):
                        rows.refuse(line, *_first_bad(cells, places, others, self.names))
                    elif rows.add(line, values, words):
                        yield rows.batch(file.tell())
            except UnicodeDecodeError:
                yield rows.batch(0)
                raise malformed("it is not UTF-8") from None
            except csv.Error as error:
                yield rows.batch(0)
                raise malformed(f"line {reader.line_num}: {error}") from None
        yield rows.batch(self._path.stat().st_size)


def _first_bad(
    cells: list[str], places: list[int], others: list[int], names: Sequence[str]
) -> tuple[str, Code, str]:
    for place in others:
        if not cells[place].strip():
            return names[place], Code.MISSING_VALUE, "is empty"
    place = next(p for p in places if numbers_of([cells[p]]) is None)
    return names[place], *what_is_wrong(cells[place])


class NdjsonFile:
    """A file of JSON objects, one a line, by column; see `service.wire.batches.Source`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            line = next((line for line in file if line.strip()), b"")
        self.names = tuple(parse_object(line, "the first line"))

    def batches(self, numbers: Sequence[str], texts: Sequence[str]) -> Iterator[Batch]:
        """See `Source`."""
        rows = _Rows(numbers, texts, self._path.stat().st_size)
        with self._path.open("rb") as file:
            for line, body in enumerate(file, 1):
                if not body.strip():
                    continue
                try:
                    row = parse_object(body, "the line")
                except (MalformedBody, InvalidInput) as error:
                    rows.refuse(line, "", error.code, error.detail)
                    continue
                wrong = _wrong_member(row, numbers, texts)
                if wrong is not None:
                    rows.refuse(line, *wrong)
                elif rows.add(
                    line,
                    [NON_FINITE.get(row[name], row[name]) for name in numbers],
                    [str(row[name]) for name in texts],
                ):
                    yield rows.batch(file.tell())
        yield rows.batch(self._path.stat().st_size)


def _wrong_member(
    row: dict[str, Any], numbers: Sequence[str], texts: Sequence[str]
) -> tuple[str, Code, str] | None:
    for name in (*texts, *numbers):
        if row.get(name) is None:
            return name, Code.MISSING_VALUE, "is missing"
    for name in texts:
        if type(row[name]) not in (str, int, bool):
            return name, Code.NOT_A_LABEL, "is neither a string nor an integer"
    for name in numbers:
        if type(row[name]) not in (int, float) and row[name] not in NON_FINITE:
            return name, Code.NOT_A_NUMBER, "is no number"
    return None
