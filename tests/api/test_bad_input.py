"""What a client may get wrong in a body: one problem document, the right pointer, never an echo."""

import time
from itertools import product
from typing import Any

import orjson
import pytest

# What JSON does not have, and what its numbers cannot hold.
NOT_JSON = [
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "1e400",
    "-1e400",
    "01",
    "+1",
    ".5",
    "1.",
    "0x1",
    "1_000",
    "'a'",
    r'"\ud800"',
    r'"\x"',
    '"\n"',
    "undefined",
    "// no\n1",
]
NUMBERS = ["100000000000000000000", "1e-400", "-0.0"]
WRONG = ["true", "false", "null", '"1.5"', '""', '"inf"', "[]", "{}", "[[1]]", '{"a": [1]}']
SPELLED = ['"NaN"', '"Infinity"', '"-Infinity"']

PREDICT = "/v1/models/iris/predict"
JUDGE = "/v1/models/iris/evaluate"
CROSS = "/v1/losses/cross-entropy"
BINARY = "/v1/losses/binary-cross-entropy"

# path, body with one cell left open, pointer of that cell
CELLS = {
    "cell-softmax": ("/v1/softmax", '{"logits": [[0.5, @], [1, 2]]}', "/logits/0/1"),
    "cell-softmax-row": ("/v1/softmax", '{"logits": [1, @]}', "/logits/1"),
    "cell-sigmoid": ("/v1/sigmoid", '{"logits": [0.5, @]}', "/logits/1"),
    "cell-cross": (CROSS, '{"logits": [[0.5, @], [1, 2]], "labels": [0, 1]}', "/logits/0/1"),
    "cell-binary": (BINARY, '{"logits": [0.5, @], "labels": [0, 1]}', "/logits/1"),
    "cell-explain": ("/v1/explain", '{"logits": [0.5, @, 3], "label": 0}', "/logits/1"),
    "cell-evaluate": (
        "/v1/evaluate",
        '{"logits": [[0.5, 1], [1, @]], "labels": [0, 1]}',
        "/logits/1/1",
    ),
    "cell-predict": (PREDICT, '{"inputs": [[5, 3, 1, @]]}', "/inputs/0/3"),
    "cell-judge": (JUDGE, '{"inputs": [[5, 3, 1, @]], "labels": ["setosa"]}', "/inputs/0/3"),
}
PROBABILITIES = {
    "probability-cross": (
        CROSS,
        '{"probabilities": [[1, 0], [1, @]], "labels": [0, 0]}',
        "/probabilities/1/1",
    ),
    "probability-binary": (
        BINARY,
        '{"probabilities": [0.5, @], "labels": [0, 0]}',
        "/probabilities/1",
    ),
    "probability-evaluate": (
        "/v1/evaluate",
        '{"probabilities": [[1, 0], [1, @]], "labels": [0, 0]}',
        "/probabilities/1/1",
    ),
    "probability-target": (
        CROSS,
        '{"logits": [[1, 2], [3, 4]], "targets": [[1, 0], [1, @]]}',
        "/targets/1/1",
    ),
    "probability-binary-target": (BINARY, '{"logits": [1, 2], "targets": [0, @]}', "/targets/1"),
    "probability-explain-target": (
        "/v1/explain",
        '{"logits": [1, 2], "target": [1, @]}',
        "/target/1",
    ),
}
LABELS = {
    "label-cross": (CROSS, '{"logits": [[1, 2], [3, 4]], "labels": [0, @]}', "/labels/1"),
    "label-evaluate": (
        "/v1/evaluate",
        '{"logits": [[1, 2], [3, 4]], "labels": [0, @]}',
        "/labels/1",
    ),
    "label-judge": (
        JUDGE,
        '{"inputs": [[5, 3, 1, 1], [5, 3, 1, 1]], "labels": ["setosa", @]}',
        "/labels/1",
    ),
}
WEIGHTS = {
    "weight-cross": (
        CROSS,
        '{"logits": [[1, 2], [3, 4]], "labels": [0, 1], "sample_weights": [1, @]}',
        "/sample_weights/1",
    ),
    "weight-class": (
        CROSS,
        '{"logits": [[1, 2], [3, 4]], "labels": [0, 1], "class_weights": [1, @]}',
        "/class_weights/1",
    ),
    "weight-class-by-name": (
        CROSS,
        '{"logits": [[1, 2]], "labels": ["a"], "classes": ["a", "b"], "class_weights": {"a": @}}',
        "/class_weights/a",
    ),
    "weight-binary": (
        BINARY,
        '{"logits": [1, 2], "labels": [0, 1], "sample_weights": [1, @]}',
        "/sample_weights/1",
    ),
    "weight-evaluate": (
        "/v1/evaluate",
        '{"logits": [[1, 2], [3, 4]], "labels": [0, 1], "sample_weights": [1, @]}',
        "/sample_weights/1",
    ),
    "weight-judge": (
        JUDGE,
        '{"inputs": [[5, 3, 1, 1], [5, 3, 1, 2]], "labels": ["setosa", "setosa"],'
        ' "sample_weights": [1, @]}',
        "/sample_weights/1",
    ),
}
# path, body with the option left open, pointer, tokens that are right
OPTIONS = {
    "temperature": (
        "/v1/softmax",
        '{"logits": [1, 2], "temperature": @}',
        "/temperature",
        {"null", "100000000000000000000", "9223372036854775808"},
    ),
    "axis": ("/v1/softmax", '{"logits": [1, 2], "axis": @}', "/axis", {"null"}),
    "log": ("/v1/sigmoid", '{"logits": [1, 2], "log": @}', "/log", {"true", "false", "null"}),
    "smoothing": (
        CROSS,
        '{"logits": [1, 2], "labels": 0, "label_smoothing": @}',
        "/label_smoothing",
        {"null", "-0.0", "1e-400"},
    ),
    "reduction": (CROSS, '{"logits": [1, 2], "labels": 0, "reduction": @}', "/reduction", {"null"}),
    "unit": (BINARY, '{"logits": [1, 2], "labels": [0, 1], "unit": @}', "/unit", {"null"}),
    "gradient": (
        CROSS,
        '{"logits": [1, 2], "labels": 0, "gradient": @}',
        "/gradient",
        {"true", "false", "null"},
    ),
    "positive_weight": (
        BINARY,
        '{"logits": [1, 2], "labels": [0, 1], "positive_weight": @}',
        "/positive_weight",
        {"null", "-0.0", "1e-400", "100000000000000000000", "9223372036854775808"},
    ),
    "clip": (
        CROSS,
        '{"probabilities": [0, 1], "labels": 0, "zero_probability": "clip", "clip": @}',
        "/clip",
        {"null"},
    ),
    "label": ("/v1/explain", '{"logits": [1, 2], "label": @}', "/label", set()),
    "top": (PREDICT, '{"inputs": [[5, 3, 1, 1]], "top": @}', "/top", {"null"}),
    "bins": ("/v1/evaluate", '{"logits": [[1, 2]], "labels": [0], "bins": @}', "/bins", {"null"}),
}


