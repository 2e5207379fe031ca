"""Parameters from and to JSON and torch's safetensors."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load, save

from service.classifier import model_from_json, model_from_torch, to_json, to_onnx, to_torch
from service.errors import Code, InvalidInput, MalformedBody, Missing


def same(left, right):
    return (
        left.classes == right.classes
        and left.feature_names == right.feature_names
        and (left.coefficients == right.coefficients).all()
        and (left.intercepts == right.intercepts).all()
    )


def test_json_comes_back_to_the_bit(model, binary):
    for each in (model, binary):
        assert same(model_from_json(to_json(each)), each)


def test_scikit_learns_attributes_are_read():
    dumped = {
        "coef_": [[1.5, -2.0]],
        "intercept_": [0.25],
        "classes_": ["no", "yes"],
        "feature_names_in_": ["a", "b"],
    }
    found = model_from_json(json.dumps(dumped).encode(), name="theirs")
    assert (found.name, found.classes, found.feature_names) == ("theirs", ("no", "yes"), ("a", "b"))
    # p(yes) = 1 / (1 + exp(-(1.5 - 4 + 0.25)))
    expected = 1 / (1 + np.exp(2.25))
    assert found.predict([[1.0, 2.0]]).probabilities[0, 1] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"intercepts": [0, 0]}, "/coefficients", Code.MISSING_MEMBER),
        ({"coefficients": [[1], [2]]}, "/intercepts", Code.MISSING_MEMBER),
        ({"coef_": [[1]], "coefficients": [[1]]}, "/coefficients", Code.DUPLICATE_MEMBER),
        ({"coef_": [[1]], "intercept_": [0], "n_iter_": [3]}, "", Code.UNKNOWN_MEMBER),
        ({"coef_": [1, 2], "intercept_": [0]}, "/coef_", Code.SHAPE_MISMATCH),
        ({"coef_": [[1, 2], [3]], "intercept_": [0]}, "/coef_/1", Code.RAGGED_ARRAY),
        ({"coefficients": [[1, 2], [3]], "intercepts": [0]}, "/coefficients/1", Code.RAGGED_ARRAY),
        ({"coef_": [[1], [2]], "intercept_": [0, 1, 2]}, "/intercept_", Code.SHAPE_MISMATCH),
        ({"coef_": [[1], ["NaN"]], "intercept_": [0, 1]}, "/coef_/1/0", Code.INFINITE_VALUE),
        (
            {"coef_": [[1], [2]], "intercept_": [0, "Infinity"]},
            "/intercept_/1",
            Code.INFINITE_VALUE,
        ),
        ({"coef_": [[1]], "intercept_": [0], "classes_": [1, 1]}, "/classes_", Code.NOT_A_LABEL),
        ({"coef_": [[1]], "intercept_": [0], "classes_": [1]}, "/classes_", Code.NOT_A_LABEL),
    ],
)
def test_json_that_is_no_model_is_refused(members, pointer, code):
    with pytest.raises(InvalidInput) as caught:
        model_from_json(json.dumps(members).encode())
    assert (pointer, code) in [(fault.pointer, fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("prefix", ["", "fc.", "head.linear."])
def test_a_linear_layer_is_read_exactly(dtype, prefix):
    weight = np.array([[1.1, 2], [3, 4], [5, 6]], dtype=dtype)
    bias = np.array([0.1, 0.2, 0.3], dtype=dtype)
    found = model_from_torch(save({f"{prefix}weight": weight, f"{prefix}bias": bias}))
    assert found.classes == (0, 1, 2)
    assert (found.coefficients == weight).all()
    assert (found.intercepts == bias).all()


def test_without_a_bias_the_intercepts_are_zero_and_one_row_is_two_classes():
    found = model_from_torch(save({"weight": np.ones((1, 3))}), classes=["n", "y"])
    assert found.classes == ("n", "y")
    assert found.intercepts.tolist() == [0.0]


def test_what_torch_gets_has_a_row_for_every_class_and_comes_back(model, binary):
    tensors = load(to_torch(binary))
    assert tensors["weight"].tolist() == [[0.0], [2.0]]
    assert tensors["bias"].tolist() == [0.0, -1.0]
    back = model_from_torch(to_torch(binary))
    rows = [[0.5], [-3.0]]
    assert (back.predict(rows).probabilities == binary.predict(rows).probabilities).all()
    assert same(model_from_torch(to_torch(model)), model)


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": np.ones((2, 2)), "other": np.ones(1)},
        {"a.weight": np.ones((2, 2)), "b.weight": np.ones((2, 2))},
        {"bias": np.ones(2)},
        {"weight": np.ones((2, 2), dtype=np.int64)},
        {"weight": np.ones(4)},
        {"weight": np.ones((2, 2)), "bias": np.ones(3)},
        {"weight": np.full((2, 2), np.inf)},
    ],
)
def test_other_tensors_are_refused(tensors):
    with pytest.raises(InvalidInput):
        model_from_torch(save(tensors))


def test_a_header_that_lies_is_refused_before_anything_is_allocated():
    body = save({"weight": np.ones((2, 2)), "bias": np.ones(2)})
    for shape in (b"[9,2]", b"[2,1]"):
        with pytest.raises(MalformedBody, match="bytes of weight"):
            model_from_torch(body.replace(b"[2,2]", shape))
    huge = b'{"weight":{"dtype":"F64","shape":[1099511627776,2],"data_offsets":[0,17592186044416]}}'
    with pytest.raises(MalformedBody):
        model_from_torch(len(huge).to_bytes(8, "little") + huge)
    for size in range(0, len(body), 7):
        with pytest.raises((MalformedBody, InvalidInput)):
            model_from_torch(body[:size])


def test_metadata_that_is_no_list_is_refused():
    for classes in ("3", "{", '"ab"'):
        with pytest.raises(MalformedBody, match="classes is no JSON array"):
            model_from_torch(save({"weight": np.ones((2, 2))}, {"classes": classes}))


def test_without_the_package_the_error_names_the_extra(monkeypatch, model):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(Missing, match=r"pip install '\.\[onnx\]'"):
        to_onnx(model)
