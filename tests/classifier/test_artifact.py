"""Models as files, and files that are not models."""

import json

import numpy as np
import pytest
from safetensors.numpy import save

from service.classifier import read_model, to_bytes
from service.classifier.artifact import FORMAT
from service.errors import Code, InvalidInput, MalformedBody

DESCRIPTION = {
    "format": FORMAT,
    "name": "small",
    "version": 1,
    "classes": ["a", "b"],
    "feature_names": ["x"],
    "metadata": {},
}
TENSORS = {"coefficients": np.ones((1, 1)), "intercepts": np.zeros(1)}


def written(path, description=DESCRIPTION, tensors=TENSORS):
    text = description if isinstance(description, str) else json.dumps(description)
    path.write_bytes(save(tensors, {"model": text}))
    return path


def test_a_model_survives_its_file(model, tmp_path):
    path = tmp_path / "small.safetensors"
    path.write_bytes(to_bytes(model))
    read = read_model(path)
    for member in ("name", "version", "classes", "feature_names"):
        assert getattr(read, member) == getattr(model, member)
    assert dict(read.metadata) == dict(model.metadata)
    np.testing.assert_array_equal(read.coefficients, model.coefficients)
    np.testing.assert_array_equal(read.intercepts, model.intercepts)
    assert not read.coefficients.flags.writeable
    assert to_bytes(read) == to_bytes(model)


@pytest.mark.parametrize("size", [0, 7, 8, 40, -1])
def test_a_truncated_file_is_malformed(model, tmp_path, size):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(to_bytes(model)[:size])
    with pytest.raises(MalformedBody) as caught:
        read_model(path)
    assert caught.value.code is Code.INVALID_MODEL_FILE


def test_a_lying_header_is_malformed(model, tmp_path):
    path = tmp_path / "lie.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + to_bytes(model)[8:])
    with pytest.raises(MalformedBody, match="not a safetensors file"):
        read_model(path)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "needs the metadata members"),
        (DESCRIPTION | {"extra": 1}, "needs the metadata members"),
        (DESCRIPTION | {"version": True}, "version that is no int"),
        (DESCRIPTION | {"classes": "ab"}, "classes that is no list"),
        (DESCRIPTION | {"classes": ["a", ["b"]]}, "neither strings nor integers"),
        (DESCRIPTION | {"format": "xent-model/2"}, "another format"),
    ],
)
def test_a_file_that_describes_no_model_is_malformed(tmp_path, description, message):
    with pytest.raises(MalformedBody, match=message):
        read_model(written(tmp_path / "odd.safetensors", description))


def test_a_tensor_file_without_metadata_is_malformed(tmp_path):
    path = tmp_path / "bare.safetensors"
    path.write_bytes(save(TENSORS))
    with pytest.raises(MalformedBody, match="no JSON"):
        read_model(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"coefficients": np.ones((1, 1))},
        TENSORS | {"extra": np.zeros(1)},
        TENSORS | {"intercepts": np.zeros(1, dtype=np.float32)},
    ],
)
def test_other_tensors_are_malformed(tmp_path, tensors):
    with pytest.raises(MalformedBody, match="float64 tensors"):
        read_model(written(tmp_path / "odd.safetensors", tensors=tensors))


def test_wrong_shapes_are_the_models_own_fault(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        read_model(
            written(tmp_path / "odd.safetensors", tensors=TENSORS | {"intercepts": np.zeros(2)})
        )
    assert caught.value.faults[0].pointer == "/intercepts"
