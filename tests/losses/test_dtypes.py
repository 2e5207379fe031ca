"""No figure depends on the type in which logits came, and a gradient is rounded to it once."""

from typing import Any

import numpy as np
import pytest

from service.errors import InvalidInput
from service.losses import CATALOGUE, Loss, LossResult

ENDS = [0.0, -0.0, 1.0, -2.5, 9.0, -11.0, 88.0, -104.0, 6e4, -6e4, -np.inf, 6e-8, 745.0]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 1e-306},
    {"temperature": 1e306, "unit": "bit"},
    {"reduction": "sum", "class_weights": np.array([1e-300, 1.0, 1e300])},
    {"label_smoothing": 0.1, "sample_weights": np.array([5e-324, 1.0, 3.0, 0.0, 1e-160])},
    {"zero_probability": "clip", "label_smoothing": 1e-300, "gamma": 0.5, "q": 0.01},
]
RNG = np.random.default_rng(8)


def outcome(loss: Loss, given: dict[str, Any]) -> LossResult | list[tuple[str, str]]:
    try:
        return loss.function(**given)
    except InvalidInput as error:
        return [(fault.pointer, fault.code) for fault in error.faults]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
@pytest.mark.parametrize("loss", CATALOGUE, ids=lambda loss: loss.name)
def test_the_figures_are_those_of_the_same_numbers_in_float64(
    loss: Loss, options: dict[str, Any], dtype: type[np.floating[Any]]
) -> None:
    binary = "axis" not in loss.members
    options = {name: value for name, value in options.items() if name in loss.members}
    for _ in range(20):
        logits = RNG.choice(ENDS, 5 if binary else (5, 3)).astype(dtype)
        share = RNG.random(5) < 0.5
        truths: list[dict[str, Any]] = [{"labels": RNG.integers(0, 2 if binary else 3, 5)}]
        if "targets" in loss.members:
            targets = np.where(share, 0.25, 1.0) if binary else RNG.dirichlet([0.2] * 3, 5)
            truths.append({"targets": targets})
        for truth in truths if "labels" in loss.members else [{}]:
            given = {**truth, **options, "gradient": True}
            found = outcome(loss, {**given, "logits": logits})
            wide = outcome(loss, {**given, "logits": logits.astype(np.float64)})
            if isinstance(found, list) or isinstance(wide, list):
                assert found == wide
                continue
            assert found.loss == wide.loss or np.isnan([found.loss, wide.loss]).all()
            assert (found.infinite, found.overflowed) == (wide.infinite, wide.overflowed)
            assert found.gradient.dtype == dtype
            with np.errstate(over="ignore"):
                rounded = wide.gradient.astype(dtype)
            np.testing.assert_array_equal(found.gradient, rounded)
