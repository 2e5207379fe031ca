"""What is refused, where it is pointed at, and that all bad members are named at once."""

import math
from typing import Any

import numpy as np
import pytest

from service.errors import Code, InvalidInput
from service.losses import binary_cross_entropy, cross_entropy, explain, sigmoid, softmax
from service.wire import labels_from

from .conftest import faults

ZEROS = np.zeros((2, 3))
ZERO_LABELS = np.zeros(2, int)


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "pointer", "code"),
        [
            ([0, 3], "/labels/1", Code.LABEL_OUT_OF_RANGE),
            ([-1, 0], "/labels/0", Code.LABEL_OUT_OF_RANGE),
            ([0, 0.5], "/labels/1", Code.LABEL_OUT_OF_RANGE),
            ([0, 2**63], "/labels/1", Code.LABEL_OUT_OF_RANGE),
            ([0, 10**20], "/labels/1", Code.LABEL_OUT_OF_RANGE),
            ([True, False], "/labels/0", Code.NOT_A_LABEL),
            ([0, True], "/labels/1", Code.NOT_A_LABEL),
            ([0, "cat"], "/labels/1", Code.NOT_A_LABEL),
            ([0, "NaN"], "/labels/1", Code.NOT_A_LABEL),
            ([7, "cat"], "/labels/0", Code.LABEL_OUT_OF_RANGE),
            (["0", "1"], "/labels/0", Code.NOT_A_LABEL),
            ([0], "/labels", Code.SHAPE_MISMATCH),
            ([[0], [1]], "/labels", Code.SHAPE_MISMATCH),
        ],
    )
    def test_what_is_no_class_index(self, labels: Any, pointer: str, code: Code) -> None:
        given = labels_from("labels", labels)
        assert faults(cross_entropy, logits=ZEROS, labels=given) == [(pointer, code)]

    def test_whole_floats_are_indices_and_nan_is_none(self) -> None:
        assert cross_entropy(logits=ZEROS, labels=np.array([0.0, 2.0])).count == 2
        assert faults(cross_entropy, logits=ZEROS, labels=np.array([0.0, math.nan])) == [
            ("/labels/1", Code.NAN_VALUE)
        ]

    @pytest.mark.parametrize("labels", [["b", "c"], np.array(["b", "c"])])
    def test_names_are_indices_in_the_order_of_classes(self, labels: Any) -> None:
        logits = np.array([[1.0, 2.0, 4.0], [0.0, 3.0, -1.0]])
        named = cross_entropy(
            logits=logits,
            labels=np.asarray(labels, object),
            classes=["a", "b", "c"],
            class_weights={"c": 2.5},
        )
        indexed = cross_entropy(
            logits=logits, labels=np.array([1, 2]), class_weights=np.array([1, 1, 2.5])
        )
        assert named.loss == indexed.loss

    def test_integer_names_are_not_indices_nor_booleans(self) -> None:
        logits = np.array([[1.0, 2.0]])
        by_name = cross_entropy(logits=logits, labels=np.array([1]), classes=[2, 1])
        assert by_name.loss == cross_entropy(logits=logits, labels=np.array([1])).loss
        whole = cross_entropy(logits=logits, labels=np.array([1.0]), classes=[2, 1])
        assert whole.loss == by_name.loss
        left_out = cross_entropy(
            logits=np.repeat(logits, 2, axis=0),
            labels=np.array([-1, 1]),
            classes=[2, 1],
            ignore_index=-1,
        )
        assert (left_out.loss, left_out.ignored) == (by_name.loss, 1)
        for label in (np.array([0]), np.array([True]), np.array(["1"], object)):
            assert faults(cross_entropy, logits=logits, labels=label, classes=[2, 1]) == [
                ("/labels/0", Code.UNKNOWN_LABEL)
            ]

    @pytest.mark.parametrize(
        ("labels", "pointer"),
        [([0, 2], "/labels/1"), ([0.5, 0], "/labels/0"), ([0, math.inf], "/labels/1")],
    )
    def test_what_is_no_binary_label(self, labels: Any, pointer: str) -> None:
        given = np.array(labels)
        assert faults(binary_cross_entropy, logits=np.zeros(2), labels=given) == [
            (pointer, Code.LABEL_OUT_OF_RANGE)
        ]

    def test_what_is_no_number_is_told_as_for_classes(self) -> None:
        for function in (cross_entropy, binary_cross_entropy):
            logits = ZEROS if function is cross_entropy else np.zeros(2)
            for label, code in (("x", Code.NOT_A_LABEL), (math.nan, Code.NAN_VALUE)):
                labels = np.array([0, label], object)
                assert faults(function, logits=logits, labels=labels) == [("/labels/1", code)]

    def test_binary_labels_may_be_booleans_also_among_numbers(self) -> None:
        logits = np.array([1.0, -2.0])
        number = binary_cross_entropy(logits=logits, labels=np.array([1, 0])).loss
        for labels in ([True, False], [True, 0], [1.0, False]):
            given = labels_from("labels", labels)
            assert binary_cross_entropy(logits=logits, labels=given).loss == number

    @pytest.mark.parametrize("target", [-0.1, 1.1, math.nan, math.inf])
    def test_what_is_no_binary_target(self, target: float) -> None:
        code = Code.NAN_VALUE if math.isnan(target) else Code.PROBABILITY_OUT_OF_RANGE
        assert faults(
            binary_cross_entropy, logits=np.zeros((1, 2)), targets=np.array([[0.5, target]])
        ) == [("/targets/0/1", code)]

    def test_an_integer_that_was_rounded_on_the_way_is_no_name(self) -> None:
        user = 2**53 + 1  # as a float it is the name of its neighbour
        given: dict[str, Any] = {"logits": np.array([[1.0, 2.0, 4.0]] * 2)}
        exact = labels_from("labels", [user, 7])
        loss = cross_entropy(**given, labels=exact, classes=[7, user, user - 1]).loss
        assert loss == cross_entropy(**given, labels=np.array([1, 0])).loss
        rounded = labels_from("labels", [user, 7.0])
        with pytest.raises(InvalidInput, match="is rounded") as caught:
            cross_entropy(**given, labels=rounded, classes=[7, user - 1, "x"])
        assert caught.value.faults[0].pointer == "/labels/0"
        ignored = cross_entropy(
            **given,
            labels=labels_from("labels", [user, "x"]),
            classes=[user, "x", "y"],
            ignore_index=user - 1,
        )
        assert ignored.ignored == 0


