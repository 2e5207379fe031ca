"""Files of rows read batch by batch, whatever their format and their size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from service.errors import Fault

ROWS = 2**17
# Of a batch, in all its columns: rows may be wide.
ELEMENTS = 2**21


def rows_at_once(columns: int, most: int) -> int:
    """How many rows of so many columns make a batch, at most `most`."""
    return max(1, min(most, ELEMENTS // max(1, columns)))


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of strings.

    Attributes:
        values: the distinct ones.
        codes: (n,) the number of each row's.
    """

    values: tuple[str, ...]
    codes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """A column as it is written."""
        seen: dict[str, int] = {}
        codes = (seen.setdefault(text, len(seen)) for text in texts)
        return cls(codes=np.fromiter(codes, np.int64, len(texts)), values=tuple(seen))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some rows of a file.

    Attributes:
        rows: (n,) their numbers in the file, from 0.
        numbers: (n, C) of the columns asked for; NaN where a cell is empty.
        texts: columns of strings by name.
        share: of the file that has been read with them.
        lines: (n,) of the file, from 1, where it has lines.
        bad: rows that cannot be read, or lack a text, which are not among the others.
    """

    rows: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64]
    texts: dict[str, Words]
    share: float
    lines: npt.NDArray[np.int64] | None = None
    bad: list[tuple[int, Fault]] = field(default_factory=list)


class Source(Protocol):
    """A file of rows.

    Attributes:
        names: of its columns.
    """

    names: tuple[str, ...]

    def batches(self, numbers: Sequence[str], texts: Sequence[str]) -> Iterator[Batch]:
        """All rows in order.

        Args:
            numbers: columns of numbers, in the order wanted; all of them are there.
            texts: columns of strings.

        Raises:
            MalformedBody: the file is damaged, or cut short.
            InvalidInput: a column is of another type.
        """


def open_source(path: Path) -> Source:
    """A file of the format that its suffix says: Parquet, Arrow, NDJSON, or else CSV.

    Raises:
        Missing: the package that reads it is not installed.
        MalformedBody: it is not of that format.
    """
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq", ".arrow", ".feather", ".ipc", ".arrows"):
        from service.wire.arrow import ArrowFile, ParquetFile

        return ParquetFile(path) if suffix in (".parquet", ".pq") else ArrowFile(path)
    from service.wire.text import CsvFile, NdjsonFile

    return NdjsonFile(path) if suffix in (".ndjson", ".jsonl") else CsvFile(path)
