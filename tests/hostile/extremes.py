"""Right bodies of numbers at the ends of float64, with any of the options beside each other."""

import random
from collections.abc import Iterator
from typing import Any

import orjson

from tests.hostile.bodies import GOOD, Call, Case

MANY = 420
"""Bodies of each call."""

ENDS = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, 3.0, 5e-324, -5e-324, 1e-300, 2.0**-53, 36.7, 709.8, -745.2),
    *(2.0**53, 1e16, 1e155, -1e155, 1e308, -1e308, 1.7976931348623157e308),
]
SIZES = [0.5, 1.0, 1.0, 2.0, 3.0, 5e-324, 1e-300, 1e155, 8e307]
ROW_SUM_1 = [[1.0, 0.0], [0.5, 0.5], [1.0, 5e-324], [2.0**-53, 1.0], [0.0, 0.0]]

# Those of one value for each row, or each class.
WEIGHTS = ("sample_weights", "class_weights", "p", "q")
CELLS = (
    *("logits", "baseline_logits", "candidate_logits", "inputs"),
    *("coefficients", "intercepts"),
)
PROBABILITIES = ("probabilities", "baseline_probabilities", "candidate_probabilities", "targets")

OPTIONS: dict[str, list[Any]] = {
    "temperature": [5e-324, 1e-300, 0.5, 1e308],
    "axis": [-1, 0, 1, -2, 246],
    "log": [True],
    "unit": ["bit"],
    "ignore_index": [0, -100, [1, -100], -(2**63)],
    "label_smoothing": [1, 0.1, 5e-324, 1 - 2**-53],
    "reduction": ["sum", "none"],
    "gradient": [True],
    "zero_probability": ["clip", "reject"],
    "clip": [5e-324, 1e-15, 0.999],
    "normalize": ["off", "renormalize"],
    "z_loss": [1e-4, 1.7e308],
    "gamma": [0, 5e-324, 0.5, 1e6],
    "epsilon": [-1, 1e308, -1e308],
    "positive_weight": [0, 5e-324, 1e308],
    "compare": [["torch"], ["sklearn", "keras"]],
    "bins": [1, 1000],
    "worst": [0, 1000],
    "top_k": [1, 100],
    "include": [["curves", "equal_mass", "isotonic"], ["temperature"], ["bootstrap"]],
    "replicates": [100],
    "seed": [0, 2**63 - 1],
    "margin": [1e308, -1e308],
    "top": [1, 99],
    "abstain": [{"method": "lac", "coverage": c} for c in (1e-9, 0.9, 1 - 2**-53)],
    "options": [
        {"test_fraction": 0.5},
        {"validation_fraction": 0.3, "calibrate": "temperature"},
        {"l2": 0, "statistics": True},
        {"l2": 1e308, "tolerance": 1e-300},
        {"l1": 5e-324, "standardize": True},
    ],
    "dry_run": [True],
}


def extremes(call: Call) -> Iterator[Case]:
    """Bodies that mean something, or nearly; the same ones at each run."""
    rng = random.Random(call.path)
    for _ in range(MANY):
        body = {name: _changed(rng, name, value) for name, value in call.body.items()}
        rows = body.get("labels")
        if isinstance(rows, list) and "sample_weights" in call.members and rng.random() < 0.3:
            body["sample_weights"] = [rng.choice(SIZES) for _ in rows]
        for name in OPTIONS.keys() & set(call.members) - body.keys():
            if rng.random() < 0.2:
                body[name] = rng.choice(OPTIONS[name])
        if rng.random() < 0.1:
            body |= {name: [] for name in _by_row(body)}
        yield Case(call.path, orjson.dumps(dict(sorted(body.items()))), GOOD)


def _by_row(body: dict[str, Any]) -> list[str]:
    names = (*CELLS, *PROBABILITIES, "labels", "sample_weights", "row_ids", "clusters")
    return [name for name in names if isinstance(body.get(name), list)]


def _changed(rng: random.Random, name: str, value: Any) -> Any:
    """A member with other numbers in the same places."""
    if name in CELLS and rng.random() < 0.8:
        return _each(rng, value, ENDS)
    if name in WEIGHTS and rng.random() < 0.8:
        return _each(rng, value, SIZES)
    if name in PROBABILITIES and isinstance(value[0], list) and rng.random() < 0.5:
        first, other = rng.choice(ROW_SUM_1)
        return [_mixed(rng, [first] + [0.0] * (len(row) - 2) + [other]) for row in value]
    return value


def _mixed(rng: random.Random, row: list[float]) -> list[float]:
    return rng.sample(row, len(row))


def _each(rng: random.Random, value: Any, numbers: list[float]) -> Any:
    if isinstance(value, list):
        return [_each(rng, one, numbers) for one in value]
    if isinstance(value, dict):
        return {key: _each(rng, one, numbers) for key, one in value.items()}
    return rng.choice(numbers)