def every(table: dict[str, Any], tokens: list[str]) -> Any:
    """Each place with each token."""
    return [
        pytest.param(*table[name], token, id=f"{name} {token}".replace("\n", " "))
        for name, token in product(table, tokens)
    ]


def pointers(answer: Any) -> list[str]:
    return [fault["pointer"] for fault in answer.json()["errors"]]


def refused(answer: Any, status: int, pointer: str | None = None) -> str:
    """The code of the problem, which names this cell first."""
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert pointers(answer) == [pointer], answer.text
    return str(answer.json()["code"])


class TestTokens:
    """Every kind of token, in every kind of place."""

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "token"),
        every(CELLS | PROBABILITIES | LABELS | WEIGHTS, NOT_JSON[:3]),
    )
    def test_bare_words_are_not_json(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        answer = caller.post(path, body.replace("@", token))
        assert refused(answer, 400) == "invalid_json"
        assert "NaN" in answer.json()["detail"]

    @pytest.mark.parametrize("token", NOT_JSON)
    @pytest.mark.parametrize(
        "body", ['{"logits": [1, @]}', '{"logits": [1], "temperature": @}', '{"logits": [1], @: 1}']
    )
    def test_what_json_has_not_is_400_in_a_cell_an_option_and_a_name(
        self, caller: Any, body: str, token: str
    ) -> None:
        answer = caller.post("/v1/softmax", body.replace("@", token))
        assert refused(answer, 400) == "invalid_json"

    @pytest.mark.parametrize(("path", "body", "pointer", "token"), every(CELLS, WRONG))
    def test_a_cell_that_is_no_number_is_named(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        assert refused(caller.post(path, body.replace("@", token)), 422, pointer) == "not_a_number"

    @pytest.mark.parametrize(("path", "body", "pointer", "token"), every(CELLS, ['"NaN"']))
    def test_a_nan_is_named(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        assert refused(caller.post(path, body.replace("@", token)), 422, pointer) == "nan_value"

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "token"),
        [p for p in every(CELLS, NUMBERS + SPELLED[1:]) if "I" not in p.values[3]]
        + [p for p in every(CELLS, SPELLED[1:]) if "inputs" not in p.values[1]],
    )
    def test_every_number_is_a_logit(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        assert caller.post(path, body.replace("@", token)).status_code == 200

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "token"),
        [p for p in every(CELLS, SPELLED[1:]) if "inputs" in p.values[1]],
    )
    def test_a_feature_is_finite(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        answer = caller.post(path, body.replace("@", token))
        assert refused(answer, 422, pointer) == "infinite_value"

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "token"),
        every(PROBABILITIES | WEIGHTS, [*WRONG, *SPELLED])
        + every(PROBABILITIES, ["100000000000000000000", "-1"])
        + every(WEIGHTS, ["-1", "-1e-300"]),
    )
    def test_a_wrong_probability_target_or_weight_is_named(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        refused(caller.post(path, body.replace("@", token)), 422, pointer)

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "token"),
        every(PROBABILITIES, ["-0.0", "1e-400"]) + every(WEIGHTS, ["1e-300", "1e20", "1"]),
    )
    def test_a_small_probability_and_any_weight_are_taken(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        assert caller.post(path, body.replace("@", token)).status_code == 200

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "token"),
        every(LABELS, [*WRONG, *SPELLED, "-1", "2", "0.5", "100000000000000000000"])
        + every(LABELS, ["9223372036854775808", "18446744073709551616", "-9223372036854775809"]),
    )
    def test_a_wrong_label_is_named(
        self, caller: Any, path: str, body: str, pointer: str, token: str
    ) -> None:
        refused(caller.post(path, body.replace("@", token)), 422, pointer)

    @pytest.mark.parametrize(
        ("path", "body", "pointer", "right", "token"),
        every(OPTIONS, [*WRONG, *SPELLED, *NUMBERS, "-1e300", "9223372036854775808"]),
    )
    def test_an_option_is_of_its_type_and_in_its_range(
        self, caller: Any, path: str, body: str, pointer: str, right: set[str], token: str
    ) -> None:
        answer = caller.post(path, body.replace("@", token))
        if token in right:
            assert answer.status_code == 200, answer.text
        elif pointer == "/label" and token == "null":
            refused(answer, 422)  # then neither label nor target is there
        else:
            refused(answer, 422, pointer)


