"""Agreement with PyTorch where its conventions are ours: golden values, and live (`-m peers`)."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.losses import binary_cross_entropy, cross_entropy

GOLDEN = Path(__file__).parent / "golden"
FUNCTIONS = {"cross_entropy": cross_entropy, "binary_cross_entropy": binary_cross_entropy}
CASES: dict[str, Any] = json.loads((GOLDEN / "torch_cross_entropy.json").read_text())


def compare(name: str, case: dict[str, Any]) -> None:
    arrays = {member: np.array(values) for member, values in case["arrays"].items()}
    result = FUNCTIONS[name](**arrays, **case["options"], gradient=True)
    np.testing.assert_allclose(result.loss, case["expected"]["loss"], rtol=1e-14, atol=1e-15)
    # PyTorch's gradient of the true class is p - 1, whose error is that of 1
    np.testing.assert_allclose(result.gradient, case["expected"]["gradient"], rtol=0, atol=2e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_golden_values(name: str) -> None:
    assert CASES["versions"]["torch"].startswith("2.13")
    for case in CASES[name]:
        compare(name, case)


@pytest.mark.peers
def test_live_values_and_the_golden_file_is_what_its_generator_writes() -> None:
    spec = importlib.util.spec_from_file_location(
        "make_torch_golden", GOLDEN / "make_torch_golden.py"
    )
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    live = generator.cases()
    for name, cases in live.items():
        assert [case["arrays"] for case in cases] == [case["arrays"] for case in CASES[name]]
        for case in cases:
            compare(name, case)


@pytest.mark.peers
def test_where_pytorch_loses_every_digit() -> None:
    import torch

    logits = np.array([[0.0, -40.0]])
    theirs = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.tensor([0]))
    assert theirs.item() == 0
    assert cross_entropy(logits=logits, labels=np.array([0])).loss == 4.248354255291589e-18
