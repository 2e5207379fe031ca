"""What the door of the dialects takes and refuses."""

import itertools

import numpy as np
import pytest

from service.errors import Code, InvalidInput
from service.losses import CATALOGUE
from service.losses.dialects import DIALECTS, SUPPORTED, dialect_loss

LOGITS = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]])
LABELS = np.array([0, 2])
CE, BCE = "cross-entropy", "binary-cross-entropy"
GIVEN = {"logits": LOGITS, "labels": LABELS}


def refusal(dialect, loss, **given):
    with pytest.raises(InvalidInput) as error:
        dialect_loss(dialect, loss, **given)
    return error.value.faults[0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("dialect", "loss", "given", "pointer"),
        [
            ("torch", "focal", GIVEN, "/dialect"),
            ("sklearn", CE, GIVEN, "/logits"),
            ("torch", CE, {"probabilities": LOGITS, "labels": LABELS}, "/probabilities"),
            ("sklearn", CE, {"probabilities": LOGITS, "targets": LOGITS}, "/targets"),
            ("torch", CE, {**GIVEN, "sample_weights": np.ones(2)}, "/sample_weights"),
            ("keras", CE, {**GIVEN, "class_weights": np.ones(3)}, "/class_weights"),
            ("keras", CE, {**GIVEN, "label_smoothing": 0.1, "ignore_index": 0}, "/label_smoothing"),
            ("torch", CE, {**GIVEN, "ignore_index": [0, 1]}, "/ignore_index"),
            ("torch", CE, {**GIVEN, "gradient": True}, "/gradient"),
            ("torch", CE, {**GIVEN, "unit": "bit"}, "/unit"),
            ("torch", CE, {**GIVEN, "temperature": 2.0}, "/temperature"),
            ("tensorflow", CE, {**GIVEN, "labels": LABELS, "axis": 0}, "/axis"),
            ("keras", BCE, {"logits": LOGITS, "labels": LOGITS > 1, "positive_weight": 2.0},
             "/positive_weight"),
            ("sklearn", BCE, {"probabilities": np.array([0.5]), "labels": np.array([1]),
                              "reduction": "none"}, "/reduction"),
            ("sklearn", "brier", {"probabilities": np.ones((1, 1)), "labels": np.zeros(1, int)},
             "/probabilities"),
            ("sklearn", CE, {"probabilities": np.full((2, 2, 2), 0.5),
                             "labels": np.zeros((2, 2), int)}, "/probabilities"),
            ("keras", "binary-focal", {"logits": LOGITS, "labels": LOGITS > 1,
                                       "alpha": np.ones(3)}, "/alpha"),
            ("keras", "focal", {**GIVEN, "alpha": np.ones(2)}, "/alpha"),
            ("keras", "focal", {**GIVEN, "alpha": 0.5, "class_weights": np.ones(3)}, "/alpha"),
            ("keras", "generalized-cross-entropy",
             {"probabilities": LOGITS, "labels": LABELS, "q": 1.0}, "/q"),
        ],
    )  # fmt: skip
    def test_what_a_library_has_not_is_named(self, dialect, loss, given, pointer):
        fault = refusal(dialect, loss, **given)
        assert (fault.pointer, fault.code) == (pointer, Code.DIALECT_UNSUPPORTED)

    @pytest.mark.parametrize(
        ("change", "pointer", "code"),
        [
            ({"labels": np.array([0, 3])}, "/labels/1", Code.LABEL_OUT_OF_RANGE),
            ({"labels": np.array([0])}, "/labels", Code.SHAPE_MISMATCH),
            ({"class_weights": np.array([1.0, -1.0, 1.0])}, "/class_weights/1",
             Code.NEGATIVE_WEIGHT),
            ({"reduction": "median"}, "/reduction", Code.INVALID_OPTION),
            ({"label_smoothing": -0.1}, "/label_smoothing", Code.INVALID_OPTION),
            ({"labels": None}, "/labels", Code.MISSING_MEMBER),
            ({"targets": LOGITS}, "/targets", Code.CONFLICTING_MEMBERS),
        ],
    )  # fmt: skip
    def test_what_means_nothing_is_refused_as_everywhere(self, change, pointer, code):
        fault = refusal("torch", CE, **{**GIVEN, **change})
        assert (fault.pointer, fault.code) == (pointer, code)

    def test_a_binary_label_that_is_none_is_named(self):
        fault = refusal("torch", BCE, logits=LOGITS, labels=np.array([[0, 1, 0], [1, 2, 0]]))
        assert (fault.pointer, fault.code) == ("/labels/1/1", Code.LABEL_OUT_OF_RANGE)

    def test_an_unknown_dialect(self):
        assert refusal("jax", CE, **GIVEN).code == Code.INVALID_OPTION

    def test_every_pair_that_is_not_in_the_table_is_refused_with_what_there_is(self):
        losses = [loss.name for loss in CATALOGUE]
        for dialect, loss in itertools.product(DIALECTS, losses):
            if loss in SUPPORTED[dialect]:
                continue
            fault = refusal(dialect, loss, logits=LOGITS)  # an entropy has no labels
            assert (fault.pointer, fault.code) == ("/dialect", Code.DIALECT_UNSUPPORTED)
            reproduced, _, has = fault.detail.partition("; ")
            having = [name for name in DIALECTS if loss in SUPPORTED[name]]
            assert reproduced.endswith("of " + (" and ".join(having) or "no library"))
            assert has == f"{dialect} has {', '.join(SUPPORTED[dialect])}"


