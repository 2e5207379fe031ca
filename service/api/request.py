"""From a body to a checked object: limits, and pydantic's errors as ours."""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.types import Receive

from service.api.problems import MAX_FAULTS
from service.errors import Code, Fault, InvalidInput, TooLarge, XentError, cell
from service.settings import Settings

ROW_MEMBERS = (
    "logits",
    "probabilities",
    "log_probabilities",
    "baseline_logits",
    "baseline_probabilities",
    "candidate_logits",
    "candidate_probabilities",
)

Model = TypeVar("Model", bound=BaseModel)


class Incomplete(XentError):
    """The client went away before its body was whole."""


# Up to here the pieces of a body are put together at the end; beyond, that would hold the loop, and
# each goes to its place as it comes.
JOINED_BYTES = 2**20


async def read_body(
    receive: Receive, limit: int, setting: str, announced: int | None = None
) -> bytes | memoryview:
    """The body, never more of it in memory than the limit.

    Args:
        receive: gives its pieces.
        limit: of its bytes.
        setting: the name of that limit.
        announced: how many bytes the client said it has, within the limit.

    Raises:
        TooLarge: sent beyond the limit.
        Incomplete: the client went away.
    """
    chunks: list[bytes] = []
    size = 0
    place: memoryview | None = None
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Incomplete(Code.BAD_REQUEST, "the body did not arrive whole")
        chunk = message.get("body", b"")
        begin, size = size, size + len(chunk)
        if size > limit:
            raise too_large(limit, setting)
        if place is None and size > JOINED_BYTES:
            # memory that is not touched is not taken
            place = np.empty(limit if announced is None else announced, np.uint8).data
            place[:begin] = b"".join(chunks)
        if place is None:
            chunks.append(chunk)
        else:
            place[begin:size] = chunk
        if not message.get("more_body", False):
            if place is not None:
                return place[:size].toreadonly()
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(limit: int, setting: str) -> TooLarge:
    """The error of a body over its limit."""
    text = f"the body is over the limit {setting} of {limit} bytes"
    return TooLarge(Code.BODY_TOO_LARGE, text)


def validate(model: type[Model], fields: dict[str, Any], settings: Settings) -> Model:
    """The object of a call: known members, right types, options in bounds, sizes within limits.

    A null member is an absent one.

    Raises:
        InvalidInput: with one fault for each offending member.
        TooLarge: more elements or classes than the limits allow.
    """
    known = model.__pydantic_fields__
    present = {name: v for name, v in fields.items() if v is not None and name in known}
    unknown: list[str] = []
    if len(present) < len(fields):
        unknown = [name for name in fields if name not in known]
    faults = [_unknown(name, known) for name in unknown[:MAX_FAULTS]] if unknown else []
    try:
        value: Model = model.__pydantic_validator__.validate_python(present)
    except ValidationError as error:
        faults.extend(faults_of(error))
    if faults:
        raise InvalidInput(faults, uncounted=len(unknown[MAX_FAULTS:]))
    _check_sizes(value, settings)
    return value


def _unknown(name: str, known: Iterable[str]) -> Fault:
    pointer, shown = cell(name[:64])
    text = f"{shown} is no member of this request; it takes {', '.join(known)}"
    return Fault(pointer, Code.UNKNOWN_MEMBER, text)


def faults_of(error: ValidationError) -> Iterable[Fault]:
    """One fault for each member that pydantic refuses."""
    by_member: dict[str, list[ErrorDetails]] = {}
    for entry in error.errors(include_url=False, include_input=False):
        by_member.setdefault(str(entry["loc"][0]) if entry["loc"] else "", []).append(entry)
    for member, entries in by_member.items():
        cause = entries[0].get("ctx", {}).get("error")
        if isinstance(cause, InvalidInput):
            yield from cause.faults
        elif entries[0]["type"] == "missing":
            yield Fault(f"/{member}", Code.MISSING_MEMBER, f"{member} is needed")
        else:
            yield _invalid_option(member, entries)


def _invalid_option(member: str, entries: list[ErrorDetails]) -> Fault:
    """The fault of a member, at the cell that the best branch of its union came to."""
    # only positions and names of members, never words of a union's branches or values
    positions = [tuple(s for s in entry["loc"][1:] if isinstance(s, int)) for entry in entries]
    furthest = max(positions)
    messages = dict.fromkeys(
        entry["msg"].removeprefix("Value error, ")
        for entry, place in zip(entries, positions, strict=True)
        if place == furthest
    )
    text = " or ".join(messages).replace(" or Input should be ", " or ")
    pointer, name = cell(member, *furthest) if member else ("", "")
    return Fault(pointer, Code.INVALID_OPTION, f"{name}: {text}".lstrip(": "))


def _check_sizes(value: BaseModel, settings: Settings) -> None:
    elements, empty = 0, False
    for member in value.__dict__.values():
        if isinstance(member, np.ndarray):
            elements += member.size
            empty |= not member.size  # of no rows, and any number of classes
    if elements <= settings.max_classes <= settings.max_elements and not empty:
        return
    if elements > settings.max_elements:
        limit = settings.max_elements
        text = f"the arrays hold {elements} elements; the limit XENT_MAX_ELEMENTS is {limit}"
        raise TooLarge(Code.TOO_MANY_ELEMENTS, text)
    axis = value.__dict__.get("axis", -1)
    for name in ROW_MEMBERS:
        array = value.__dict__.get(name)
        if not isinstance(array, np.ndarray) or not -array.ndim <= axis < array.ndim:
            continue
        if array.shape[axis] > settings.max_classes:
            limit = settings.max_classes
            text = f"{name} has {array.shape[axis]} classes; the limit XENT_MAX_CLASSES is {limit}"
            raise TooLarge(Code.TOO_MANY_CLASSES, text)
