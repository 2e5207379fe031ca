"""JSON bodies in and out."""

import dataclasses
import json
import math
from enum import StrEnum
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Code, InvalidInput, MalformedBody, XentError
from service.wire import dump_json, parse_object
from service.wire.spelling import _spelled, _written


class TestWhatIsNotJson:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"{'a': 1}",
            b'{"a": 1,}',
            b'{"a": 1} x',
            b'{"a": 1}{"b": 2}',
            b'{"a": 01}',
            b'{"a": +1}',
            b'{"a": .5}',
            b'{"a": 0x10}',
            b'{"a": 1_000}',
            b'{"a": "\xff"}',
            b'{"\xff": 1}',
            b'{"a": "\\ud800"}',
            b'{"a": "tab\there"}',
            b"\xef\xbb\xbf{}",
            '{"a": 1}'.encode("utf-16"),
            b"   ",
            b"\x00",
            b"// comment\n{}",
            b'{"a": NaN}',
            b'{"a": [Infinity]}',
            b'{"a": [-Infinity]}',
            b'{"a": nan}',
            b'{"a": 1e400}',
            b'{"a": [-1e400]}',
            b'{"a": ' + b"9" * 400 + b"}",
            b'{"a":' * 3000 + b"1" + b"}" * 3000,
            b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
        ],
    )
    def test_it_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedBody) as caught:
            parse_object(body)
        deep = max(body.count(b"["), body.count(b"{")) > 1024
        assert caught.value.code == (Code.NESTING_TOO_DEEP if deep else Code.INVALID_JSON)
        assert len(caught.value.detail) < 250

    def test_an_empty_body_has_a_code_of_its_own(self) -> None:
        with pytest.raises(MalformedBody) as caught:
            parse_object(b"")
        assert caught.value.code == Code.EMPTY_BODY

    @pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
    def test_bare_words_are_told_their_spelling(self, token: str) -> None:
        with pytest.raises(MalformedBody, match='send "NaN", "Infinity" or "-Infinity"'):
            parse_object(f'{{"a": [1, {token}]}}'.encode())

    def test_a_number_beyond_float64_is_told_its_spelling(self) -> None:
        with pytest.raises(MalformedBody, match='beyond float64 is spelled "Infinity"'):
            parse_object(b'{"a": 1e400}')

    @pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null", b"true"])
    def test_json_that_is_no_object(self, body: bytes) -> None:
        with pytest.raises(InvalidInput) as caught:
            parse_object(body)
        assert [(f.pointer, f.code) for f in caught.value.faults] == [("", Code.NOT_AN_OBJECT)]