class TestWeights:
    @pytest.mark.parametrize(
        ("weight", "code"),
        [
            (-1.0, Code.NEGATIVE_WEIGHT),
            (-math.inf, Code.NEGATIVE_WEIGHT),
            (math.inf, Code.INFINITE_VALUE),
            (math.nan, Code.NAN_VALUE),
        ],
    )
    def test_what_is_no_weight(self, weight: float, code: Code) -> None:
        given: dict[str, Any] = {"logits": ZEROS, "labels": ZERO_LABELS}
        assert faults(cross_entropy, **given, sample_weights=np.array([1, weight])) == [
            ("/sample_weights/1", code)
        ]
        assert faults(cross_entropy, **given, class_weights=np.array([1, 1, weight])) == [
            ("/class_weights/2", code)
        ]
        assert faults(cross_entropy, **given, class_weights={"2": weight}) == [
            ("/class_weights/2", code)
        ]
        assert faults(
            binary_cross_entropy,
            logits=np.zeros(2),
            labels=ZERO_LABELS,
            sample_weights=np.array([1, weight]),
        ) == [("/sample_weights/1", code)]

    def test_shapes_and_names(self) -> None:
        given: dict[str, Any] = {"logits": ZEROS, "labels": ZERO_LABELS}
        assert faults(cross_entropy, **given, class_weights=np.ones(2)) == [
            ("/class_weights", Code.SHAPE_MISMATCH)
        ]
        assert faults(cross_entropy, **given, sample_weights=np.ones(3)) == [
            ("/sample_weights", Code.SHAPE_MISMATCH)
        ]
        assert faults(cross_entropy, **given, class_weights={"a/b": 1.0}) == [
            ("/class_weights/a~1b", Code.UNKNOWN_LABEL)
        ]

    def test_classes_fit_the_columns_and_are_distinct(self) -> None:
        given: dict[str, Any] = {"logits": ZEROS, "targets": np.full((2, 3), 1 / 3)}
        assert faults(cross_entropy, **given, classes=["a", "b"]) == [
            ("/classes", Code.SHAPE_MISMATCH)
        ]
        labels = np.array(["a", "b"], object)
        for others in (given, given | {"class_weights": {"a": 2.0}}, {"labels": labels}):
            arguments = {"logits": ZEROS, "classes": ["a", "a", "b"], **others}
            assert faults(cross_entropy, **arguments) == [("/classes/1", Code.INVALID_OPTION)]

    def test_by_wrong_names_nothing_else_is_wrong(self) -> None:
        arguments: dict[str, Any] = {
            "logits": ZEROS,
            "labels": np.array(["a", "b"], object),
            "class_weights": {"a": 2.0},
            "sample_weights": np.array([1.0, -1.0]),
        }
        for classes, pointer in ((["a", "b"], "/classes"), (["a", "b", "a"], "/classes/2")):
            found = faults(cross_entropy, **arguments, classes=classes)
            assert [where for where, _ in found] == [pointer, "/sample_weights/1"]

    def test_a_number_and_its_digits_are_two_classes_but_not_for_weights(self) -> None:
        given: dict[str, Any] = {
            "logits": ZEROS,
            "labels": np.array([1, 2]),
            "classes": ["1", 1, 2],
        }
        assert cross_entropy(**given).count == 2
        assert faults(cross_entropy, **given, class_weights={"1": 2.0}) == [
            ("/class_weights", Code.CONFLICTING_MEMBERS)
        ]


