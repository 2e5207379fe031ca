"""The ready request bodies are the real held-out rows."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.classifier import load_dataset, shipped_models, write_examples

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_the_committed_bodies_are_the_generated_ones(tmp_path):
    for path in write_examples(tmp_path):
        assert (EXAMPLES / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_the_bodies_hold_the_held_out_rows(name):
    data = load_dataset(name)
    body = json.loads((EXAMPLES / f"{name}-evaluate.json").read_text("utf-8"))
    np.testing.assert_array_equal(body["inputs"], data.inputs[data.held_out])
    assert body["labels"] == [data.classes[index] for index in data.labels[data.held_out]]
    few = json.loads((EXAMPLES / f"{name}-predict.json").read_text("utf-8"))
    assert list(few) == ["inputs"]
    assert len(few["inputs"]) == len(data.classes)
    assert all(row in body["inputs"] for row in few["inputs"])


def test_the_example_digits_are_read_as_their_page_says():
    body = json.loads((EXAMPLES / "digits-predict.json").read_text("utf-8"))
    prediction = shipped_models()["digits"].predict(body["inputs"])
    assert prediction.labels == (0, 1, 2, 3, 1, 5, 6, 7, 8, 5)
    assert prediction.probabilities[4, [1, 4]].round(2).tolist() == [0.67, 0.33]
    assert prediction.probabilities[9, [5, 9]].round(3).tolist() == [0.996, 0.003]
    page = (EXAMPLES / "README.md").read_text("utf-8")
    assert "the 4 is taken for a 1 (0.67 against 0.33)" in page
    assert "the 9 for a 5 (0.996 against 0.003)" in page
