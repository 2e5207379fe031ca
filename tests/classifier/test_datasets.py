"""The data sets that ship and their fixed split."""

import hashlib

import numpy as np
import pytest

from service.classifier import load_dataset
from service.classifier.datasets import held_out_rows
from service.errors import NotFound


def test_iris_is_fishers():
    iris = load_dataset("iris")
    assert iris.inputs.shape == (150, 4)
    assert np.bincount(iris.labels).tolist() == [50, 50, 50]
    # The two rows that the repository's file has wrong.
    assert iris.inputs[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert iris.inputs[37].tolist() == [4.9, 3.6, 1.4, 0.1]
    assert iris.classes == ("setosa", "versicolor", "virginica")
    assert iris.feature_names[3] == "petal_width"


def test_digits_are_ink_from_0_to_16():
    digits = load_dataset("digits")
    assert digits.inputs.shape == (1797, 64)
    assert (digits.inputs.min(), digits.inputs.max()) == (0.0, 16.0)
    # The class counts that the repository publishes for its test file.
    published = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(digits.labels).tolist() == published
    assert digits.feature_names[8:10] == ("pixel_1_0", "pixel_1_1")
    assert digits.inputs[0, digits.feature_names.index("pixel_0_3")] == 13.0


@pytest.mark.parametrize(("name", "size"), [("iris", 30), ("digits", 359)])
def test_a_fifth_of_every_class_is_held_out(name, size):
    data = load_dataset(name)
    assert data.held_out.sum() == size
    for label, count in enumerate(np.bincount(data.labels)):
        assert data.held_out[data.labels == label].sum() == round(count / 5)


def test_the_split_follows_its_stated_rule():
    iris = load_dataset("iris")
    for first in (0, 50, 100):
        rows = range(first, first + 50)
        order = sorted(rows, key=lambda row: hashlib.sha256(f"1/{row}".encode()).hexdigest())
        assert set(order[:10]) == {row for row in rows if iris.held_out[row]}


def test_another_seed_is_another_split():
    labels = load_dataset("iris").labels
    assert (held_out_rows(labels, seed=2) != held_out_rows(labels, seed=1)).any()


def test_the_arrays_are_read_only():
    iris = load_dataset("iris")
    for array in (iris.inputs, iris.labels, iris.held_out):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_an_unknown_data_set_is_not_found():
    with pytest.raises(NotFound, match="iris, digits"):
        load_dataset("../iris")