class TestNames:
    @pytest.mark.parametrize("name", ['"1.5"', '"NaN"', '""', '"Logits"', '"a/b~c"', '"\\u0000"'])
    @pytest.mark.parametrize("path", ["/v1/softmax", "/v1/explain", PREDICT])
    def test_an_unknown_member_is_refused_by_name(self, caller: Any, path: str, name: str) -> None:
        answer = caller.post(path, f'{{{name}: 1, "logits": [1], "inputs": [[1, 2, 3, 4]]}}')
        word = orjson.loads(name).replace("~", "~0").replace("/", "~1")
        assert answer.status_code == 422
        assert answer.json()["errors"][0] == {
            "pointer": f"/{word}",
            "code": "unknown_member",
            "detail": answer.json()["detail"],
        }

    def test_the_text_names_the_members_there_are(self, caller: Any) -> None:
        answer = caller.post("/v1/softmax", {"logit": [1, 2]})
        assert "it takes logits, temperature, axis, log" in answer.json()["detail"]
        assert pointers(answer) == ["/logit", "/logits"]

    def test_a_long_name_is_cut(self, caller: Any) -> None:
        answer = caller.post("/v1/softmax", {"x" * 10_000: 1})
        assert pointers(answer)[0] == "/" + "x" * 64
        assert len(answer.content) < 2000

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ('{"logits": [1], "logits": [2]}', "/logits"),
            ('{"logits": [1], "log\\u0069ts": [2]}', "/logits"),
            ('{"a": {"b": 1, "b": 1}, "logits": [1]}', "/a/b"),
            ('{"logits": [1, {"a": 1, "a": 1}]}', "/logits/1/a"),
        ],
    )
    def test_a_duplicate_member_is_refused(self, caller: Any, body: str, pointer: str) -> None:
        assert refused(caller.post("/v1/softmax", body), 422, pointer) == "duplicate_member"

    def test_a_null_option_is_an_absent_one(self, caller: Any) -> None:
        options = {"temperature": None, "axis": None, "log": None}
        full = caller.post("/v1/softmax", {"logits": [1, 2], **options})
        assert full.content == caller.post("/v1/softmax", {"logits": [1, 2]}).content

    def test_a_null_that_is_needed_is_missing(self, caller: Any) -> None:
        answer = caller.post("/v1/softmax", {"logits": None})
        assert refused(answer, 422, "/logits") == "missing_member"

    def test_each_bad_member_is_named_once(self, caller: Any) -> None:
        body = {"logits": [1, "x", "y"], "temperature": -1, "log": 3, "what": 1}
        answer = caller.post("/v1/softmax", body)
        assert sorted(pointers(answer)) == ["/log", "/logits/1", "/temperature", "/what"]
        assert answer.json()["error_count"] == 4

    @pytest.mark.parametrize(
        ("path", "body", "pointer"),
        [
            (CROSS, {"logits": [1], "labels": 0, "classes": ["a", None]}, "/classes/1"),
            (CROSS, {"logits": [1], "labels": 0, "ignore_index": [1, 2, 2.5]}, "/ignore_index/2"),
            (
                JUDGE,
                {"inputs": [[1, 2, 3, 4]], "labels": ["setosa"], "row_ids": [1.5]},
                "/row_ids/0",
            ),
            (
                "/v1/evaluate",
                {"logits": [[1, 2]] * 3, "labels": [0, 1, 0], "row_ids": ["a", "b", 3]},
                "/row_ids/2",
            ),
        ],
    )
    def test_a_bad_item_of_a_list_is_named(
        self, caller: Any, path: str, body: Any, pointer: str
    ) -> None:
        assert refused(caller.post(path, body), 422, pointer) == "invalid_option"


