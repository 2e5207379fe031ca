"""Tensor files: read and written as the format's own library does, and nothing malformed passes."""

import contextlib
import json
import struct
import tracemalloc
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from service.errors import Code, InvalidInput, MalformedBody, TooLarge, XentError
from service.wire.safetensors import dump_tensors, parse_tensors

NUMBERS = frozenset({"logits", "weights"})
LABELS = frozenset({"labels"})


def read(body: bytes, elements: int = 10_000, header: int = 10_000) -> dict[str, Any]:
    return parse_tensors(body, NUMBERS, LABELS, max_elements=elements, max_header=header)


def file(header: Any, buffer: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + buffer


def entry(dtype: str, shape: Any, *offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def logits(dtype: str, shape: Any, buffer: bytes) -> bytes:
    return file({"logits": entry(dtype, shape, 0, len(buffer))}, buffer)


class TestReading:
    def test_a_file_of_the_library(self) -> None:
        chance = np.random.default_rng(1)
        for kind in (np.float64, np.float32, np.float16):
            tensors = {
                "logits": chance.normal(size=(7, 3)).astype(kind),
                "labels": chance.integers(0, 3, 7).astype(np.int8),
                "weights": np.ones(7, np.float32),
            }
            metadata = {"request": '{"reduction": "none", "classes": ["a", "b", "c"]}', "by": "me"}
            found = read(safetensors.numpy.save(tensors, metadata))
            assert found.keys() == {"reduction", "classes", "logits", "labels", "weights"}
            assert (found["reduction"], found["classes"]) == ("none", ["a", "b", "c"])
            assert found["logits"].dtype == kind
            assert found["logits"].tobytes() == tensors["logits"].tobytes()
            assert found["labels"].dtype == np.int64
            assert np.array_equal(found["labels"], tensors["labels"])

    def test_arrays_are_views_of_the_body(self) -> None:
        cells = np.arange(1_000_000.0)
        body = safetensors.numpy.save({"logits": cells})
        tracemalloc.start()
        found = read(body, elements=10**6)["logits"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100_000
        assert np.array_equal(found, cells)
        assert found.ctypes.data % 8 == 0
        assert not found.flags.writeable

    def test_misaligned_tensors_are_copied_to_their_place(self) -> None:
        cells = np.arange(5.0)
        for spaces in range(8):
            header = json.dumps({"logits": entry("F64", [5], 0, 40)}).encode() + b" " * spaces
            found = read(file(header, cells.tobytes()))["logits"]
            assert found.flags.aligned
            assert np.array_equal(found, cells)

    def test_every_bfloat16_is_exact(self) -> None:
        bits = np.arange(2**16, dtype="<u2")
        found = read(logits("BF16", [2**16], bits.tobytes()), elements=2**16)["logits"]
        assert found.dtype == np.float32
        for place in range(0, 2**16, 7):
            sign, exponent, fraction = place >> 15, place >> 7 & 0xFF, place & 0x7F
            value = float(found[place])
            if exponent == 0xFF:
                assert np.isnan(value) if fraction else value == (-np.inf if sign else np.inf)
                continue
            scale = Fraction(2) ** ((exponent or 1) - 127)
            exact = (-1) ** sign * scale * (Fraction(fraction, 128) + (exponent > 0))
            assert Fraction(value) == exact
        assert read(logits("BF16", [], bits[16256:16257].tobytes()))["logits"].shape == ()

    @pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
    def test_integers(self, kind: str) -> None:
        limits = np.iinfo(kind)
        cells = np.array([limits.min, 0, 1, limits.max], dtype=kind)
        found = read(safetensors.numpy.save({"logits": cells, "labels": cells}))
        assert found["logits"].dtype == np.float64
        assert found["logits"].tolist() == [float(cell) for cell in cells.tolist()]
        assert found["labels"].dtype == (np.float64 if kind == "u8" else np.int64)
        assert found["labels"].tolist() == cells.tolist() or kind == "u8"

    def test_labels_of_other_types(self) -> None:
        found = read(safetensors.numpy.save({"labels": np.array([[True, False]])}))
        assert found["labels"].dtype == np.bool_
        assert found["labels"].tolist() == [[True, False]]
        small = read(safetensors.numpy.save({"labels": np.array([3], np.uint64)}))
        assert small["labels"].dtype == np.int64
        half = read(safetensors.numpy.save({"labels": np.array([0.5, 1], np.float16)}))
        assert half["labels"].dtype == np.float64
        assert half["labels"].tolist() == [0.5, 1.0]

    def test_not_finite_cells_are_left_to_the_losses(self) -> None:
        cells = np.array([np.nan, np.inf, -np.inf])
        found = read(safetensors.numpy.save({"logits": cells}))["logits"]
        assert found.tobytes() == cells.tobytes()

    def test_shapes_without_cells_and_without_axes(self) -> None:
        found = read(
            safetensors.numpy.save({"logits": np.empty((0, 3)), "labels": np.array(2, np.int64)})
        )
        assert found["logits"].shape == (0, 3)
        assert found["labels"].shape == ()
        assert int(found["labels"]) == 2
        assert read(safetensors.numpy.save({"logits": np.empty(0)}))["logits"].shape == (0,)

    def test_a_file_of_metadata_only(self) -> None:
        assert read(file({"__metadata__": {"request": '{"logits": [[1, 2]], "labels": [0]}'}})) == {
            "logits": [[1, 2]],
            "labels": [0],
        }
        assert read(file({})) == {}

    def test_tensors_may_be_listed_in_any_order(self) -> None:
        body = file(
            {"labels": entry("I8", [2], 8, 10), "logits": entry("F32", [2], 0, 8)},
            struct.pack("<ffbb", 0.5, -1, 1, 0),
        )
        found = read(body)
        assert (found["logits"].tolist(), found["labels"].tolist()) == ([0.5, -1.0], [1, 0])


class TestMalformed:
    HEADERS = (
        [],
        12,
        {"logits": []},
        {"logits": {"dtype": "F64", "shape": [1]}},
        {"logits": {**entry("F64", [1], 0, 8), "more": 1}},
        {"logits": entry("F64", [1], 0)},
        {"logits": entry("F64", [1], 0, 8, 8)},
        {"logits": entry("F64", [1.0], 0, 8)},
        {"logits": entry("F64", [True], 0, 8)},
        {"logits": entry("F64", [-1], 0, 8)},
        {"logits": entry("F64", [-1, -1], 0, 8)},
        {"logits": entry("F64", 1, 0, 8)},
        {"logits": entry("F64", [1], "0", 8)},
        {"logits": entry("F64", [1], -8, 0)},
        {"logits": entry("F64", [1], 8, 0)},
        {"logits": entry("F64", [1], 8, 16)},
        {"logits": entry("F64", [1], 0, 16)},
        {"logits": entry("F64", [2], 0, 8)},
        {"logits": entry("F64", [2], 0, 16)},
        {"logits": entry("F32", [1], 0, 4)},
        {"logits": entry("F64", [2**32, 2**32], 0, 8)},
        {"logits": entry("F64", [2**64 - 1], 0, 8)},
        {"logits": entry("F64", [10**30], 0, 8)},
        {"logits": {"dtype": 5, "shape": [1], "data_offsets": [0, 8]}},
        {"logits": entry("F32", [1], 0, 4), "weights": entry("F32", [1], 0, 4)},
        {"logits": entry("F32", [1], 0, 4), "weights": entry("F16", [1], 6, 8)},
        {"logits": entry("F64", [1], 0, 8), "weights": entry("F32", [1], 4, 8)},
        {"logits": entry("F64", [1], 0, 8), "weights": entry("F64", [0], 4, 4)},
        {"__metadata__": "request", "logits": entry("F64", [1], 0, 8)},
        {"__metadata__": {"request": {}}, "logits": entry("F64", [1], 0, 8)},
        {"__metadata__": None, "logits": entry("F64", [1], 0, 8)},
    )

    @pytest.mark.parametrize("header", HEADERS, ids=lambda header: json.dumps(header)[:60])
    def test_a_header_that_does_not_describe_the_file(self, header: Any) -> None:
        with pytest.raises(MalformedBody) as caught:
            read(file(header, bytes(8)))
        assert caught.value.code == Code.INVALID_TENSOR_FILE

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\0" * 7,
            b"\0" * 8,
            struct.pack("<Q", 1) + b"{",
            struct.pack("<Q", 3) + b"{}",
            struct.pack("<Q", 2**63) + b"{}",
            struct.pack("<Q", 2**64 - 1) + b"{}",
            file(b"{}", b"\0"),
            file(b'{"__metadata__": {}, "__metadata__": {}}'),
            file(b'{"logits": 1, "logits": 2}'),
            file(b'{"logits": {"dtype": "F64", "dtype": "F64"}}'),
            file(b"\xef\xbb\xbf{}"),
            file(b'{"\xff": 1}'),
            file(b'{"logits": NaN}'),
            file(b"[" * 3000 + b"]" * 3000),
            b'{"logits": [1, 2], "labels": [0]}',
            b"PK\x03\x04" + bytes(40),
        ],
    )
    def test_bytes_that_are_no_tensor_file(self, body: bytes) -> None:
        with pytest.raises(MalformedBody) as caught:
            read(body)
        assert caught.value.code == Code.INVALID_TENSOR_FILE
        assert len(caught.value.detail) < 250

    @pytest.mark.parametrize("request_", ["", "{", "[1]", '{"a": NaN}', '{"a": 1, "a": 2}'])
    def test_the_json_of_the_other_members_is_as_strict_as_a_body(self, request_: str) -> None:
        with pytest.raises((MalformedBody, InvalidInput)) as caught:
            read(file({"__metadata__": {"request": request_}}))
        assert "__metadata__.request" in caught.value.detail or "a is given twice" in str(
            caught.value
        )

    def test_no_cut_or_changed_header_gives_another_error(self) -> None:
        body = safetensors.numpy.save(
            {"logits": np.ones((2, 2)), "labels": np.zeros(2, np.int8)}, {"request": '{"axis": 1}'}
        )
        for size in range(len(body)):
            with pytest.raises(MalformedBody):
                read(body[:size])
        for place in range(len(body) - 34):
            for bit in range(8):
                changed = bytearray(body)
                changed[place] ^= 1 << bit
                with contextlib.suppress(XentError):  # the change may also be a legal one
                    read(bytes(changed))


class TestMembers:
    def fault(self, body: bytes) -> tuple[str, Code]:
        with pytest.raises(InvalidInput) as caught:
            read(body)
        (fault,) = caught.value.faults
        return fault.pointer, fault.code

    def test_a_tensor_that_the_request_does_not_have(self) -> None:
        body = safetensors.numpy.save({"logit/s": np.ones(2)})
        assert self.fault(body) == ("/logit~1s", Code.UNKNOWN_MEMBER)

    def test_a_member_given_twice(self) -> None:
        body = safetensors.numpy.save({"logits": np.ones(2)}, {"request": '{"logits": null}'})
        assert self.fault(body) == ("/logits", Code.DUPLICATE_MEMBER)

    def test_types(self) -> None:
        for dtype, size in (("BOOL", 1), ("F8_E4M3", 1), ("C64", 8), ("f64", 8), ("", 1)):
            assert self.fault(logits(dtype, [1], bytes(size))) == (
                "/logits",
                Code.UNSUPPORTED_DTYPE,
            )

    def test_a_boolean_that_is_none(self) -> None:
        body = file({"labels": entry("BOOL", [2, 2], 0, 4)}, b"\0\1\1\2")
        assert self.fault(body) == ("/labels/1/1", Code.NOT_A_LABEL)

    def test_each_offending_member_is_named(self) -> None:
        header = {
            name: entry("BOOL", [1], i, i + 1) for i, name in enumerate(("logits", "weights"))
        }
        with pytest.raises(InvalidInput) as caught:
            read(file(header, bytes(2)))
        assert [fault.pointer for fault in caught.value.faults] == ["/logits", "/weights"]


class TestLimits:
    def test_elements_of_all_tensors(self) -> None:
        body = safetensors.numpy.save({"logits": np.ones((2, 3)), "labels": np.zeros(2, np.int8)})
        assert read(body, elements=8)["logits"].size == 6
        with pytest.raises(TooLarge, match="hold 8 elements; the limit XENT_MAX_ELEMENTS is 7"):
            read(body, elements=7)

    @pytest.mark.parametrize("shape", [[0, 10**18], [2**62, 0, 2**62], [2**64 - 1, 0]])
    def test_lengths_that_an_axis_of_none_hides(self, shape: list[int]) -> None:
        with pytest.raises(TooLarge) as caught:
            read(logits("F64", shape, b""))
        assert caught.value.code == Code.TOO_MANY_ELEMENTS

    def test_axes(self) -> None:
        assert read(logits("F64", [1] * 16, bytes(8)))["logits"].ndim == 16
        with pytest.raises(TooLarge) as caught:
            read(logits("F64", [1] * 17, bytes(8)))
        assert caught.value.code == Code.NESTING_TOO_DEEP

    def test_header(self) -> None:
        body = file({"__metadata__": {"by": "x" * 100}})
        assert read(body, header=len(body) - 8) == {}
        with pytest.raises(TooLarge, match="XENT_MAX_JSON_BYTES"):
            read(body, header=len(body) - 9)


@dataclass(frozen=True)
class Answer:
    loss: float
    gradient: np.ndarray[Any, Any]
    infinite: int = 0
    compared: dict[str, Any] | None = None


class TestWriting:
    def test_the_library_reads_an_answer(self, tmp_path: Any) -> None:
        chance = np.random.default_rng(2)
        answer = {
            "loss": np.float64("inf"),
            "gradient": chance.normal(size=(5, 3)).astype(np.float32),
            "rows": np.array([np.nan, -np.inf, 0.5]),
            "labels": np.arange(5),
            "flags": np.array([True, False]),
            "half": np.array([[1.5]], np.float16),
            "names": ["a", "ü"],
            "nested": {"counts": np.array([[1, 2]]), "skill": float("nan")},
            "single": np.array(0.25),
            "empty": np.empty((0, 3)),
            "words": np.array(["x", "y"], dtype=object),
            "nothing": None,
        }
        path = tmp_path / "answer.safetensors"
        path.write_bytes(dump_tensors(answer))
        with safe_open(path, "numpy") as found:
            scalars = json.loads(found.metadata()["response"])
            tensors = {name: found.get_tensor(name) for name in found.keys()}  # noqa: SIM118
        assert scalars == {
            "loss": "Infinity",
            "names": ["a", "ü"],
            "nested": {"counts": [[1, 2]], "skill": "NaN"},
            "single": 0.25,
            "words": ["x", "y"],
            "nothing": None,
        }
        assert tensors.keys() == {"gradient", "rows", "labels", "flags", "half", "empty"}
        for name, tensor in tensors.items():
            sent = answer[name]
            assert isinstance(sent, np.ndarray)
            assert (tensor.dtype, tensor.shape) == (sent.dtype, sent.shape)
            assert tensor.tobytes() == sent.tobytes()

    def test_a_dataclass_leaves_out_what_it_does_not_have(self) -> None:
        body = dump_tensors(Answer(0.5, np.array([1.0])))
        length = struct.unpack("<Q", body[:8])[0]
        header = json.loads(body[8 : 8 + length])
        assert json.loads(header["__metadata__"]["response"]) == {"loss": 0.5, "infinite": 0}
        assert header["gradient"] == entry("F64", [1], 0, 8)

    def test_every_tensor_lies_at_a_multiple_of_its_item(self) -> None:
        for size in range(70):
            arrays = {"x" * size: np.ones(3, np.int8), "b": np.ones(3), "c": np.ones(1, np.float16)}
            body = dump_tensors(arrays)
            length = struct.unpack("<Q", body[:8])[0]
            assert (8 + length) % 64 == 0
            for name, place in json.loads(body[8 : 8 + length]).items():
                if name != "__metadata__":
                    assert place["data_offsets"][0] % arrays[name].itemsize == 0

    def test_memory_layouts(self) -> None:
        cells = np.arange(12.0).reshape(3, 4)
        for array in (cells.T, cells[::2, ::-1], np.asfortranarray(cells), cells.astype(">f8")):
            found = safetensors.numpy.load(dump_tensors({"logits": array}))["logits"]
            assert found.dtype == np.float64
            assert np.array_equal(found, array)

    def test_what_is_written_is_read_back(self) -> None:
        sent = {"logits": np.arange(6, dtype=np.float32).reshape(2, 3), "labels": np.array([0, 2])}
        found = read(dump_tensors(sent))
        assert all(np.array_equal(found[name], sent[name]) for name in sent)
        assert {name: array.dtype for name, array in found.items()} == {
            name: array.dtype for name, array in sent.items()
        }
