"""Writes what PyTorch answers, in float64, where its conventions are those of this project.

    python tests/losses/golden/make_torch_golden.py

in an environment with the `peers` extra. Cases are moderate on purpose: for confident predictions
PyTorch's own loss has no correct digit (pytorch#113708).
"""

import itertools
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

TARGET = Path(__file__).parent / "torch_cross_entropy.json"
REDUCTIONS = ("mean", "sum", "none")


def answer(loss: torch.Tensor, logits: torch.Tensor) -> dict[str, Any]:
    loss.sum().backward()
    assert logits.grad is not None
    return {"loss": loss.detach().tolist(), "gradient": logits.grad.tolist()}


def categorical(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Labels with weights, ignored labels and smoothing; targets without class weights.

    PyTorch divides the mean over soft targets by N whatever the class weights are
    (pytorch#107680), so that those are compared under the other reductions alone; `ignore_index`
    belongs to labels.
    """
    cases = []
    axes = [("labels", "targets"), (False, True), (False, True), (0.0, 0.1), REDUCTIONS]
    for truth, weighted, ignored, smoothing, reduction in itertools.product(*axes):
        soft = truth == "targets"
        if soft and (ignored or (weighted and reduction == "mean")):
            continue
        logits = rng.normal(0, 3, (4, 3))
        options: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
        members: dict[str, Any] = {"logits": logits.tolist()}
        if soft:
            given = torch.from_numpy(rng.dirichlet(np.ones(3), 4))
        else:
            labels = rng.integers(0, 3, 4)
            if ignored:
                labels[1] = -100
                options["ignore_index"] = -100
            given = torch.from_numpy(labels)
        members[truth] = given.tolist()
        weight = None
        if weighted:
            members["class_weights"] = rng.uniform(0.2, 2, 3).tolist()
            weight = torch.tensor(members["class_weights"], dtype=torch.float64)
        leaf = torch.tensor(logits, requires_grad=True)
        loss = functional.cross_entropy(leaf, given, weight=weight, **options)
        cases.append({"arrays": members, "options": options, "expected": answer(loss, leaf)})
    return cases


def binary(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Logits with `pos_weight` and sample weights, whose mean PyTorch divides by N."""
    cases = []
    for positive, weighted, reduction in itertools.product(
        (None, 0.3, 4.0), (False, True), REDUCTIONS
    ):
        if weighted and reduction == "mean":
            continue
        logits, targets = rng.normal(0, 3, 6), rng.choice([0.0, 0.3, 1.0], 6)
        members: dict[str, Any] = {"logits": logits.tolist(), "targets": targets.tolist()}
        options: dict[str, Any] = {"reduction": reduction}
        weight = pos_weight = None
        if weighted:
            members["sample_weights"] = rng.uniform(0.1, 2, 6).tolist()
            weight = torch.tensor(members["sample_weights"], dtype=torch.float64)
        if positive is not None:
            options["positive_weight"] = positive
            pos_weight = torch.tensor(positive, dtype=torch.float64)
        leaf = torch.tensor(logits, requires_grad=True)
        loss = functional.binary_cross_entropy_with_logits(
            leaf, torch.tensor(targets), weight=weight, pos_weight=pos_weight, reduction=reduction
        )
        cases.append({"arrays": members, "options": options, "expected": answer(loss, leaf)})
    return cases


def cases() -> dict[str, list[dict[str, Any]]]:
    """Every case with PyTorch's answer; the same ones each time."""
    rng = np.random.default_rng(2024)
    return {"cross_entropy": categorical(rng), "binary_cross_entropy": binary(rng)}


def main() -> None:
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
    parts = [f'"versions": {json.dumps(versions)}']
    for name, found in cases().items():
        lines = ",\n".join(json.dumps(case) for case in found)
        parts.append(f'"{name}": [\n{lines}\n]')
    TARGET.write_text("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
