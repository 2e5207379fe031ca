"""The two ways to read a JSON body agree, to the bit; and the quick one knows when to give way."""

import json
import math
import random
import struct
import threading
import time
from typing import Any

import numpy as np
import pytest

from service.errors import XentError
from service.wire import labels_from, numbers_from, parse_arrays, parse_object, simd
from service.wire.simd import try_parse_arrays

NUMBERS = frozenset({"logits", "weights"})
LABELS = frozenset({"labels"})
DEEP = simd.MAX_NESTING


def quick(text: str | bytes) -> dict[str, Any] | None:
    body = text.encode() if isinstance(text, str) else text
    return try_parse_arrays(body, NUMBERS, LABELS)


def converted(value: dict[str, Any]) -> dict[str, Any]:
    """What the schema makes of a body's members, whichever way it was read."""
    arrays = dict(value)
    for name, member in value.items():
        if isinstance(member, int | float | list) and name in NUMBERS | LABELS:
            arrays[name] = (numbers_from if name in NUMBERS else labels_from)(name, member)
    return arrays


def same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and (left.dtype, left.shape) == (right.dtype, right.shape)
            and (
                left.tobytes() == right.tobytes()
                if left.dtype != object
                else repr(left) == repr(right)
            )
        )
    return repr(left) == repr(right)


def check_agrees(text: str) -> dict[str, Any]:
    found = quick(text)
    assert found is not None
    expected = parse_object(text.encode())
    assert list(found) == list(expected)
    left, right = converted(found), converted(expected)
    assert all(same(left[name], right[name]) for name in expected)
    return found


class TestAgreement:
    @pytest.mark.parametrize(
        "text",
        [
            '{"logits": [[1.5, -2], [3e-5, 4]], "labels": [0, 1], "reduction": "none"}',
            '{"logits": [1, 2, 3], "labels": 1, "gradient": true, "axis": null}',
            '{"logits": [[[1, 2], [3, 4], [5, 6]]], "labels": [[0, 1, 1]]}',
            '{"logits": [], "labels": []}',
            '{"logits": 2, "labels": [1, 2.0]}',
            '{"logits": [-0, -0.0, 5e-324, 1.7976931348623157e308, 1e-400]}',
            '{"logits": [9007199254740993, 9223372036854775807, 18446744073709551615]}',
            '{"labels": [9223372036854775807, -9223372036854775808, 0]}',
            '{"labels": [9223372036854775808, 1], "logits": [1]}',
            '{"labels": ["a", "b[", "c"], "logits": [[1], [2], [3]], "classes": ["a", "b["]}',
            '{"labels": [true, false], "logits": [0.5, 2]}',
            '{"labels": [true, 1, "x"]}',
            '{"logits": null, "labels": null}',
            '{"weights": {"a": 1, "b": 2.5}, "logits": [1]}',
            '{"options": {"classes": [["x"], ["y", {"z": []}]]}, "logits": [1], "tail": [[]]}',
            ' \n{"logits"\t:\r[ [1 , 2 ] , [3,4]] } ',
            '{"Größe": [1, 2], "labels": ["ü", "日本"]}',
            "{}",
        ],
    )
    def test_both_ways_read_the_same(self, text: str) -> None:
        check_agrees(text)

    def test_arrays_are_filled_without_lists(self) -> None:
        found = check_agrees('{"logits": [[1, 2], [3, 4]], "labels": [[0, 1]], "weights": [1]}')
        assert {name: type(member) for name, member in found.items()} == {
            "logits": np.ndarray,
            "labels": np.ndarray,
            "weights": np.ndarray,
        }
        assert found["logits"].flags.writeable

    def test_numbers_of_all_magnitudes_to_the_last_bit(self) -> None:
        chance = random.Random(7)
        cells = []
        while len(cells) < 5000:
            (number,) = struct.unpack("<d", chance.randbytes(8))
            if math.isfinite(number):
                cells.append(number)
        # digits beyond what a float holds, near the middle between two of them
        long = [
            f"{number!r}".replace("e", "0000000000000000000001e")
            for number in cells
            if "e" in repr(number)
        ]
        check_agrees(json.dumps({"logits": [cells, cells[::-1]]}))
        check_agrees('{"logits": [' + ",".join(long) + "]}")

    def test_random_shapes(self) -> None:
        chance = np.random.default_rng(11)
        for rank in range(1, 6):
            for _ in range(20):
                shape = tuple(chance.integers(1, 5, rank))
                logits = chance.normal(size=shape)
                labels = chance.integers(-5, 5, shape[:-1] or 1)
                found = check_agrees(
                    json.dumps({"logits": logits.tolist(), "labels": labels.tolist()})
                )
                assert np.array_equal(found["logits"], logits)
                assert np.array_equal(found["labels"], labels)


class TestMutations:
    SEEDS = (
        '{"logits": [[1, 2.5], [3e-5, -4]], "labels": [0, 1], "weights": {"a": 1, "b": [2]}}',
        '{"labels": ["a", "b["], "logits": [[[1], [2]], [[3], [4]]], "axis": -1, "tail": [[{}]]}',
        '{"logits": [1, 2, 3], "labels": [[true, false]], "reduction": "none", "weights": [1, 1]}',
    )
    PIECES = (
        '[ ] { } , : " 1 -0 2.5 1e400 [1] [] {} null true "x" "logits" "a": \\u005b '
        "99999999999999999999"
    )

    def test_whatever_is_taken_is_what_the_other_path_makes_of_it(self) -> None:
        chance = random.Random(13)
        pieces = self.PIECES.split()
        taken = 0
        for _ in range(8000):
            text = chance.choice(self.SEEDS)
            for _ in range(chance.randint(1, 3)):
                start = chance.randrange(len(text))
                end = start + chance.choice((0, 1, 1, 3))
                text = text[:start] + chance.choice(["", *pieces]) + text[end:]
            found = quick(text)
            if found is None:
                continue
            taken += 1
            expected = parse_object(text.encode())
            assert list(found) == list(expected)
            for name in found:
                left, right = outcome(name, found), outcome(name, expected)
                assert same(left, right), text
        assert taken > 500