class TestObjects:
    @pytest.mark.parametrize(
        "text",
        [
            "{}",
            '{"a": [[1, 2.5e-3], [-0.0, 1E2]]}',
            '{"a": "x: y", "b": "\\"a\\":1", "c": "\\\\"}',
            '{"a": {"b": 1, "c": {"b": 2}}, "b": 3}',
            '{"a": [{"b": 1}, {"b": 2}], "b": [[{"b": {"b": 1}}]]}',
            '{"a": ["Infinity", "NaN"], "a b": null, "": true}',
            '{"a" \t\r\n: 1, "\\u0062": "\\u00e9", "é": "🙂"}',
            '{"a": 100000000000000000000, "b": 1e308, "c": 5e-324}',
        ],
    )
    def test_what_is_json_is_read_as_the_standard_library_reads_it(self, text: str) -> None:
        assert parse_object(text.encode()) == json.loads(text)

    @pytest.mark.parametrize(
        ("text", "pointer"),
        [
            ('{"a": 1, "a": 1}', "/a"),
            ('{"a": 1, "\\u0061": 2}', "/a"),
            ('{"a" : 1, "b": 2, "a"\n: 3}', "/a"),
            ('{"w": {"cat": 1, "cat": 2}}', "/w/cat"),
            ('{"w": {"v": {"x/y": 1, "x/y": 2}}}', "/w/v/x~1y"),
            ('{"w": [1, [{"a": 1, "a": 2}]]}', "/w/1/0/a"),
            ('{"a": [{"b": 1}], "c": 1, "c": 2}', "/c"),
        ],
    )
    def test_a_name_given_twice_is_refused_where_it_is(self, text: str, pointer: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            parse_object(text.encode())
        assert [(f.pointer, f.code) for f in caught.value.faults] == [
            (pointer, Code.DUPLICATE_MEMBER)
        ]

    def test_a_long_name_given_twice_is_not_echoed(self) -> None:
        name = "n" * 10_000
        with pytest.raises(InvalidInput) as caught:
            parse_object(f'{{"{name}": 1, "{name}": 2}}'.encode())
        assert len(caught.value.detail) + len(caught.value.faults[0].pointer) < 200

    def test_deep_objects_cost_no_recursion(self) -> None:
        value = parse_object(b'{"a":' * 900 + b"1" + b"}" * 900)
        assert list(value) == ["a"]
        with pytest.raises(XentError) as caught:
            parse_object(b'{"a":' * 1000 + b'{"b":1,"b":2}' + b"}" * 1000)
        # Python before 3.13 is not let so deep to look for a second name
        assert caught.value.code in (Code.NESTING_TOO_DEEP, Code.DUPLICATE_MEMBER)

    @pytest.mark.no_cover  # hypothesis takes twice as long when it is traced
    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.text()
            | st.floats(allow_nan=False, width=64).filter(math.isfinite),
            lambda inner: (
                st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
            ),
            max_leaves=20,
        ).map(lambda value: {"a": value, 'b":': value})
    )
    def test_no_object_is_taken_for_one_with_duplicates(self, value: Any) -> None:
        assert parse_object(json.dumps(value).encode()) == value
        assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


class Colour(StrEnum):
    RED = "red"


@dataclasses.dataclass
class Inner:
    loss: float | np.ndarray
    gradient: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    parts: list[Inner]
    absent: float | None = None


def answers() -> st.SearchStrategy[Any]:
    """Objects of all that answers are made of."""
    numbers = st.floats() | st.integers(-(2**63), 2**63) | st.booleans()
    kinds: list[Any] = [np.float16, np.float32, np.float64, ">f8"]
    cells = st.lists(st.sampled_from([0.0, 1.0, 0.1, -2.5, math.nan, math.inf]), min_size=1)
    shapes = st.sampled_from([(3,), (2, 2), (0,), (2, 0), (), (1, 2, 2)])
    floats = st.builds(np.resize, st.builds(np.array, cells, st.sampled_from(kinds)), shapes)
    integers = st.builds(np.ones, shapes, st.sampled_from([np.int64, np.uint8, np.bool_]))
    arrays = floats | integers
    words = st.sampled_from(["", "null", "é", Colour.RED, None])
    parts = numbers | arrays | words | st.builds(Inner, numbers | arrays)
    nested = parts | st.lists(parts, max_size=3) | st.tuples(parts, parts)
    objects = st.dictionaries(st.text(max_size=3), nested, max_size=4)
    outer = st.builds(Outer, st.builds(Inner, numbers), st.lists(st.builds(Inner, arrays)))
    return objects | outer | st.dictionaries(st.text(max_size=1), objects, max_size=2)