class TestShapes:
    @pytest.mark.parametrize(
        ("body", "pointer", "code"),
        [
            ('{"logits": [[1, 2], [3]]}', "/logits/1", "ragged_array"),
            ('{"logits": [[1, 2], 3]}', "/logits/1", "ragged_array"),
            ('{"logits": [[[1], [2]], [[1]]]}', "/logits/1", "ragged_array"),
            ('{"logits": [[1, 2], []]}', "/logits/1", "empty_row"),
            ('{"logits": [[], [1]]}', "/logits/0", "empty_row"),
            ('{"logits": [[[]]]}', "/logits/0/0", "empty_row"),
            ('{"logits": {"a": 1}}', "/logits", "not_a_number"),
            ('{"logits": "1"}', "/logits", "not_a_number"),
            ('{"logits": ["-Infinity", "-Infinity"]}', "/logits", "impossible_row"),
            ('{"logits": [[1, 2], ["Infinity", "Infinity"]]}', "/logits/1/1", "ambiguous_row"),
            ('{"logits": [1, 2], "axis": 1}', "/axis", "invalid_option"),
        ],
    )
    def test_softmax(self, caller: Any, body: str, pointer: str, code: str) -> None:
        assert refused(caller.post("/v1/softmax", body), 422, pointer) == code

    @pytest.mark.parametrize(
        ("path", "body", "code"),
        [
            (CROSS, {"logits": [[1, 2]], "labels": [0, 1]}, "shape_mismatch"),
            (CROSS, {"logits": [[1, 2]], "targets": [[1, 0, 0]]}, "shape_mismatch"),
            (CROSS, {"logits": [[1, 2]], "labels": [0], "class_weights": [1]}, "shape_mismatch"),
            (
                CROSS,
                {"logits": [[1, 2]], "labels": [0], "targets": [[1, 0]]},
                "conflicting_members",
            ),
            (CROSS, {"labels": [0]}, "missing_member"),
            (CROSS, {"logits": [[1, 2]]}, "missing_member"),
            (
                CROSS,
                {"logits": [1, 2], "probabilities": [0, 1], "labels": 0},
                "conflicting_members",
            ),
            (CROSS, {"logits": [], "labels": []}, "empty_reduction"),
            (CROSS, {"probabilities": [0.2, 0.7], "labels": 0}, "not_normalized"),
            (
                CROSS,
                {"probabilities": [0.5, 0.5], "labels": 0, "temperature": 2},
                "conflicting_members",
            ),
            (
                CROSS,
                {"probabilities": [0, 1], "labels": 0, "zero_probability": "reject"},
                "zero_probability",
            ),
            (BINARY, {"logits": [1, 2], "labels": [0]}, "shape_mismatch"),
            (BINARY, {"logits": [1], "labels": [0.5]}, "label_out_of_range"),
            ("/v1/evaluate", {"logits": [[1, 2]], "labels": [0, 1]}, "shape_mismatch"),
            ("/v1/evaluate", {"logits": [], "labels": []}, "empty_reduction"),
            (PREDICT, {"inputs": [[1, 2, 3]]}, "shape_mismatch"),
            (PREDICT, {"inputs": [1, 2, 3, 4]}, "shape_mismatch"),
            (PREDICT, {"inputs": [[1, 2, 3, 4]], "top": 0}, "invalid_option"),
            (JUDGE, {"inputs": [[1, 2, 3, 4]], "labels": ["rosa"]}, "unknown_label"),
            (JUDGE, {"inputs": [[1, 2, 3, 4]], "labels": []}, "shape_mismatch"),
        ],
    )
    def test_meaning(self, caller: Any, path: str, body: Any, code: str) -> None:
        assert refused(caller.post(path, body), 422) == code


