"""Features to probabilities, and what the door refuses."""

import mpmath
import numpy as np
import pytest

from service.classifier import Model
from service.errors import Code, InvalidInput


def refused(call, *arguments, **options):
    with pytest.raises(InvalidInput) as caught:
        call(*arguments, **options)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def remade(model, **changes):
    members = ("name", "version", "classes", "feature_names", "coefficients", "intercepts")
    return Model(**{member: getattr(model, member) for member in members} | changes)


def test_probabilities_are_the_softmax_of_the_linear_scores(model):
    rows = [[1.5, -2.0], [0.0, 0.0], [-3.0, 4.0]]
    prediction = model.predict(rows)
    with mpmath.workdps(50):
        for x, row in zip(rows, prediction.probabilities, strict=True):
            scores = [
                mpmath.exp(mpmath.fdot(w, x) + mpmath.mpf(b))
                for w, b in zip(model.coefficients.tolist(), model.intercepts.tolist(), strict=True)
            ]
            expected = [float(score / sum(scores)) for score in scores]
            np.testing.assert_allclose(row, expected, rtol=2e-15)
    assert prediction.labels == ("a", "b", "c")
    assert (prediction.model, prediction.version) == ("small", 3)
    assert prediction.classes == ("a", "b", "c")
    assert prediction.top_labels is None
    assert prediction.top_probabilities is None


def test_one_row_of_coefficients_is_the_binomial_model(binary):
    np.testing.assert_array_equal(binary.logits([[3.0]]), [[0.0, 5.0]])
    with mpmath.workdps(50):
        second = 1 / (1 + mpmath.exp(-5))
        expected = [float(1 - second), float(second)]
    np.testing.assert_allclose(binary.predict([[3.0]]).probabilities, [expected], rtol=1e-15)
    assert binary.predict([[3.0], [0.0]]).labels == (1, 0)


def test_two_classes_may_have_two_rows_of_coefficients(binary):
    both = remade(binary, coefficients=[[-1.0], [1.0]], intercepts=[0.5, -0.5])
    np.testing.assert_array_equal(both.logits([[3.0]]), [[-2.5, 2.5]])


def test_top_lists_the_most_probable_classes_and_breaks_ties_by_class_order(model):
    tied = remade(model, coefficients=np.zeros((3, 2)), intercepts=[0.0, 1.0, 1.0])
    prediction = tied.predict([[5.0, 7.0], [1.0, 1.0]], top=2)
    assert prediction.labels == ("b", "b")
    assert prediction.top_labels == (("b", "c"), ("b", "c"))
    np.testing.assert_array_equal(prediction.top_probabilities, prediction.probabilities[:, [1, 2]])
    everything = tied.predict([[0.0, 0.0]], top=3)
    assert everything.top_labels == (("b", "c", "a"),)


@pytest.mark.parametrize("top", [0, -1, 4, True, 1.5])
def test_top_outside_the_classes_is_refused(model, top):
    assert refused(model.predict, [[0.0, 0.0]], top=top) == [("/top", Code.INVALID_OPTION)]


def test_a_row_has_the_same_bits_alone_and_in_any_batch(model):
    rng = np.random.default_rng(5)
    wide = Model(
        name="wide",
        version=1,
        classes=tuple(range(10)),
        feature_names=tuple(f"f{i}" for i in range(64)),
        coefficients=rng.normal(size=(10, 64)),
        intercepts=rng.normal(size=10),
    )
    rows = rng.normal(size=(130, 64))
    together = wide.predict(rows).probabilities
    alone = np.vstack([wide.predict(rows[i : i + 1]).probabilities for i in range(130)])
    assert together.tobytes() == alone.tobytes()
    assert together[7:50].tobytes() == wide.predict(rows[7:50]).probabilities.tobytes()


@pytest.mark.parametrize("empty", [[], np.empty((0, 2))])
def test_an_empty_batch_has_no_predictions(model, empty):
    prediction = model.predict(empty, top=1)
    assert prediction.labels == ()
    assert prediction.top_labels == ()
    assert prediction.probabilities.shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, np.uint8])
def test_every_numeric_type_is_computed_in_float64(model, dtype):
    rows = np.array([[3, 2], [1, 5]], dtype=dtype)
    assert model.logits(rows).dtype == np.float64
    np.testing.assert_array_equal(model.logits(rows), model.logits(rows.astype(np.float64)))


