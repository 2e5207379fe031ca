"""Slices: the rows that share a value in a column that was sent along."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput, cell
from service.evaluation.grouped import Grouped
from service.losses.truth import shape_fault

MAX_COLUMNS = 20
MAX_VALUES = 1000

Indices = npt.NDArray[np.int64]
Value = str | int | bool
G = TypeVar("G", bound=Grouped)


@dataclass(frozen=True, slots=True)
class Factor:
    """A categorical column.

    Attributes:
        values: the distinct ones, as they first occur.
        codes: (n,) the number of each row's value.
    """

    values: tuple[Value, ...]
    codes: Indices

    def among(self, rows: Indices | slice) -> "Factor":
        """The column of some of the rows, with the values that occur there."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        return Factor(tuple(self.values[code] for code in used), codes)

    def __len__(self) -> int:
        return self.codes.size


Columns = Mapping[str, Sequence[Value] | npt.NDArray[Any] | Factor]


def factors(columns: Columns, count: int) -> dict[str, Factor]:
    """Checks categorical columns.

    Args:
        columns: by name, N values each: all strings, all integers or all booleans.
        count: N.

    Raises:
        InvalidInput: naming the first bad cell of each column.
    """
    if len(columns) > MAX_COLUMNS:
        text = f"slices has {len(columns)} columns; {MAX_COLUMNS} are allowed"
        raise InvalidInput.at("/slices", Code.TOO_MANY_SLICES, text)
    found: dict[str, Factor] = {}
    faults: list[Fault] = []
    for name, column in columns.items():
        try:
            found[name] = factor(f"slices/{name}", column, count)
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return found


def factor(member: str, column: Sequence[Value] | npt.NDArray[Any] | Factor, count: int) -> Factor:
    """Checks a categorical column.

    Args:
        member: its name in the request, with a slash before the name of a column in an object.
        column: N values, all strings, all integers or all booleans.
        count: N.

    Raises:
        InvalidInput: another length, or a cell of another kind.
    """
    path = member.split("/", 1)
    _, name = cell(*path)
    array = column if isinstance(column, np.ndarray) else None
    shape = (len(column),) if array is None else array.shape
    if shape != (count,):
        fault = shape_fault(name, np.empty(shape, np.bool_), (count,), f"{count} rows")
        assert fault is not None
        raise InvalidInput.at(cell(*path)[0], fault.code, fault.detail)
    if isinstance(column, Factor):
        return column
    values = column if array is None else array.tolist()
    seen: dict[Value, int] = {}
    kinds = set(map(type, values))
    if len(kinds) > 1 or not kinds <= {str, int, bool}:
        kind = type(values[0]) if type(values[0]) in (str, int, bool) else str
        row = next(i for i, value in enumerate(values) if type(value) is not kind)
        pointer, place = cell(*path, row)
        text = f"{place} is of another kind; a column holds strings, integers or booleans alone"
        raise InvalidInput.at(pointer, Code.INVALID_OPTION, text)
    codes = np.fromiter((seen.setdefault(value, len(seen)) for value in values), np.int64, count)
    return Factor(tuple(seen), codes)


class Slices(Generic[G]):
    """Sums by the values of a column.

    Args:
        kind: of the sums, made for no group yet.

    Attributes:
        values: the distinct ones, as they came, and their numbers.
        sums: by value.
    """

    __slots__ = ("kind", "sums", "values")
    __hash__ = None  # type: ignore[assignment]  # slices change

    def __init__(self, kind: type[G]) -> None:
        self.kind = kind
        self.values: dict[Value, int] = {}
        self.sums = kind(0)

    def admit(self, column: str, values: Sequence[Value]) -> None:
        """Checks that more values fit in.

        Raises:
            InvalidInput: there are too many, or they are of another kind.
        """
        union(column, self.values, values)

    def codes(self, factor: Factor) -> Indices:
        """(n,) the numbers here of the values of rows; new ones are given room."""
        return np.array(self._codes(factor.values), np.int64)[factor.codes]

    def merge(self, other: "Slices[G]") -> None:
        """Adds what other slices of the same column have seen."""
        self.sums.merge(other.sums, self._codes(tuple(other.values)))

    def in_order(self) -> "Slices[G]":
        """The same slices with their values sorted."""
        ordered = Slices(self.kind)
        ordered._codes(sorted(self.values))
        ordered.merge(self)
        return ordered

    def to_json(self) -> dict[str, Any]:
        """The one form that equal slices share, in whatever order values came."""
        ordered = self.in_order()
        return {"values": list(ordered.values), **ordered.sums.to_json()}

    @classmethod
    def from_json(cls, kind: type[G], column: str, stored: dict[str, Any]) -> Self:
        """Reads back what `to_json` gave.

        Raises:
            ValueError: it is none.
        """
        slices, values = cls(kind), stored["values"]
        if type(column) is not str or not {*map(type, values)} <= {str, int, bool}:
            raise ValueError("a column has a name, and values")
        slices.admit(column, values)
        slices._codes(values)
        slices.sums = kind.from_json(stored, len(values))
        return slices

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slices) and self.to_json() == other.to_json()

    def _codes(self, values: Sequence[Value]) -> list[int]:
        codes = [self.values.setdefault(value, len(self.values)) for value in values]
        self.sums.grow(len(self.values))
        return codes


def union(column: str, known: Collection[Value], more: Collection[Value]) -> list[Value]:
    """The distinct values of a column, those known first.

    Raises:
        InvalidInput: there are too many, or they are of another kind than those known.
    """
    pointer, name = cell("slices", column)
    together = (*known, *more)
    if len(set(map(type, together))) > 1:
        text = f"{name} is of another kind than in the batches before"
        raise InvalidInput.at(pointer, Code.INVALID_OPTION, text)
    values = list(dict.fromkeys(together))
    if len(values) > MAX_VALUES:
        text = f"{name} has more than {MAX_VALUES} values; group the rare ones"
        raise InvalidInput.at(pointer, Code.TOO_MANY_SLICES, text)
    return values


def check_columns(known: Collection[str], more: Collection[str]) -> None:
    """Checks how many columns of slices there are in all.

    Raises:
        InvalidInput: too many.
    """
    if len({*known, *more}) > MAX_COLUMNS:
        text = f"there are more than {MAX_COLUMNS} columns of slices in all"
        raise InvalidInput.at("/slices", Code.TOO_MANY_SLICES, text)


def admit(
    slices: dict[str, Slices[G]], kind: type[G], columns: Mapping[str, Sequence[Value]]
) -> None:
    """Makes room for columns of slices, after a look at whether they all fit in.

    Args:
        slices: by column, to which new ones are added.
        kind: of their sums.
        columns: the values by column; one without any needs no room.

    Raises:
        InvalidInput: they do not fit; nothing has been added.
    """
    check_columns(slices, columns)
    found = {name: slices.get(name) or Slices(kind) for name in columns if columns[name]}
    for name, each in found.items():
        each.admit(name, columns[name])
    slices |= found
