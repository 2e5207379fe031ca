"""The types that members are made of: arrays with a schema, numbers that may be infinite."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from service.errors import Code, InvalidInput, cell
from service.wire import labels_from, numbers_from

NON_FINITE: dict[str, Any] = {"type": "string", "enum": ["Infinity", "-Infinity", "NaN"]}
NUMBER: dict[str, Any] = {"anyOf": [{"type": "number"}, NON_FINITE]}


def _written(value: Any) -> Any:
    """Numbers are no times; pydantic would take them for seconds since 1970."""
    if not isinstance(value, str) or _DATE.match(value) is None:
        raise ValueError("a time is written as 2026-11-26T12:00:00Z")
    return value


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]", re.ASCII)
Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written)]
"""A moment, as RFC 3339 writes it."""


class Request(BaseModel):
    """A request object: no unknown members, no coercion between types."""

    # A validator takes a millisecond to build and more: each is built for its first request.
    model_config = ConfigDict(
        extra="forbid", strict=True, arbitrary_types_allowed=True, defer_build=True
    )

    def arguments(self) -> dict[str, Any]:
        """The members that were given."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Answer(BaseModel):
    """An answer object; it describes what is sent, and is not built on the way."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, defer_build=True)


@dataclass(frozen=True, eq=False)  # hashed by identity: Annotated wants a hash
class _Array:
    """Pydantic's view of an array: built by `convert`, described by `cell` nested in arrays."""

    convert: Callable[[str, Any], npt.NDArray[Any]]
    cell: Mapping[str, Any]
    rank: int | None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def convert(value: Any, info: core_schema.ValidationInfo) -> npt.NDArray[Any]:
            if isinstance(value, np.ndarray):
                return value
            return self.convert(str(info.field_name), value)

        return core_schema.with_info_plain_validator_function(convert)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if self.rank is not None:
            nested: dict[str, Any] = dict(self.cell)
            for _ in range(self.rank):
                nested = {"type": "array", "items": nested}
            return nested
        deeper = {"type": "array", "items": {}}
        return {
            "anyOf": [dict(self.cell), {"type": "array", "items": {"anyOf": [self.cell, deeper]}}]
        }


def array_members(model: type[BaseModel]) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the members of a model that are arrays: of numbers, and of labels.

    A member that may also be an object, such as weights by name, is none of them.
    """
    kinds: dict[str, set[str]] = {"numbers": set(), "labels": set()}
    for name, field in model.model_fields.items():
        for array in _arrays_in(field.annotation, field.metadata):
            kinds["labels" if array.convert is labels_from else "numbers"].add(name)
    return frozenset(kinds["numbers"]), frozenset(kinds["labels"])


def _arrays_in(annotation: Any, metadata: Iterable[Any]) -> Iterator[_Array]:
    yield from (entry for entry in metadata if isinstance(entry, _Array))
    for part in get_args(annotation):
        yield from _arrays_in(part, getattr(part, "__metadata__", ()))


def _weights(value: Any, info: core_schema.ValidationInfo) -> Any:
    member = str(info.field_name)
    if not isinstance(value, dict):
        return value if isinstance(value, np.ndarray) else numbers_from(member, value)
    for name, weight in value.items():
        if type(weight) not in (int, float):
            pointer, text = cell(member, name)
            raise InvalidInput.at(pointer, Code.NOT_A_NUMBER, f"{text}: a weight is a number >= 0")
    return value


class _Weights:
    """Numbers in order or by name."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(_weights)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        weight = {"type": "number", "minimum": 0}
        return {
            "anyOf": [
                {"type": "array", "items": weight},
                {"type": "object", "additionalProperties": weight},
            ]
        }


_LABEL = {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "boolean"}]}

Numbers = Annotated[npt.NDArray[np.float64], _Array(numbers_from, NUMBER, None)]
Row = Annotated[npt.NDArray[np.float64], _Array(numbers_from, NUMBER, 1)]
Matrix = Annotated[npt.NDArray[np.float64], _Array(numbers_from, NUMBER, 2)]
Labels = Annotated[npt.NDArray[Any], _Array(labels_from, _LABEL, None)]
Weights = Annotated[Any, _Weights()]
Item = TypeVar("Item")
# Stops at the first bad item: a small body could otherwise ask for a million errors.
Listed = Annotated[list[Item], Field(fail_fast=True)]
Number = float | Literal["Infinity", "-Infinity", "NaN"]
Label = int | str
Next = Annotated[str | None, Field(description="Where the next page is; absent on the last one")]
