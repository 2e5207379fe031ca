"""The safetensors format: a header that says where tensors lie, and their bytes.

A file is 8 bytes that give the length of the header, the header in JSON, and the tensors, one after
the other without a gap. What is read is checked against the size of the file before it is used: no
length in a header makes anything be allocated.

Source: the format's own description, https://huggingface.co/docs/safetensors
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from service.errors import Code, MalformedBody, TooLarge, XentError
from service.wire.json import parse_object

METADATA = "__metadata__"
# The buffer begins at a multiple of this, and so every tensor at one of its item's size.
ALIGNMENT = 64

# NumPy has no bfloat16: its bits become float32 under a dtype that says so, which views, copies and
# new arrays of the same dtype inherit.
BFLOAT16 = np.dtype(np.float32, metadata={"bfloat16": True})
FLOATS = {
    name: np.dtype(kind)
    for name, kind in (("F64", "<f8"), ("F32", "<f4"), ("F16", "<f2"), ("BF16", "<u2"))
}
INTEGERS = {
    f"{kind}{8 * size}": np.dtype(f"<{kind.lower()}{size}")
    for kind in "IU"
    for size in (8, 4, 2, 1)
}
# Read as bytes, since a byte may be neither 0 nor 1.
BOOLEANS = {"BOOL": np.dtype("|u1")}
DTYPES = FLOATS | INTEGERS | BOOLEANS

_NAMES = {kind: name for name, kind in DTYPES.items() if name not in ("BF16", "BOOL")}
_NAMES[np.dtype(np.bool_)] = "BOOL"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a header; of its sizes nothing is known until `check_layout`.

    Attributes:
        name: of the tensor.
        dtype: the format's word for its type, perhaps one that is not in `DTYPES`.
        shape: the lengths of its axes.
        begin: its first byte, counted from the end of the header.
        end: the byte after its last.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @classmethod
    def of(cls, name: str, entry: Any) -> "Tensor":
        """An entry, if it is one.

        Raises:
            MalformedBody: it is not a type, a shape and two offsets.
        """
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise _malformed(f"the entry of {name} is not dtype, shape and data_offsets")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not (isinstance(dtype, str) and _are_sizes(shape) and _are_sizes(offsets)):
            raise _malformed(f"dtype, shape or data_offsets of {name} are of another type")
        if len(offsets) != 2:
            raise _malformed(f"data_offsets of {name} are not two")
        return cls(name, dtype, tuple(shape), *offsets)

    def cells(self, buffer: memoryview) -> npt.NDArray[Any]:
        """A view of the bytes; a copy where they lie across the items' alignment."""
        array: npt.NDArray[Any] = np.ndarray(self.shape, DTYPES[self.dtype], buffer, self.begin)
        return array if array.flags.aligned else array.copy()

    def numbers(self, buffer: memoryview) -> npt.NDArray[Any]:
        """The cells as numbers: of their own floating type, integers as float64."""
        array = self.cells(buffer)
        if self.dtype == "BF16":
            bits = array.astype(np.uint32)
            bits <<= 16  # the upper half of a float32
            return bits.view(BFLOAT16)
        if array.dtype.kind != "f":
            return array.astype(np.float64)
        return array.astype(array.dtype.newbyteorder("="), copy=False)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def header_bytes(body: bytes | memoryview) -> int:
    """How long the header of a file says it is; nothing else has been looked at."""
    return int.from_bytes(body[:8], "little")


def read_file(
    body: bytes | memoryview, max_header: int
) -> tuple[dict[str, str], dict[str, Any], memoryview]:
    """The metadata of a file, the entries of its header, and the bytes of its tensors.

    Args:
        body: the file.
        max_header: bytes of the header.

    Raises:
        MalformedBody: the header is no JSON object, or does not end within the file.
        TooLarge: the header is over its limit.
    """
    length = header_bytes(body)
    if len(body) < 8 or length > len(body) - 8:
        raise _malformed("its header would end beyond the last byte")
    if length > max_header:
        text = f"the header has {length} bytes; the limit XENT_MAX_JSON_BYTES is {max_header}"
        raise TooLarge(Code.BODY_TOO_LARGE, text)
    content = memoryview(body)
    try:
        entries = parse_object(bytes(content[8 : 8 + length]), "the header")
    except XentError as error:
        raise _malformed(error.detail) from None
    metadata = entries.pop(METADATA, {})
    if not isinstance(metadata, dict) or set(map(type, metadata.values())) - {str}:
        raise _malformed(f"{METADATA} is not an object of strings")
    return metadata, entries, content[8 + length :]


def check_layout(tensors: list[Tensor], size: int) -> None:
    """Each tensor is as long as its shape says, and together they are the buffer without a gap.

    Args:
        tensors: of types in `DTYPES`, in any order.
        size: of the buffer.

    Raises:
        MalformedBody: otherwise.
    """
    place = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != place:
            raise _malformed(f"{tensor.name} does not begin where the tensor before it ends")
        if tensor.end - place != math.prod(tensor.shape) * DTYPES[tensor.dtype].itemsize:
            raise _malformed(f"the bytes of {tensor.name} are not as many as its shape needs")
        place = tensor.end
    if place != size:
        raise _malformed("the tensors do not end with the last byte")


def fits(array: npt.NDArray[Any]) -> bool:
    """Whether the format has a word for the type of an array."""
    return _word(array) is not None


def write_file(metadata: Mapping[str, str], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """A file with these tensors, each aligned to its items.

    Args:
        metadata: free strings.
        arrays: of types that fit, of any memory layout.
    """
    laid = {name: _laid(array) for name, array in arrays.items()}
    header: dict[str, Any] = {METADATA: metadata}
    # the widest items first: so each tensor begins at a multiple of its item's size
    order = sorted(laid, key=lambda name: (-laid[name].itemsize, name))
    end = 0
    for name in order:
        begin, end = end, end + laid[name].nbytes
        header[name] = {
            "dtype": _word(arrays[name]),
            "shape": arrays[name].shape,
            "data_offsets": (begin, end),
        }
    text = orjson.dumps(header)
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    return b"".join([len(text).to_bytes(8, "little"), text, *(laid[name].data for name in order)])


def _word(array: npt.NDArray[Any]) -> str | None:
    """The format's word for the type of an array."""
    if "bfloat16" in (array.dtype.metadata or ()):
        return "BF16"
    return _NAMES.get(array.dtype.newbyteorder("<"))


def _laid(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as it lies in a file."""
    if _word(array) != "BF16":
        return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    bits = np.ascontiguousarray(array).view(np.uint32)
    # to the nearest, of two equally near to the even one; a NaN stays one
    up = (bits >> 16 & 1) + np.uint32(0x7FFF)
    up[np.isnan(array)] = 0
    return ((bits + up) >> 16).astype("<u2")


def _malformed(text: str) -> MalformedBody:
    return MalformedBody(Code.INVALID_TENSOR_FILE, f"the body is not a tensor file: {text}")
