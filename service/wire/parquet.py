"""Parquet to arrays, by the rules of CSV: every cell a finite number, or a text, none missing."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from service.errors import MAX_NAME, Code, InvalidInput, MalformedBody, Missing, TooLarge, cell
from service.wire.csv import Table, check_columns


def parse_parquet(
    body: bytes | memoryview,
    *,
    texts: Collection[str] = (),
    numbers: Sequence[str] | None = None,
    ignored: Collection[str] = (),
    max_elements: int,
) -> Table:
    """The columns of a Parquet file; the arguments and the result are those of `parse_csv`.

    Integers and booleans become float64; texts may be strings or integers.

    Raises:
        Missing: the package pyarrow is not installed.
        MalformedBody: not Parquet.
        InvalidInput: a column or cell that cannot be what it is to be.
        TooLarge: more elements than allowed; found out before the columns are read.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise Missing.package("parquet", "Parquet") from None
    try:
        file = pa.parquet.ParquetFile(pa.BufferReader(body))
        names = check_columns(file.schema_arrow.names, texts, numbers, ignored)
        wanted = [*names, *sorted(texts)]
        if file.metadata.num_rows * len(wanted) > max_elements:
            text = f"the table holds more elements than XENT_MAX_ELEMENTS, {max_elements}"
            raise TooLarge(Code.TOO_MANY_ELEMENTS, text)
        table = file.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise MalformedBody(Code.INVALID_PARQUET, "the file is not Parquet") from error
    matrix = np.empty((table.num_rows, len(names)))
    for place, name in enumerate(names):
        matrix[:, place] = _numbers(name, table.column(name), pa)
    matrix.setflags(write=False)
    return Table(names, matrix, {name: _texts(name, table.column(name), pa) for name in texts})


def _numbers(name: str, column: Any, pa: Any) -> Any:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise _refused(name, None, Code.NOT_A_NUMBER, "does not hold numbers")
    _check_whole(name, column)
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        nan = bool(np.isnan(values[bad[0]]))
        code = Code.NAN_VALUE if nan else Code.INFINITE_VALUE
        raise _refused(name, int(bad[0]), code, "is NaN" if nan else "is infinite")
    return values


def _texts(name: str, column: Any, pa: Any) -> list[str]:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
    ):
        raise _refused(name, None, Code.NOT_A_LABEL, "holds neither strings nor integers")
    _check_whole(name, column)
    return [str(value) for value in column.to_pylist()]


def _check_whole(name: str, column: Any) -> None:
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise _refused(name, row, Code.MISSING_VALUE, "is missing")


def _refused(name: str, row: int | None, code: Code, what: str) -> InvalidInput:
    pointer, _ = cell("columns", name) if row is None else cell("rows", row, name)
    where = "" if row is None else f"row {row}, "
    return InvalidInput.at(pointer, code, f"{where}column {name[:MAX_NAME]}, {what}")
