"""A line or part of a stream, from its bytes to rows that fit those before."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from service.api.request import validate
from service.api.schemas.streams import StreamLine, StreamStart
from service.api.schemas.types import array_members
from service.errors import Code, InvalidInput, XentError, cell
from service.losses.options import exactly_one
from service.losses.rows import floating
from service.losses.truth import check_shape
from service.settings import Settings
from service.wire import parse_arrays, parse_tensors, try_parse_objects

ARRAYS = array_members(StreamStart)
KINDS = (str, int, bool)

Line = TypeVar("Line", bound=StreamLine)


@dataclass(frozen=True, slots=True)
class Unit:
    """The rows of a line or part, or of lines that are one row each.

    Attributes:
        numbers: of the line or part, from 1; of the line of each row where they are single.
        first: number in the stream of its first row.
        single: whether a line is one row without the outer brackets.
        batch: its rows.
        form: what the rows of a stream have in common.
    """

    numbers: list[int]
    first: int
    single: bool
    batch: dict[str, Any]
    form: tuple[Any, ...]

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.batch["labels"])

    def joins(self, before: "Unit") -> bool:
        """Whether rows stay what they are beside others: types decide over labels and sums."""
        return all(
            value.dtype == before.batch[name].dtype
            for name, value in self.batch.items()
            if isinstance(value, np.ndarray)
        )

    def place(self, row: int) -> tuple[int, int, int | None]:
        """Of a row: its line or part, its number in the stream, and that in a line of several."""
        number = self.numbers[row if self.single else 0]
        return number, self.first + row, None if self.single else row


def read_line(body: bytes, kind: str, model: type[Line], settings: Settings) -> Line:
    """The members of a line or part.

    Raises:
        XentError: whatever is wrong with it.
    """
    if kind == "line":
        return validate(model, parse_arrays(body, *ARRAYS), settings)
    elements, header = settings.max_elements, settings.max_line_bytes
    members = parse_tensors(body, *ARRAYS, max_elements=elements, max_header=header)
    return validate(model, members, settings)


def single_rows(lines: list[tuple[int, bytes]], first: int, settings: Settings) -> Unit | None:
    """Lines of a row each as one unit, ten times as fast as one by one.

    Returns:
        The unit, or `None` where one of the lines is not plainly such a row: look at each.
    """
    rows = try_parse_objects([body for _, body in lines])
    if not rows or not _are_single(rows):
        return None
    merged: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    if "slices" in merged:
        names = merged["slices"][0]
        merged["slices"] = {name: [s[name] for s in merged["slices"]] for name in names}
    try:
        unit = unit_of(validate(StreamLine, merged, settings), 0, first)
    except XentError:
        return None
    return replace(unit, numbers=[number for number, _ in lines], single=True)


def _are_single(rows: list[dict[str, Any]]) -> bool:
    """Whether all have the members of the first, and no outer brackets."""
    names, slices = rows[0].keys(), rows[0].get("slices", {})
    if any(row.keys() != names or isinstance(row.get("labels"), list) for row in rows):
        return False
    if "slices" not in names:
        return True
    return isinstance(slices, dict) and all(
        isinstance(row["slices"], dict) and row["slices"].keys() == slices.keys() for row in rows
    )


def unit_of(line: StreamLine, number: int, first: int) -> Unit:
    """Its rows, all members in the shape of a batch.

    Raises:
        InvalidInput: the members do not belong together.
    """
    member, sent = exactly_one(logits=line.logits, probabilities=line.probabilities)
    if line.labels is None:
        raise InvalidInput.at("/labels", Code.MISSING_MEMBER, "labels is needed")
    if sent.ndim not in (1, 2) or not sent.shape[-1]:
        text = f"{member} is neither a row (K,) nor rows (n, K)"
        raise InvalidInput.at(f"/{member}", Code.SHAPE_MISMATCH, text)
    samples, single = sent.shape[:-1], sent.ndim == 1
    columns = {"labels": line.labels, "sample_weights": line.sample_weights}
    given = {name: column for name, column in columns.items() if column is not None}
    for name, column in given.items():
        check_shape(name, column, samples, f"the shape of {member} without classes")
    rows = np.ascontiguousarray(floating(sent.reshape(-1, sent.shape[-1])))
    size = len(rows)
    batch: dict[str, Any] = {
        member: rows,
        **{name: column.reshape(-1) for name, column in given.items()},
    }
    ids, named = line.row_ids, line.row_ids is not None
    batch["row_ids"] = (
        _column(("row_ids",), ids, size, single) if named else np.arange(first, first + size)
    )
    batch["slices"] = {
        name: _column(("slices", name), column, size, single)
        for name, column in (line.slices or {}).items()
    }
    kinds = {name: _kind(column) for name, column in batch["slices"].items()}
    weighted = line.sample_weights is not None
    form = (member, rows.shape[1], weighted, _kind(batch["row_ids"]) if named else None, kinds)
    return Unit([number], first, single, batch, form)


def check_form(form: tuple[Any, ...], before: tuple[Any, ...]) -> None:
    """Checks that rows have what the rows before have.

    Raises:
        InvalidInput: other members, another number of classes, another kind of value.
    """
    words = ("the predictions", "the number of classes", "sample_weights", "row_ids", "slices")
    for word, now, then in zip(words, form, before, strict=True):
        if now != then:
            text = f"{word}: not as in the lines or parts before; all have the same members"
            raise InvalidInput.at("", Code.SHAPE_MISMATCH, text)


def _column(path: tuple[str, ...], value: Any, size: int, single: bool) -> Any:
    """A value for each row, all of one kind."""
    pointer, name = cell(*path)
    values = [value] if single else value
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list) or len(values) != size:
        text = f"{name} is not one value for each of the {size} rows"
        raise InvalidInput.at(pointer, Code.SHAPE_MISMATCH, text)
    for row, item in enumerate(values):
        if type(item) not in KINDS or type(item) is not type(values[0]):
            pointer, name = cell(*path, *([] if single else [row]))
            text = f"{name} is of another kind; there are strings, integers or booleans alone"
            raise InvalidInput.at(pointer, Code.INVALID_OPTION, text)
    return values


def _kind(column: Any) -> Any:
    return type(column[0]) if len(column) else None
