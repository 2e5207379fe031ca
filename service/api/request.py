"""From a request to a checked object: media types, limits, and pydantic's errors as ours."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from service.api.problems import MAX_FAULTS
from service.errors import Code, Fault, Faults, InvalidInput, TooLarge, XentError, cell
from service.settings import Settings

JSON = "application/json"
ROW_MEMBERS = ("logits", "probabilities", "log_probabilities")

_NO_QUALITY = re.compile(r"(?:^|;)\s*[qQ]\s*=\s*0(?:\.0*)?\s*(?:;|$)")

Model = TypeVar("Model", bound=BaseModel)


class NotServed(XentError):
    """A media type or encoding that this call does not take or cannot answer in."""


class Incomplete(XentError):
    """The client went away before its body was whole."""


def check_media_types(request: Request) -> None:
    """Refuses a body that is not sent as plain JSON.

    Raises:
        NotServed: for Content-Type or Content-Encoding.
    """
    sent, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if sent.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise NotServed(
            Code.UNSUPPORTED_MEDIA_TYPE, f"the body is to be sent as Content-Type: {JSON}, in UTF-8"
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise NotServed(Code.UNSUPPORTED_ENCODING, "the body is to be sent uncompressed")


def check_accept(request: Request) -> None:
    """Refuses a request that would not take JSON.

    Raises:
        NotServed: `Accept` rules JSON out.
    """
    accepted = ",".join(request.headers.getlist("accept"))
    if not accepted.strip():
        return
    ruled_out = {
        kind.strip().lower(): _NO_QUALITY.search(parameters) is not None
        for kind, _, parameters in (choice.partition(";") for choice in accepted.split(","))
    }
    for kind in (JSON, "application/*", "*/*"):  # the most specific range decides
        if kind in ruled_out:
            if ruled_out[kind]:
                break
            return
    raise NotServed(Code.NOT_ACCEPTABLE, f"answers are {JSON}; Accept rules it out")


def announced_bytes(request: Request, limit: int) -> int:
    """How many bytes the body is going to have; at most `limit`, where its end is left open.

    Raises:
        TooLarge: announced beyond the limit.
    """
    announced = request.headers.get("content-length", "")
    if not announced.isdigit():
        return limit
    if int(announced) > limit:
        raise _too_large(limit)
    return int(announced)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, never more of it in memory than the limit.

    Raises:
        TooLarge: sent beyond the limit.
        Incomplete: the client went away.
    """
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Incomplete(Code.BAD_REQUEST, "the body did not arrive whole")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    text = f"the body is over the limit XENT_MAX_JSON_BYTES of {limit} bytes"
    return TooLarge(Code.BODY_TOO_LARGE, text)


def validate(model: type[Model], fields: dict[str, Any], settings: Settings) -> Model:
    """The object of a call: known members, right types, options in bounds, sizes within limits.

    A null member is an absent one.

    Raises:
        InvalidInput: with one fault for each offending member.
        TooLarge: more elements or classes than the limits allow.
    """
    known = model.model_fields
    unknown = [name for name in fields if name not in known]
    faults = Faults(_unknown(name, known) for name in unknown[:MAX_FAULTS])
    present = {name: v for name, v in fields.items() if v is not None and name in known}
    try:
        value = model.model_validate(present)
    except ValidationError as error:
        faults.extend(_faults_of(error))
    if faults:
        raise InvalidInput(faults, uncounted=len(unknown[MAX_FAULTS:]))
    _check_sizes(value, settings)
    return value


def _unknown(name: str, known: Iterable[str]) -> Fault:
    pointer, shown = cell(name[:64])
    text = f"{shown} is no member of this request; it takes {', '.join(known)}"
    return Fault(pointer, Code.UNKNOWN_MEMBER, text)


def _faults_of(error: ValidationError) -> Iterable[Fault]:
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
    arrays = {name: v for name, v in vars(value).items() if isinstance(v, np.ndarray)}
    elements = sum(array.size for array in arrays.values())
    if elements > settings.max_elements:
        limit = settings.max_elements
        text = f"the arrays hold {elements} elements; the limit XENT_MAX_ELEMENTS is {limit}"
        raise TooLarge(Code.TOO_MANY_ELEMENTS, text)
    axis = getattr(value, "axis", -1)
    for name in ROW_MEMBERS:
        array = arrays.get(name)
        if array is None or not -array.ndim <= axis < array.ndim:
            continue
        if array.shape[axis] > settings.max_classes:
            limit = settings.max_classes
            text = f"{name} has {array.shape[axis]} classes; the limit XENT_MAX_CLASSES is {limit}"
            raise TooLarge(Code.TOO_MANY_CLASSES, text)