BODY = b'{"logits": [[1, 2], [3, 4]]}'


class TestBytes:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty_body"),
            (b" ", "invalid_json"),
            (b"\xef\xbb\xbf" + BODY, "invalid_json"),
            (BODY.decode().encode("utf-16"), "invalid_json"),
            (BODY.decode().encode("utf-16-le"), "invalid_json"),
            (BODY.decode().encode("utf-32"), "invalid_json"),
            (b'{"logits": [1], "\xff": 1}', "invalid_json"),
            (b'{"logits": [1], "\xc0\xaf": 1}', "invalid_json"),
            (b'{"logits": [1], "\xed\xa0\x80": 1}', "invalid_json"),
            (BODY + b"x", "invalid_json"),
            (BODY + BODY, "invalid_json"),
            (BODY + b"\x00", "invalid_json"),
            (b"\x1f\x8b\x08\x00" + BODY, "invalid_json"),
            (b"{'logits': [1]}", "invalid_json"),
            (b'{"logits": [1,]}', "invalid_json"),
            (b'{"logits": [1]; "log": true}', "invalid_json"),
            (b"logits=1", "invalid_json"),
        ],
    )
    def test_what_is_not_json_is_400(self, caller: Any, body: bytes, code: str) -> None:
        assert refused(caller.post("/v1/softmax", body), 400) == code

    @pytest.mark.parametrize("length", range(1, len(BODY)))
    def test_every_truncation_is_400(self, caller: Any, length: int) -> None:
        assert refused(caller.post("/v1/softmax", BODY[:length]), 400) == "invalid_json"

    @pytest.mark.parametrize("body", ["[]", "1", "null", "true", '"logits"', "[[1, 2]]"])
    def test_json_that_is_no_object_is_422(self, caller: Any, body: str) -> None:
        assert refused(caller.post("/v1/softmax", body), 422, "") == "not_an_object"

    def test_white_space_around_is_json(self, caller: Any) -> None:
        assert caller.post("/v1/softmax", b"\r\n\t " + BODY + b"\r\n\t ").status_code == 200

    @pytest.mark.parametrize("depth", [17, 500, 1000, 1023, 1024, 1025, 100_000])
    @pytest.mark.parametrize(
        ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")]
    )
    def test_deep_nesting_is_refused(
        self, caller: Any, opening: bytes, closing: bytes, depth: int
    ) -> None:
        whole = b'{"logits":' + opening * depth + b"1" + closing * depth + b"}"
        assert caller.post("/v1/softmax", whole).status_code in (400, 413, 422)
        cut = caller.post("/v1/softmax", b'{"logits":' + opening * depth)
        assert cut.status_code in ((400,) if depth < 1000 else (400, 413))

    def test_sixteen_levels_are_served(self, caller: Any) -> None:
        body = b'{"logits":' + b"[" * 16 + b"1" + b"]" * 16 + b"}"
        assert caller.post("/v1/softmax", body).status_code == 200
        body = b'{"logits":' + b"[" * 17 + b"1" + b"]" * 17 + b"}"
        assert refused(caller.post("/v1/softmax", body), 413) == "nesting_too_deep"


