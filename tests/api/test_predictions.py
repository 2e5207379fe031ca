"""Predictions over HTTP: the same bits whatever way the rows are sent."""

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from service.classifier import load_dataset

TENSORS = "application/vnd.safetensors"


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_alone_or_in_a_batch_as_json_or_tensors_they_have_the_same_bits(
    caller: Any, name: str
) -> None:
    path, inputs = f"/v1/models/{name}/predict", load_dataset(name).inputs[::7].copy()
    batch = caller.post(path, {"inputs": inputs.tolist()}).json()["probabilities"]
    alone = [
        caller.post(path, {"inputs": [row]}).json()["probabilities"][0] for row in inputs.tolist()
    ]
    assert alone == batch
    headers = {"content-type": TENSORS, "accept": TENSORS}
    answer = caller.post(path, save({"inputs": inputs}), **headers)
    tensors = load(answer.content)["probabilities"]
    assert tensors.dtype == np.float64
    assert tensors.tolist() == batch
    one = load(caller.post(path, save({"inputs": inputs[:1]}), **headers).content)
    assert one["probabilities"].tolist() == batch[:1]