class TestAnswers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (math.nan, '"NaN"'),
            (math.inf, '"Infinity"'),
            (-math.inf, '"-Infinity"'),
            (np.float64("-inf"), '"-Infinity"'),
            (np.float32("nan"), '"NaN"'),
            (np.float16("inf"), '"Infinity"'),
            (np.float32(0.1), "0.1"),
            (0.1, "0.1"),
            (5e-324, "5e-324"),
            (-0.0, "-0.0"),
            (np.int32(7), "7"),
            (np.bool_(True), "true"),
            (Colour.RED, '"red"'),
            ((1, "a"), '[1,"a"]'),
            (np.array(0.1, np.float32), "0.1"),
            (np.array(math.nan), '"NaN"'),
            (np.array(3), "3"),
            (np.array([0.1, 0.2], np.float32), "[0.1,0.2]"),
            (np.array([[0.1, math.inf], [0.2, 0.3]], np.float32), '[[0.1,"Infinity"],[0.2,0.3]]'),
            (np.array([0.1, math.nan, -math.inf]), '[0.1,"NaN","-Infinity"]'),
            (np.array([True, False]), "[true,false]"),
            (np.array(["a", 1, math.inf], object), '["a",1,"Infinity"]'),
            (np.array(["a", "b"]), '["a","b"]'),
            (np.array([1.5], ">f8"), "[1.5]"),
            (np.arange(4.0).reshape(2, 2).T, "[[0.0,2.0],[1.0,3.0]]"),
            (np.arange(6)[::2], "[0,2,4]"),
            (np.zeros((0, 3)), "[]"),
            (np.zeros((2, 0)), "[[],[]]"),
            ([np.array([math.inf])], '[["Infinity"]]'),
            ({"a": {"b": math.inf}}, '{"a":{"b":"Infinity"}}'),
            (Inner(1.0), '{"loss":1.0}'),
            (
                Outer(Inner(math.nan), [Inner(np.array([math.inf]), np.zeros(1))]),
                '{"inner":{"loss":"NaN"},"parts":[{"loss":["Infinity"],"gradient":[0.0]}]}',
            ),
        ],
        ids=str,
    )
    def test_spelling(self, value: Any, text: str) -> None:
        assert dump_json(value).decode() == text

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_no_float_of_any_kind_becomes_null(self, dtype: Any) -> None:
        bad = np.array([math.nan, math.inf, -math.inf], dtype)
        values = [bad, bad[0], bad.reshape(3, 1), list(bad), {"a": tuple(bad)}, np.array(bad[0])]
        body = dump_json({"a": values, "b": Inner(bad)})
        assert b"null" not in body
        assert body.count(b'"NaN"') == 7

    def test_an_array_is_not_changed(self) -> None:
        array = np.array([[1.0, math.nan]])
        array.flags.writeable = False
        dump_json(array)
        assert math.isnan(array[0, 1])

    @pytest.mark.parametrize("block", [1, 2, 5, 64])
    @pytest.mark.parametrize(
        "shape",
        [(7,), (0,), (3, 4), (1, 9), (9, 1), (0, 3), (2, 0), (2, 3, 4), (3, 0, 2), (4, 1, 1, 1, 2)],
    )
    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
    def test_blocks_are_put_together_again(
        self, monkeypatch: pytest.MonkeyPatch, block: int, shape: tuple[int, ...], dtype: Any
    ) -> None:
        monkeypatch.setattr("service.wire.spelling.BLOCK", block)
        array = np.arange(math.prod(shape)).astype(dtype).reshape(shape)
        written = dump_json({"a": array, "b": 1})
        assert json.loads(written) == {"a": array.tolist(), "b": 1}
        assert b" " not in written

    @given(answers())
    def test_what_the_writer_does_alone_is_what_it_is_helped_to(self, value: Any) -> None:
        with_help = orjson.dumps(_spelled(value), option=orjson.OPT_SERIALIZE_NUMPY)
        assert dump_json(value) == with_help
        assert _written(value) in (None, with_help)

    @pytest.mark.parametrize(
        ("value", "alone"),
        [
            ({"a": np.ones((2, 3)), "b": "x", "c": (1, "y")}, True),
            (Inner(np.ones(3, np.float16)), True),
            (Inner(np.ones(2000)), False),
            ({"a": np.array([math.nan])}, False),
            ({"a": math.inf}, False),
            ({"a": [None]}, False),
            ({"a": "null"}, False),
            ({"a": Inner(1.0)}, False),
        ],
    )
    def test_what_it_does_alone(self, value: Any, alone: bool) -> None:
        assert (_written(value) is not None) == alone