MILLION = [
    pytest.param("/v1/softmax", '{"logits": [', "[1,true],", "[1,true]]}", id="cells"),
    pytest.param("/v1/softmax", '{"logits": [', "null,", "null]}", id="nulls"),
    pytest.param("/v1/softmax", '{"logits": [[1],', "3,", "3]}", id="ragged"),
    pytest.param("/v1/softmax", '{"logits": [', '"x",', '"x"]}', id="strings"),
    pytest.param("/v1/softmax", '{"logits": [', "{},", "{}]}", id="objects"),
    pytest.param(CROSS, '{"logits": [1], "labels": [', '"x",', '"x"]}', id="labels"),
    pytest.param(CROSS, '{"logits": [1], "labels": 0, "classes": [', "[],", "[]]}", id="classes"),
    pytest.param(
        CROSS, '{"logits": [1], "labels": 0, "ignore_index": [', "1.5,", "1]}", id="ignore_index"
    ),
    pytest.param(
        "/v1/evaluate", '{"logits": [[1]], "labels": [0], "row_ids": [', "{},", "1]}", id="row_ids"
    ),
]


class TestAmplification:
    @pytest.mark.parametrize(("path", "start", "item", "end"), MILLION)
    def test_a_megabyte_of_errors_is_a_short_and_quick_answer(
        self, caller: Any, path: str, start: str, item: str, end: str
    ) -> None:
        body = start + item * (1_000_000 // len(item)) + end
        began = time.perf_counter()
        answer = caller.post(path, body)
        assert time.perf_counter() - began < 1.5
        assert answer.status_code == 422
        assert len(answer.content) < 2000


class TestNoEcho:
    """The caller holds every problem to saying nothing of SECRET; the server fixture, the log."""

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/softmax", '{"logits": [1, "SECRET"]}'),
            ("/v1/softmax", '{"logits": "SECRET"}'),
            ("/v1/softmax", '{"logits": {"SECRET": "SECRET"}}'),
            ("/v1/softmax", '{"logits": [{"SECRET": 1}]}'),
            ("/v1/softmax", '{"logits": [1], "temperature": "SECRET"}'),
            ("/v1/softmax", '{"logits": [1], "axis": "SECRET"}'),
            ("/v1/softmax", '{"logits": [1], "log": ["SECRET"]}'),
            ("/v1/softmax", '{"logits": [1], "other": "SECRET"}'),
            ("/v1/softmax", '{"logits": [1], SECRET: 1}'),
            ("/v1/softmax", "SECRET"),
            ("/v1/softmax", '"SECRET"'),
            ("/v1/softmax", '["SECRET"]'),
            ("/v1/softmax", '{"logits": [1]} SECRET'),
            ("/v1/softmax", '{"logits": [SECRET]}'),
            ("/v1/softmax", '{"logits": [1], "a": "SECRET", "a": "SECRET"}'),
            (CROSS, '{"logits": [1], "labels": "SECRET"}'),
            (CROSS, '{"logits": [[1]], "labels": ["SECRET"]}'),
            (CROSS, '{"logits": [1, 2], "labels": "SECRET", "classes": ["a", "b"]}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "classes": ["SECRET", "SECRET"]}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "classes": "SECRET"}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "classes": ["SECRET", null]}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "reduction": "SECRET"}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "unit": "SECRET"}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "normalize": "SECRET"}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "ignore_index": "SECRET"}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "ignore_index": ["SECRET"]}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "sample_weights": "SECRET"}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "class_weights": ["SECRET", 1]}'),
            (CROSS, '{"logits": [1, 2], "labels": 0, "class_weights": {"a": "SECRET"}}'),
            (BINARY, '{"logits": [1, 2], "labels": ["SECRET", 1]}'),
            (BINARY, '{"logits": [1, 2], "targets": ["SECRET", 1]}'),
            (BINARY, '{"logits": [1], "labels": [1], "positive_weight": "SECRET"}'),
            ("/v1/explain", '{"logits": [1], "label": "SECRET"}'),
            ("/v1/explain", '{"logits": [1], "target": ["SECRET"]}'),
            ("/v1/evaluate", '{"logits": [[1]], "labels": ["SECRET"]}'),
            ("/v1/evaluate", '{"logits": [[1, 2]], "labels": ["SECRET"], "classes": ["a", "b"]}'),
            ("/v1/evaluate", '{"logits": [[1]], "labels": [0], "row_ids": ["SECRET", 1]}'),
            ("/v1/evaluate", '{"logits": [[1]], "labels": [0], "row_ids": ["SECRET", "b"]}'),
            (PREDICT, '{"inputs": [[1, 2, 3, "SECRET"]]}'),
            (JUDGE, '{"inputs": [[1, 2, 3, 4]], "labels": ["SECRET"]}'),
            (JUDGE, '{"inputs": [[1, 2, 3, 4]], "labels": [["SECRET"]]}'),
            ("/v1/models/SECRET/predict", '{"inputs": [[1, 2, 3, 4]]}'),
        ],
    )
    def test_a_bad_body_is_not_repeated(
        self, caller: Any, secret: str, path: str, body: str
    ) -> None:
        answer = caller.post(path.replace("SECRET", secret), body.replace("SECRET", secret))
        assert answer.status_code in (400, 404, 422)
        assert secret not in answer.text

    @pytest.mark.parametrize(
        "path",
        [
            "/SECRET",
            "/v1/models/SECRET",
            "/problems/SECRET",
            "/livez?SECRET=SECRET",
            "/docs/SECRET",
        ],
    )
    def test_a_path_is_not_repeated(self, caller: Any, secret: str, path: str) -> None:
        answer = caller.get(path.replace("SECRET", secret))
        assert answer.status_code in (200, 404)
        assert secret not in answer.text

    @pytest.mark.parametrize(
        "name", ["content-type", "accept", "content-encoding", "authorization", "cookie", "host"]
    )
    def test_a_header_is_not_repeated(self, caller: Any, secret: str, name: str) -> None:
        answer = caller.post("/v1/softmax", {"logits": [1]}, **{name: secret})
        assert answer.status_code in (200, 401, 406, 415, 421)
        assert secret not in answer.text
