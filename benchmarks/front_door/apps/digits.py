"""What every rival computes: the digits model and the loss, in NumPy of the usual shape.

The rivals live in environments without Xent, so the model's file is read by hand: a length, a JSON
header, then the tensors.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

MODEL = Path(__file__).parents[3] / "service/classifier/shipped/digits.safetensors"
PORT = int(os.environ.get("PORT", "0"))


def _tensor(name: str) -> Any:
    content = MODEL.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    entry = json.loads(content[8:start])[name]
    assert entry["dtype"] == "F64"
    shape, offset = entry["shape"], start + entry["data_offsets"][0]
    return np.frombuffer(content, np.float64, np.prod(shape), offset).reshape(shape)


COEFFICIENTS, INTERCEPTS = _tensor("coefficients").T.copy(), _tensor("intercepts")


def probabilities(inputs: Any) -> Any:
    logits = inputs @ COEFFICIENTS + INTERCEPTS
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def loss_and_gradient(logits: Any, labels: Any) -> tuple[float, Any]:
    rows = np.arange(len(logits))
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    loss = (np.log(sums[:, 0]) - shifted[rows, labels]).mean()
    gradient = powers / sums
    gradient[rows, labels] -= 1.0
    return float(loss), gradient / len(logits)