class TestAdvice:
    """A refusal names an option only where it is there and would help."""

    @pytest.mark.parametrize("target", [[1.0, 1.0], [2.0, 0.0]])
    def test_explain_has_no_normalize(self, target: list[float]) -> None:
        with pytest.raises(InvalidInput) as caught:
            explain(np.zeros(2), target=np.array(target))
        assert "normalize" not in caught.value.detail

    def test_weights_that_are_renormalized_already_are_to_be_finite(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            cross_entropy(
                probabilities=np.array([[math.inf, 1.0]]),
                labels=np.array([0]),
                normalize="renormalize",
            )
        assert caught.value.detail == (
            "probabilities[0][0] is Infinity; a weight is a finite number >= 0"
        )

    def test_binary_probabilities_are_shown(self) -> None:
        with pytest.raises(InvalidInput, match=r"1\.000001; a probability lies in"):
            binary_cross_entropy(probabilities=np.array(1.000001), labels=np.array(1))


class TestPython:
    """What nobody can send over HTTP."""

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"logits": [[1.0, 2.0, 3.0]]}, "logits is a list; losses take NumPy arrays"),
            ({"labels": [0]}, "labels is a list"),
            ({"class_weights": [1.0, 1.0, 1.0]}, "class_weights is a list"),
            ({"logits": np.zeros((1, 3), complex)}, "logits is an array of complex128"),
            ({"logits": np.array([["1", "2", "3"]])}, "logits is an array of <U1"),
            ({"sample_weights": np.array([None])}, "sample_weights is an array of object"),
        ],
    )
    def test_what_is_no_array_of_numbers_is_not_converted(
        self, change: dict[str, Any], text: str
    ) -> None:
        given = {"logits": np.zeros((1, 3)), "labels": np.array([0])}
        with pytest.raises(TypeError, match=text):
            cross_entropy(**given | change)

    def test_names_and_ignored_labels_of_numpy(self) -> None:
        logits, labels = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([7, 5])
        plain = cross_entropy(logits=logits, labels=labels, classes=[5, 7], ignore_index=5)
        for ignore in (np.int64(5), np.array([5])):
            result = cross_entropy(
                logits=logits, labels=labels, classes=np.unique(labels), ignore_index=ignore
            )
            assert (result.loss, result.ignored) == (plain.loss, 1)


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("temperature", [0.0, -1.0, math.inf, math.nan]),
            ("label_smoothing", [-0.1, 1.1, math.nan]),
            ("clip", [0.0, 1.0, math.nan]),
            ("reduction", ["average", ""]),
            ("unit", ["nats"]),
            ("zero_probability", ["ignore"]),
            ("normalize", ["softmax"]),
            ("axis", [2, -3]),
        ],
    )
    def test_what_is_no_option(self, name: str, values: list[Any]) -> None:
        for value in values:
            found = faults(cross_entropy, logits=ZEROS, labels=ZERO_LABELS, **{name: value})
            assert found == [(f"/{name}", Code.INVALID_OPTION)]

    @pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
    def test_the_positive_weight(self, value: float) -> None:
        assert faults(
            binary_cross_entropy,
            logits=np.zeros(2),
            labels=ZERO_LABELS,
            positive_weight=value,
        ) == [("/positive_weight", Code.INVALID_OPTION)]

    @pytest.mark.parametrize("function", [cross_entropy, binary_cross_entropy])
    def test_exactly_one_prediction_and_one_truth(self, function: Any) -> None:
        assert faults(function, labels=ZERO_LABELS) == [("/logits", Code.MISSING_MEMBER)]
        assert faults(function, logits=ZEROS) == [("/labels", Code.MISSING_MEMBER)]
        assert faults(function, logits=ZEROS, probabilities=ZEROS, labels=ZERO_LABELS) == [
            ("/probabilities", Code.CONFLICTING_MEMBERS)
        ]
        assert faults(function, logits=ZEROS, labels=ZERO_LABELS, targets=ZEROS) == [
            ("/targets", Code.CONFLICTING_MEMBERS)
        ]
        assert faults(function, logits=ZEROS, targets=np.zeros(3)) == [
            ("/targets", Code.SHAPE_MISMATCH)
        ]
        assert faults(function, logits=ZEROS, targets=ZEROS, ignore_index=1) == [
            ("/ignore_index", Code.CONFLICTING_MEMBERS)
        ]

    @pytest.mark.parametrize(
        ("function", "labels"), [(cross_entropy, ZERO_LABELS), (binary_cross_entropy, ZEROS > 0)]
    )
    def test_a_name_to_ignore_needs_class_names(self, function: Any, labels: Any) -> None:
        for ignore, pointer in (("a", "/ignore_index"), ([1, "a"], "/ignore_index/1")):
            assert faults(function, logits=ZEROS, labels=labels, ignore_index=ignore) == [
                (pointer, Code.NOT_A_LABEL)
            ]

    @pytest.mark.parametrize("member", ["probabilities", "log_probabilities"])
    def test_a_temperature_belongs_to_logits(self, member: str) -> None:
        assert faults(cross_entropy, **{member: ZEROS}, labels=ZERO_LABELS, temperature=2.0) == [
            ("/temperature", Code.CONFLICTING_MEMBERS)
        ]


