"""CSV to arrays: one header, every number exactly as it is spelled, nothing guessed.

A file is UTF-8 with or without a byte order mark, its first line the distinct names of the columns,
its separator the comma, its quote the double quote (RFC 4180). A missing value is an error, since
no number stands for it. Rows are counted from 0, lines of the file from 1.
"""

import csv
import io
import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from service.errors import MAX_NAME, Code, InvalidInput, MalformedBody, TooLarge, cell, listed

CSV = "text/csv"
MAX_HEADER = 2**20

# What numbers and the commas between them consist of: of such text `float` takes decimal numbers
# only, no nan, no infinity, no underscores, no blanks, no digits of other scripts.
_PLAIN = re.compile(r"[0-9eE+\-.,]*")
_INFINITE = {np.inf, -np.inf}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The columns of a file that were asked for.

    Attributes:
        names: of the numeric columns, C of them.
        numbers: shape (N, C), finite.
        texts: by column name, the N strings of the columns that are to be texts.
    """

    names: tuple[str, ...]
    numbers: npt.NDArray[np.float64]
    texts: dict[str, list[str]]


def parse_csv(
    body: bytes | memoryview,
    *,
    texts: Collection[str] = (),
    numbers: Sequence[str] | None = None,
    ignored: Collection[str] = (),
    max_elements: int,
) -> Table:
    """The columns of a CSV file.

    Args:
        body: the file.
        texts: names of columns that are strings, such as the labels.
        numbers: names of the numeric columns, in the order wanted; None is all other columns.
        ignored: names of columns that are not read.
        max_elements: numbers and texts together.

    Returns:
        The table, each number the float64 nearest to what is written.

    Raises:
        MalformedBody: no UTF-8, no header, a quote that does not end, a row of another length.
        InvalidInput: a column that is missing or named twice, a cell that is empty or no number,
            with its row, its line and its column.
        TooLarge: more elements than allowed.
    """
    lines = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="")
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise malformed("its first line must name the columns")
        columns = check_columns(header, texts, numbers, ignored)
        return _read(whole_rows(reader, header), header, columns, sorted(texts), max_elements)
    except UnicodeDecodeError:
        raise malformed("it is not UTF-8") from None
    except csv.Error as error:
        raise malformed(f"line {reader.line_num}: {error}") from None


def check_columns(
    header: Sequence[str],
    texts: Collection[str],
    numbers: Sequence[str] | None,
    ignored: Collection[str],
) -> tuple[str, ...]:
    """The names of the numeric columns of a table.

    Args:
        header: the names of all its columns.
        texts: names of columns that are strings.
        numbers: names of the numeric columns; None is all other columns.
        ignored: names of columns that are not read.

    Raises:
        InvalidInput: a column without a name, named twice, or missing.
    """
    for place, name in enumerate(header):
        if not name.strip() or name in header[:place]:
            what = "has the name of another" if name.strip() else "has no name"
            pointer, _ = cell("columns", place)
            raise InvalidInput.at(pointer, Code.DUPLICATE_MEMBER, f"column {place + 1} {what}")
    rest = tuple(name for name in header if name not in texts and name not in ignored)
    chosen = rest if numbers is None else tuple(numbers)
    for name in (*texts, *ignored, *chosen):
        if name not in header:
            pointer, _ = cell("columns", name)
            detail = f"there is no column {name[:MAX_NAME]}; there is {listed(header)}"
            raise InvalidInput.at(pointer, Code.MISSING_MEMBER, detail)
    return chosen


def label_names(texts: Sequence[str]) -> npt.NDArray[np.int64] | npt.NDArray[np.str_]:
    """Labels as integers where every one of them is spelled as an integer, else as they are.

    Args:
        texts: the strings of a column, N of them.
    """
    kinds = set(texts)
    if kinds and all(_INTEGER.fullmatch(text) for text in kinds):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return np.array(texts, dtype=np.str_)


Row = tuple[int, list[str]]


def whole_rows(reader: Iterator[list[str]], header: Sequence[str]) -> Iterator[Row]:
    """The rows with the numbers of their lines, each as long as the header."""
    for line, cells in numbered_rows(reader):
        if len(cells) != len(header):
            raise malformed(f"line {line} {wrong_length(cells, header)}")
        yield line, cells


def numbered_rows(reader: Iterator[list[str]]) -> Iterator[Row]:
    """The rows with the numbers of the lines that they begin on."""
    line: int = reader.line_num + 1  # type: ignore[attr-defined]
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1  # type: ignore[attr-defined]


def wrong_length(cells: Sequence[str], header: Sequence[str]) -> str:
    """What is wrong with a row that is not as long as the header."""
    held = f"has {len(cells)} cells" if cells else "is empty"
    return f"{held}; the first line has {len(header)}"


def _read(
    rows: Iterator[Row],
    header: Sequence[str],
    names: tuple[str, ...],
    texts: Sequence[str],
    max_elements: int,
) -> Table:
    places, others = ([header.index(name) for name in chosen] for chosen in (names, texts))
    whole = places == list(range(len(header)))
    found, words = array("d"), {name: list[str]() for name in texts}
    width = len(names) + len(texts)
    for row, (line, cells) in enumerate(rows):
        if (row + 1) * width > max_elements:
            text = f"the table holds more elements than XENT_MAX_ELEMENTS, {max_elements}"
            raise TooLarge(Code.TOO_MANY_ELEMENTS, text)
        for name, place in zip(texts, others, strict=True):
            if not cells[place].strip():
                _refuse(row, line, name, Code.MISSING_VALUE, "is empty")
            words[name].append(cells[place])
        chosen = cells if whole else [cells[place] for place in places]
        values = numbers_of(chosen)
        if values is None:
            for name, text in zip(names, chosen, strict=True):
                if numbers_of([text]) is None:
                    _refuse(row, line, name, *what_is_wrong(text))
        else:
            found.extend(values)
    # an array is writable, and a result is not
    matrix = np.frombuffer(found, np.float64) if found else np.empty(0)
    matrix.setflags(write=False)
    return Table(names, matrix.reshape(-1, len(names)) if names else matrix, words)


def numbers_of(cells: list[str]) -> list[float] | None:
    """Finite decimal numbers, or None where one of them is not."""
    if not _PLAIN.fullmatch(",".join(cells)):
        return None
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    return values if _INFINITE.isdisjoint(values) else None


def what_is_wrong(text: str) -> tuple[Code, str]:
    """Why a cell is no number."""
    if not text.strip():
        return Code.MISSING_VALUE, "is empty; a missing value has to be filled in or left out"
    try:
        beyond = _PLAIN.fullmatch(text) is not None and not np.isfinite(float(text))
    except ValueError:
        beyond = False
    if beyond:
        return Code.INFINITE_VALUE, "is a number beyond float64"
    return Code.NOT_A_NUMBER, "is no decimal number"


def _refuse(row: int, line: int, name: str, code: Code, what: str) -> NoReturn:
    pointer, _ = cell("rows", row, name)
    where = f"row {row} (line {line}), column {name[:MAX_NAME]}"
    raise InvalidInput.at(pointer, code, f"{where}, {what}")


def malformed(text: str) -> MalformedBody:
    """The error of a file that is no CSV."""
    return MalformedBody(Code.INVALID_CSV, f"the file is not CSV: {text}")