@pytest.mark.parametrize(
    ("inputs", "pointer", "code"),
    [
        ([[0.0, 1.0], [0.0, np.nan]], "/inputs/1/1", Code.NAN_VALUE),
        ([[0.0, 1.0], [-np.inf, np.nan]], "/inputs/1/0", Code.INFINITE_VALUE),
        ([[1e308, 1.0], [-1.7e308, 1.7e308]], "/inputs/1", Code.INFINITE_VALUE),
        ([[1.0, 2.0, 3.0]], "/inputs", Code.SHAPE_MISMATCH),
        ([1.0, 2.0], "/inputs", Code.SHAPE_MISMATCH),
        ([[[1.0, 2.0]]], "/inputs", Code.SHAPE_MISMATCH),
        (3.0, "/inputs", Code.SHAPE_MISMATCH),
        ([[1.0, 2.0], [1.0]], "/inputs", Code.RAGGED_ARRAY),
        ([[True, False]], "/inputs", Code.NOT_A_NUMBER),
        ([["1", "2"]], "/inputs", Code.NOT_A_NUMBER),
        ([[None, 2.0]], "/inputs", Code.NOT_A_NUMBER),
    ],
)
def test_inputs_that_mean_nothing_are_refused_at_their_cell(model, inputs, pointer, code):
    wider = remade(model, coefficients=[[1.0, 0.0], [0.0, 1.0], [-1.0, 1.5]])
    assert refused(wider.predict, inputs) == [(pointer, code)]


@pytest.mark.parametrize("rows", [1, 16, 17, 3000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_feature_that_no_class_weighs_is_finite_as_well(model, rows, value):
    """Cells are looked at where a logit is not finite: none may be left out of the product."""
    without = remade(model, coefficients=np.zeros((3, 2)))
    inputs = np.zeros((rows, 2))
    inputs[rows // 2, 1] = value
    assert refused(without.predict, inputs)[0][0] == f"/inputs/{rows // 2}/1"


def test_a_wrong_feature_count_is_told_with_the_feature_names(model):
    with pytest.raises(InvalidInput, match=r"rows of 1 numbers; small takes 2: height, width$"):
        model.logits([[1.0]])


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"name": "Small"}, [("/name", Code.INVALID_OPTION)]),
        ({"name": "small\n"}, [("/name", Code.INVALID_OPTION)]),
        ({"version": 0}, [("/version", Code.INVALID_OPTION)]),
        ({"version": True}, [("/version", Code.INVALID_OPTION)]),
        ({"classes": ("a", "b", "b")}, [("/classes", Code.NOT_A_LABEL)]),
        ({"classes": ("a", "b", 3)}, [("/classes", Code.NOT_A_LABEL)]),
        ({"classes": (True, False, 3)}, [("/classes", Code.NOT_A_LABEL)]),
        ({"feature_names": ("height", "height")}, [("/feature_names", Code.SHAPE_MISMATCH)]),
        ({"feature_names": ("height", 2)}, [("/feature_names", Code.SHAPE_MISMATCH)]),
        ({"coefficients": np.zeros((1, 2))}, [("/coefficients", Code.SHAPE_MISMATCH)]),
        ({"coefficients": np.zeros((3, 3))}, [("/coefficients", Code.SHAPE_MISMATCH)]),
        ({"coefficients": np.full((3, 2), np.nan)}, [("/coefficients/0/0", Code.INFINITE_VALUE)]),
        ({"intercepts": np.zeros((3, 1))}, [("/intercepts", Code.SHAPE_MISMATCH)]),
        (
            {"name": "", "intercepts": np.full(3, np.inf)},
            [("/name", Code.INVALID_OPTION), ("/intercepts/0", Code.INFINITE_VALUE)],
        ),
    ],
)
def test_a_model_whose_parts_do_not_fit_is_refused(model, changes, faults):
    assert refused(remade, model, **changes) == faults


def test_a_model_cannot_be_changed(model):
    source = np.zeros((3, 2))
    copy = remade(model, coefficients=source)
    source[0, 0] = 9.0
    assert copy.coefficients[0, 0] == 0.0
    for array in (model.coefficients, model.intercepts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    with pytest.raises(TypeError):
        model.metadata["data"] = {}