class TestWhatAsksForNothing:
    @pytest.mark.parametrize("dialect", ["torch", "keras", "tensorflow"])
    def test_neutral_values_and_null_change_nothing(self, dialect):
        plain = dialect_loss(dialect, CE, **GIVEN)
        assert plain == dialect_loss(
            dialect,
            CE,
            **GIVEN,
            label_smoothing=0.0,
            temperature=1.0,
            z_loss=0.0,
            unit="nat",
            gradient=False,
            sample_weights=None,
            class_weights=None,
        )

    def test_a_list_of_one_ignored_label_is_that_label_and_of_none_is_none(self):
        one = dialect_loss("keras", CE, **GIVEN, ignore_index=0)
        assert dialect_loss("keras", CE, **GIVEN, ignore_index=[0]) == one
        assert dialect_loss("keras", CE, **GIVEN, ignore_index=[]) == dialect_loss(
            "keras", CE, **GIVEN
        )

    def test_class_names_are_their_positions(self):
        named = np.array(["a", "c"], dtype=object)
        weights = {"c": 4.0}
        by_name = dialect_loss(
            "torch", CE, logits=LOGITS, labels=named, classes=["a", "b", "c"], class_weights=weights
        )
        by_index = dialect_loss("torch", CE, **GIVEN, class_weights=np.array([1.0, 1.0, 4.0]))
        assert by_name == by_index

    @pytest.mark.parametrize("dialect", ["torch", "keras", "tensorflow"])
    def test_an_ignored_name_is_its_position_or_none(self, dialect):
        classes = ["a", "b", "c"]
        for named, index in (("c", 2), ("?", -1)):
            labels = np.array(["a", named], dtype=object)
            by_name = dialect_loss(
                dialect, CE, logits=LOGITS, labels=labels, classes=classes, ignore_index=named
            )
            by_index = dialect_loss(
                dialect, CE, logits=LOGITS, labels=np.array([0, index]), ignore_index=index
            )
            assert by_name == by_index

    def test_booleans_are_binary_labels(self):
        logits = np.array([0.5, -1.0])
        by_number = dialect_loss("torch", BCE, logits=logits, labels=np.array([1, 0]))
        assert by_number == dialect_loss(
            "torch", BCE, logits=logits, labels=np.array([True, False])
        )

    @pytest.mark.parametrize("dialect", ["torch", "keras", "tensorflow"])
    def test_an_empty_batch_without_a_width(self, dialect):
        empty = {"logits": np.zeros(0), "labels": np.zeros(0, int)}
        weights = {"class_weights": np.ones(3)} if dialect == "torch" else {}
        answer = dialect_loss(dialect, CE, **empty, **weights)
        assert np.isnan(answer.loss).all() if dialect == "torch" else np.size(answer.loss) == 0


def test_inputs_are_left_as_they_are():
    given = {"logits": LOGITS.copy(), "labels": LABELS.copy()}
    before = np.geterr()
    dialect_loss("torch", CE, **given)
    assert np.array_equal(given["logits"], LOGITS)
    assert np.geterr() == before
