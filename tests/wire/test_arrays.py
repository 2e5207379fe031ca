"""Nested lists to arrays: every kind of cell, every irregular shape, and where it is."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.errors import Code, InvalidInput, TooLarge
from service.wire import dump_json, labels_from, numbers_from, parse_object

CELLS: list[tuple[Any, bool, bool]] = [
    (1, True, True),
    (-0.5, True, True),
    (1.0, True, True),
    (10**20, True, True),
    ("Infinity", True, True),
    ("-Infinity", True, True),
    ("NaN", True, True),
    ("nan", False, True),
    ("1.5", False, True),
    ("", False, True),
    (True, False, True),
    (False, False, True),
    (None, False, False),
    ({}, False, False),
    ([], False, False),
    ([1], False, False),
]


def fault(function: Any, value: Any) -> tuple[str, Code]:
    with pytest.raises(InvalidInput) as caught:
        function("x", value)
    (found,) = caught.value.faults
    assert found.detail.startswith("x" + "".join(f"[{i}]" for i in found.pointer.split("/")[2:]))
    return found.pointer, found.code


class TestCells:
    @pytest.mark.parametrize(("cell", "number", "label"), CELLS, ids=repr)
    @pytest.mark.parametrize("place", [0, 1, 5])
    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_every_cell_in_every_place(
        self, cell: Any, number: bool, label: bool, place: int, depth: int
    ) -> None:
        flat: list[Any] = [1, 2, 3, 4, 5, 6]
        flat[place] = cell
        shape: tuple[int, ...] = {1: (6,), 2: (2, 3), 3: (1, 2, 3)}[depth]
        value: Any = flat
        if depth > 1:
            value = [flat[:3], flat[3:]]
        if depth > 2:
            value = [value]
        indices = np.unravel_index(place, shape)
        pointer = "/x/" + "/".join(str(int(i)) for i in indices)
        if number:
            array = numbers_from("x", value)
            assert array.dtype == np.float64
            assert array.shape == shape
            expected = float(cell)
            assert array[indices] == expected or (
                math.isnan(expected) and math.isnan(array[indices])
            )
        elif not isinstance(cell, list) or place:
            assert fault(numbers_from, value) == (pointer, Code.NOT_A_NUMBER)
        else:
            assert fault(numbers_from, value)[0].startswith("/x")
        if label:
            array = labels_from("x", value)
            assert array.shape == shape
            found = array.reshape(-1).tolist()[place]
            assert found == cell
            assert type(found) is type(cell) or isinstance(cell, int)
        elif not isinstance(cell, list) or place:
            assert fault(labels_from, value) == (pointer, Code.NOT_A_LABEL)

    @pytest.mark.parametrize(
        ("value", "dtype"),
        [
            ([0, 2**63 - 1], np.int64),
            ([-(2**63)], np.int64),
            ([2**63], np.float64),
            ([1, 2.0], np.float64),
            ([True, False], np.bool_),
            (["a", "b"], np.object_),
            (["a", 1], np.object_),
            ([True, 1], np.object_),
            ([], np.int64),
            (3, np.int64),
            ("name", np.object_),
        ],
    )
    def test_the_dtype_of_labels(self, value: Any, dtype: Any) -> None:
        array = labels_from("x", value)
        assert array.dtype == dtype
        assert array.tolist() == value

    def test_an_integer_that_is_no_float64_is_rounded_to_nearest(self) -> None:
        assert numbers_from("x", [2**53 + 1, 2**64 - 1]).tolist() == [2.0**53, 2.0**64]

    @pytest.mark.parametrize("value", [None, {}, True, "x", {"a": [1]}])
    def test_a_member_that_is_no_array_at_all(self, value: Any) -> None:
        assert fault(numbers_from, value) == ("/x", Code.NOT_A_NUMBER)

    @pytest.mark.parametrize("value", [3, 2.5, "Infinity"])
    def test_a_single_number_is_an_array_without_axes(self, value: Any) -> None:
        assert numbers_from("x", value).shape == ()

    def test_the_fault_escapes_the_member_and_does_not_repeat_the_input(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            numbers_from("a/b~", ["secret"])
        assert caught.value.faults[0].pointer == "/a~1b~0/0"
        assert "secret" not in caught.value.detail


class TestShapes:
    @pytest.mark.parametrize(
        ("value", "pointer", "code"),
        [
            ([[1, 2], [3]], "/x/1", Code.RAGGED_ARRAY),
            ([[1], [2, 3]], "/x/1", Code.RAGGED_ARRAY),
            ([[1, 2], 3], "/x/1", Code.RAGGED_ARRAY),
            ([[1, 2], "Infinity"], "/x/1", Code.RAGGED_ARRAY),
            ([[1, 2], None], "/x/1", Code.RAGGED_ARRAY),
            ([[1, 2], {"0": 1}], "/x/1", Code.RAGGED_ARRAY),
            ([[]], "/x/0", Code.EMPTY_ROW),
            ([[], []], "/x/0", Code.EMPTY_ROW),
            ([[], [1]], "/x/0", Code.EMPTY_ROW),
            ([[1], []], "/x/1", Code.EMPTY_ROW),
            ([[[1], []]], "/x/0/1", Code.EMPTY_ROW),
            ([[[1, 2]], [[3]]], "/x/1/0", Code.RAGGED_ARRAY),
            ([[[1], [2]], [[3]]], "/x/1", Code.RAGGED_ARRAY),
            ([[[1], [2]], [[3], [4, 5]]], "/x/1/1", Code.RAGGED_ARRAY),
            ([[[1], [2]], [[3], 4]], "/x/1/1", Code.RAGGED_ARRAY),
        ],
    )
    def test_where_a_shape_goes_wrong(self, value: Any, pointer: str, code: Code) -> None:
        assert fault(numbers_from, value) == (pointer, code)
        assert fault(labels_from, value) == (pointer, code)

    @pytest.mark.parametrize(
        ("value", "pointer", "code"),
        [
            ([[1, None], [2]], "/x/0/1", Code.NOT_A_NUMBER),
            ([[1, 2], [None]], "/x/1", Code.RAGGED_ARRAY),
            ([[[1], [None]], [[2]]], "/x/0/1/0", Code.NOT_A_NUMBER),
            ([1, [2]], "/x/1", Code.NOT_A_NUMBER),
            ([[[None]], [[1, 2]], 3], "/x/0/0/0", Code.NOT_A_NUMBER),
        ],
    )
    def test_the_earliest_bad_cell_is_named_also_before_a_ragged_row(
        self, value: Any, pointer: str, code: Code
    ) -> None:
        assert fault(numbers_from, value) == (pointer, code)

    def test_an_empty_batch(self) -> None:
        assert numbers_from("x", []).shape == (0,)
        assert labels_from("x", []).shape == (0,)

    def test_nesting_is_limited(self) -> None:
        value: Any = 1
        for _ in range(16):
            value = [value]
        assert numbers_from("x", value).shape == (1,) * 16
        for function in (numbers_from, labels_from):
            with pytest.raises(TooLarge) as caught:
                function("x", [value])
            assert caught.value.code == Code.NESTING_TOO_DEEP
            assert "16" in caught.value.detail


SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


class TestRoundTrips:
    @given(arrays.arrays(np.float64, SHAPES, elements=st.floats(width=64)))
    def test_float64(self, array: np.ndarray) -> None:
        back = numbers_from("x", parse_object(dump_json({"x": array}))["x"])
        assert back.shape == array.shape
        assert np.where(np.isnan(array), 0, array).tobytes() == (
            np.where(np.isnan(back), 0, back).tobytes()
        )
        np.testing.assert_array_equal(np.isnan(back), np.isnan(array))

    @given(arrays.arrays(np.float32, SHAPES, elements=st.floats(width=32)))
    def test_float32(self, array: np.ndarray) -> None:
        body = dump_json({"x": array})
        back = numbers_from("x", parse_object(body)["x"]).astype(np.float32)
        np.testing.assert_array_equal(back, array)
        assert b"null" not in body

    @given(arrays.arrays(np.int64, SHAPES))
    def test_labels(self, array: np.ndarray) -> None:
        back = labels_from("x", parse_object(dump_json({"x": array}))["x"])
        assert back.dtype == np.int64
        np.testing.assert_array_equal(back, array)

    @given(arrays.arrays(np.bool_, SHAPES))
    def test_booleans(self, array: np.ndarray) -> None:
        back = labels_from("x", parse_object(dump_json({"x": array}))["x"])
        assert back.dtype == np.bool_
        np.testing.assert_array_equal(back, array)
