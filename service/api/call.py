"""What a call does with a body: bytes to arrays, the computation, its result to bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from pydantic import BaseModel

from service.api.media import Form
from service.api.metrics import rows_of
from service.api.request import validate
from service.settings import Settings
from service.wire import (
    compress,
    decompress,
    dump_json,
    dump_tensors,
    parse_arrays,
    parse_tensors,
)

# Answers shorter than this are not worth compressing.
COMPRESSED_BYTES = 1024

Content = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Call:
    """The function of a call, the model of its body, and the names of the arrays in that.

    Where `keeps` is set, what the function gives is not the answer: the server keeps it.
    """

    function: Callable[..., Any]
    model: type[BaseModel]
    numbers: frozenset[str]
    labels: frozenset[str]
    keeps: bool = False


@dataclass(slots=True)
class Done:
    """An answer, ready to be sent.

    Attributes:
        content: its bytes.
        encoding: under which they are compressed.
        rows: of the request.
        timing: for the header Server-Timing, in milliseconds.
    """

    content: Content
    encoding: str | None
    rows: int
    timing: bytes


@dataclass(slots=True)
class Kept(Done):
    """What the server is to keep before it answers."""

    thing: Any = None


def perform(
    call: Call, parameters: Mapping[str, Any], body: Content, form: Form, settings: Settings
) -> Done:
    """Bytes to arrays, the computation, and its result to bytes.

    Args:
        call: what is computed, and from what.
        parameters: of the path.
        body: as it was sent.
        form: of the body and of its answer.
        settings: with the limits.

    Raises:
        XentError: whatever is wrong with the body.
    """
    start = perf_counter()
    asked = validate(call.model, parse(call, body, form, settings), settings)
    parsed = perf_counter()
    result = call.function(body=asked, **parameters)
    computed = perf_counter()
    if call.keeps:
        timing = _timing(parsed - start, computed - parsed)
        return Kept(b"", None, rows_of(asked), timing, result)
    content = dump_tensors(result) if form.tensors_out else dump_json(result)
    encoding = form.encoding_out
    if form.tensors_out or len(content) < COMPRESSED_BYTES:
        encoding = None
    if encoding is not None:
        content = compress(content, encoding)
    timing = _timing(parsed - start, computed - parsed, perf_counter() - computed)
    return Done(content, encoding, rows_of(asked), timing)


def _timing(parse: float, compute: float, serialize: float = 0.0) -> bytes:
    return b"parse;dur=%.3f, compute;dur=%.3f, serialize;dur=%.3f" % (
        1e3 * parse,
        1e3 * compute,
        1e3 * serialize,
    )


def parse(call: Call, body: Content, form: Form, settings: Settings) -> dict[str, Any]:
    """The object that a body holds, its arrays as arrays.

    Raises:
        XentError: whatever is wrong with the bytes.
    """
    body = inflated(body, form, settings)
    if not form.tensors_in:
        return parse_arrays(bytes(body), call.numbers, call.labels)
    return parse_tensors(
        body,
        call.numbers,
        call.labels,
        max_elements=settings.max_elements,
        max_header=settings.max_json_bytes,
    )


def inflated(body: Content, form: Form, settings: Settings) -> Content:
    """A body without its compression, within the limit.

    Raises:
        XentError: a damaged stream, or one that expands beyond the limit.
    """
    if form.encoding is None:
        return body
    return decompress(body, form.encoding, *limit_of(form, settings))


def limit_of(form: Form, settings: Settings) -> tuple[int, str]:
    """The most bytes that a body may have, and the setting that says so."""
    if form.tensors_in:
        return settings.max_tensor_bytes, "XENT_MAX_TENSOR_BYTES"
    return settings.max_json_bytes, "XENT_MAX_JSON_BYTES"
