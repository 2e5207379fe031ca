"""Parquet and Arrow files, batch by batch: columns to arrays without an object for a cell."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import MAX_NAME, Code, Fault, InvalidInput, MalformedBody, Missing, cell
from service.wire.batches import ROWS, Batch, Words, rows_at_once

MAGIC = b"ARROW1"
# Of a column, and of all of them, read at a time: otherwise a row group is read whole. With the
# buffering ahead that is pyarrow's default none is given back before the file ends.
BUFFER, BUFFERS = 2**20, 2**26


@contextmanager
def _reading(code: Code, what: str) -> Iterator[Any]:
    """The package, its errors as ours."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise Missing.package("parquet", "Parquet and Arrow") from None
    try:
        yield pa
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise MalformedBody(code, f"the file is not {what}, is damaged, or is cut short") from error


class ParquetFile:
    """A Parquet file; see `service.wire.batches.Source`."""

    def __init__(self, path: Path) -> None:
        with (
            _reading(Code.INVALID_PARQUET, "Parquet") as pa,
            pa.parquet.ParquetFile(path) as file,
        ):
            self._metadata, self._schema = file.metadata, file.schema_arrow
        self._path = path
        self.names = tuple(self._schema.names)

    def batches(self, numbers: Sequence[str], texts: Sequence[str]) -> Iterator[Batch]:
        """See `Source`."""
        with _reading(Code.INVALID_PARQUET, "Parquet") as pa:
            columns = list(dict.fromkeys((*numbers, *texts)))
            check_types(self._schema, numbers, texts, pa)
            buffer = max(1, min(BUFFER, BUFFERS // len(columns)))
            size, count, first = rows_at_once(len(columns), ROWS), self._metadata.num_rows, 0
            with pa.parquet.ParquetFile(
                self._path, metadata=self._metadata, buffer_size=buffer, pre_buffer=False
            ) as file:
                for batch in file.iter_batches(size, columns=columns, use_threads=False):
                    share = (first + batch.num_rows) / count
                    yield batch_of(batch, first, numbers, texts, share)
                    first += batch.num_rows


class ArrowFile:
    """An Arrow file or stream (IPC); see `service.wire.batches.Source`."""

    def __init__(self, path: Path) -> None:
        with _reading(Code.INVALID_ARROW, "Arrow") as pa:
            self._source = pa.memory_map(str(path))
            self._random = self._source.read(len(MAGIC)) == MAGIC
            self._source.seek(0)
            opened = pa.ipc.open_file if self._random else pa.ipc.open_stream
            self._reader = opened(self._source)
            self.names = tuple(self._reader.schema.names)

    def batches(self, numbers: Sequence[str], texts: Sequence[str]) -> Iterator[Batch]:
        """See `Source`."""
        with _reading(Code.INVALID_ARROW, "Arrow") as pa:
            check_types(self._reader.schema, numbers, texts, pa)
            size, first = rows_at_once(len({*numbers, *texts}), ROWS), 0
            for whole, share in self._records():
                for start in range(0, whole.num_rows, size):
                    batch = whole.slice(start, size)
                    yield batch_of(batch, first, numbers, texts, share)
                    first += batch.num_rows

    def _records(self) -> Iterator[tuple[Any, float]]:
        if self._random:
            count = self._reader.num_record_batches
            for number in range(count):
                yield self._reader.get_batch(number), (number + 1) / count
            return
        for batch in self._reader:
            yield batch, self._source.tell() / max(1, self._source.size())


def check_types(schema: Any, numbers: Sequence[str], texts: Sequence[str], pa: Any) -> None:
    """Refuses columns that cannot be what they are to be.

    Raises:
        InvalidInput: naming the first.
    """
    kinds = pa.types
    for name in numbers:
        kind = schema.field(name).type
        if not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind)):
            raise _refused(name, Code.NOT_A_NUMBER, f"does not hold numbers, but {kind}")
    for name in texts:
        kind = schema.field(name).type
        kind = kind.value_type if kinds.is_dictionary(kind) else kind
        strings = kinds.is_string(kind) or kinds.is_large_string(kind)
        if not (strings or kinds.is_integer(kind) or kinds.is_boolean(kind)):
            text = f"holds neither strings nor integers, but {kind}"
            raise _refused(name, Code.NOT_A_LABEL, text)


def batch_of(
    batch: Any, first: int, numbers: Sequence[str], texts: Sequence[str], share: float
) -> Batch:
    """A record batch as arrays, without the rows that lack a text."""
    rows = np.arange(first, first + batch.num_rows)
    bad = _without_text(batch, rows, texts)
    if bad:
        kept = np.flatnonzero(~np.isin(rows, [row for row, _ in bad]))
        batch, rows = batch.take(kept), rows[kept]
    matrix = np.empty((len(numbers), batch.num_rows))
    for place, name in enumerate(numbers):
        matrix[place] = _numbers(batch.column(name))
    words = {name: _words(batch.column(name)) for name in texts}
    return Batch(rows, matrix.T, words, share, bad=bad)


def _without_text(
    batch: Any, rows: npt.NDArray[np.int64], texts: Sequence[str]
) -> list[tuple[int, Fault]]:
    """The rows that have no value in a column of texts, each by the first of these."""
    found: dict[int, Fault] = {}
    for name in texts:
        column = batch.column(name)
        if hasattr(column, "dictionary") and column.dictionary.null_count:
            column = column.dictionary_decode()
        if not column.null_count:
            continue
        for row in rows[column.is_null().to_numpy(zero_copy_only=False)].tolist():
            pointer, _ = cell("rows", row, name)
            text = f"row {row}, column {name[:MAX_NAME]}, is missing"
            found.setdefault(row, Fault(pointer, Code.MISSING_VALUE, text))
    return sorted(found.items())


def _numbers(column: Any) -> npt.NDArray[Any]:
    """NaN for what is missing."""
    if column.null_count or column.type.bit_width < 8 or column.type.bit_width == 16:
        column = column.cast("float64")
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _words(column: Any) -> Words:
    """Each distinct value once as a string."""
    if not hasattr(column, "dictionary"):
        column = column.dictionary_encode()
    values = Words.of([str(value) for value in column.dictionary.to_pylist()])
    codes = column.indices.to_numpy(zero_copy_only=False)
    return Words(values.values, values.codes[codes])  # a dictionary may name a value twice


def _refused(name: str, code: Code, what: str) -> InvalidInput:
    pointer, _ = cell("columns", name)
    return InvalidInput.at(pointer, code, f"column {name[:MAX_NAME]} {what}")