def outcome(name: str, value: dict[str, Any]) -> Any:
    """A member as the schema makes it, or what is wrong with it."""
    try:
        return converted({name: value[name]})[name]
    except XentError as error:
        return str(error)


class TestGivesWay:
    @pytest.mark.parametrize(
        "text",
        [
            '{"logits": [[1, 2], [3]]}',
            '{"logits": [[1, 2], [3], [4, 5, 6]]}',
            '{"logits": [[1, [2]], [3, 4]]}',
            '{"logits": [[[1], [2]], [[3], [[4]]]]}',
            '{"logits": [1, [2]]}',
            '{"logits": [[1], 2]}',
            '{"logits": [[1, 2], {}]}',
            '{"logits": [[1, 2], "ab"]}',
            '{"logits": [[]]}',
            '{"logits": [[1], []]}',
            '{"logits": [[], [1]]}',
            '{"logits": [[[], []]]}',
            '{"labels": [[0, 1], [[2], 3]]}',
            '{"logits": [1, true]}',
            '{"logits": [1, null]}',
            '{"logits": [1, "2"]}',
            '{"logits": ["Infinity", 1]}',
            '{"logits": [100000000000000000000]}',
            '{"logits": [1, -9223372036854775809]}',
            '{"logits": [1e400]}',
            '{"logits": [NaN]}',
            '{"logits": [1]} x',
            '{"logits": [1]',
            '[{"logits": [1]}]',
            "12",
            '"text"',
            "",
            '{"logits": [1], "logits": [2]}',
            '{"logits": [1], "axis": 0, "axis": 1}',
            '{"weights": {"a": 1, "a": 2}}',
            '{"tail": [[{"a": 1, "a": 2}]]}',
            # the second name and the bracket of the string must not make up for each other
            '{"logits": [1, [2]], "a": "[", "a": ""}',
            '{"logits": [1, [2]], "a": "\\u005b"}',
            '{"logits": [1], "\\u006cogits": [2]}',
            '{"logits": [1], "reduction": "\\""}',
            '{"logits": ' + "[" * (DEEP + 1) + "1" + "]" * (DEEP + 1) + "}",
            '{"logits": [1], "deep": ' + "[" * 300 + "]" * 300 + "}",
            '{"logits": [1], "deep": ' + "[" * 2000 + "]" * 2000 + "}",
            '{"logits": [1], ' + ", ".join(f'"n{i}": 1' for i in range(64)) + "}",
        ],
    )
    def test_to_the_path_that_explains(self, text: str) -> None:
        assert quick(text) is None

    @pytest.mark.parametrize(
        "body",
        [
            b'\xef\xbb\xbf{"logits": [1]}',
            b'{"logits": [1], "x": "\xff"}',
            b'{"logits": [1], "x": "\xed\xa0\x80"}',
            b'{"logits": [1]}\x00',
            b'{"logits":\x0c[1]}',
            '{"logits": [1]}'.encode("utf-16"),
        ],
    )
    def test_bytes_that_are_no_json(self, body: bytes) -> None:
        assert quick(body) is None
        with pytest.raises(XentError):
            parse_object(body)

    def test_many_names_take_no_quadratic_time(self) -> None:
        body = ("{" + ",".join(f'"{i}":0' for i in range(200_000)) + "}").encode()
        start = time.perf_counter()
        assert quick(body) is None
        assert time.perf_counter() - start < 1


class TestWhole:
    def test_the_parser_of_the_service_is_this_one(self) -> None:
        assert parse_arrays is simd.parse_arrays

    def test_a_good_body_is_read_into_arrays_and_a_bad_one_explained(self) -> None:
        rows = [[0.5] * 64] * 100
        body = json.dumps({"logits": rows, "labels": [0] * 100}).encode()
        assert isinstance(parse_arrays(body, NUMBERS, LABELS)["logits"], np.ndarray)
        bad = json.dumps({"logits": [*rows, [1, 2]]}).encode()
        value = parse_arrays(bad, NUMBERS, LABELS)
        with pytest.raises(XentError, match=r"logits\[100\] has 2 cells; the rows before have 64"):
            numbers_from("logits", value["logits"])
        with pytest.raises(XentError, match="logits is given twice"):
            parse_arrays(b'{"logits": [1],' + body[1:], NUMBERS, LABELS)


class TestParsers:
    def test_a_parser_is_kept_for_the_thread_and_let_go_after_a_huge_body(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(simd._own, "parser", None)
        first = quick('{"logits": [1, 2]}')
        kept = simd._own.parser
        assert kept is not None
        second = quick('{"logits": [3, 4]}')
        assert simd._own.parser is kept
        assert first is not None
        assert second is not None
        assert (first["logits"].tolist(), second["logits"].tolist()) == ([1, 2], [3, 4])
        monkeypatch.setattr(simd, "KEPT_NUMBERS", 100)
        quick(json.dumps({"logits": [0] * 101}))
        assert simd._own.parser is None

    def test_threads_do_not_disturb_each_other(self) -> None:
        failed: list[int] = []

        def work(seed: int) -> None:
            chance = np.random.default_rng(seed)
            for _ in range(50):
                logits = chance.normal(size=(20, 30))
                found = quick(json.dumps({"logits": logits.tolist()}))
                if found is None or not np.array_equal(found["logits"], logits):
                    failed.append(seed)
                quick('{"logits": [1, "x"]}')

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