class TestSeveral:
    def test_every_bad_member_is_named_once(self) -> None:
        logits = np.array([[0.0, math.nan, math.nan], [math.nan, 0.0, 0.0]])
        assert faults(
            cross_entropy,
            logits=logits,
            labels=np.array([5, 9]),
            sample_weights=np.array([-1.0, -2.0]),
            class_weights=np.array([1.0, math.inf, math.nan]),
        ) == [
            ("/class_weights/1", Code.INFINITE_VALUE),
            ("/sample_weights/0", Code.NEGATIVE_WEIGHT),
            ("/labels/0", Code.LABEL_OUT_OF_RANGE),
            ("/logits/0/1", Code.NAN_VALUE),
        ]

    def test_the_same_for_binary_losses(self) -> None:
        assert faults(
            binary_cross_entropy,
            probabilities=np.array([0.5, 1.5]),
            labels=np.array([5, 9]),
            sample_weights=np.array([1.0, -2.0]),
        ) == [
            ("/sample_weights/1", Code.NEGATIVE_WEIGHT),
            ("/labels/0", Code.LABEL_OUT_OF_RANGE),
            ("/probabilities/1", Code.PROBABILITY_OUT_OF_RANGE),
        ]

    @pytest.mark.parametrize("rows", [20_000, 2])
    def test_the_first_bad_cell_of_many_blocks(self, rows: int) -> None:
        logits = np.zeros((rows, 10))
        logits[rows - 1, 7] = math.nan
        pointer = f"/logits/{rows - 1}/7"
        labels = np.zeros(rows, int)
        assert faults(softmax, logits=logits) == [(pointer, Code.NAN_VALUE)]
        assert faults(cross_entropy, logits=logits, labels=labels) == [(pointer, Code.NAN_VALUE)]
        weights = np.ones(rows)
        weights[0] = 0.0  # rows are then picked by number
        assert faults(cross_entropy, logits=logits, labels=labels, sample_weights=weights) == [
            (pointer, Code.NAN_VALUE)
        ]

    def test_a_nan_of_elementwise_losses(self) -> None:
        logits = np.zeros((2, 3))
        logits[1, 2] = math.nan
        assert faults(sigmoid, logits=logits) == [("/logits/1/2", Code.NAN_VALUE)]
        labels = np.zeros((2, 3), int)
        for member in ("logits", "probabilities", "log_probabilities"):
            assert faults(binary_cross_entropy, **{member: logits}, labels=labels) == [
                (f"/{member}/1/2", Code.NAN_VALUE)
            ]
        logs = np.array([-1.0, 1e-9])
        assert faults(binary_cross_entropy, log_probabilities=logs, labels=ZERO_LABELS) == [
            ("/log_probabilities/1", Code.PROBABILITY_OUT_OF_RANGE)
        ]
