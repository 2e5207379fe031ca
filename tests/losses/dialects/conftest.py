"""What the libraries printed, and how to judge an answer by it."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def libraries() -> ModuleType:
    """The module that calls the libraries; nothing is imported until it does."""
    return loaded("libraries")


@pytest.fixture(scope="session")
def requests() -> ModuleType:
    """The module that says what is compared."""
    return loaded("cases")


def loaded(name: str) -> ModuleType:
    """A module that lies beside the recorded answers."""
    spec = importlib.util.spec_from_file_location(f"dialect_{name}", GOLDEN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def numbers(value: Any) -> Any:
    """Lists as arrays, the strings of non-finite numbers included."""
    if isinstance(value, list) or (isinstance(value, str) and value.strip("-") in SPELLED):
        floats = np.array(value, dtype=object).reshape(-1)
        if any(isinstance(item, str | float) for item in floats):
            return np.array(value, dtype=np.float64)
        return np.array(value)
    return value


SPELLED = {"NaN", "Infinity"}
ARRAYS = {"logits", "probabilities", "log_probabilities", "labels", "targets", "sample_weights"}


def members(case: dict[str, Any]) -> dict[str, Any]:
    """The members of a recorded request as the door takes them."""
    given = {name: numbers(value) for name, value in case["given"].items()}
    given |= {name: np.asarray(given[name]) for name in ARRAYS & given.keys()}
    for name, shape in case.get("shapes", {}).items():
        given[name] = np.zeros(shape, np.int64 if name == "labels" else np.float64)
    for name, dtype in case.get("dtypes", {}).items():
        given[name] = given[name].astype(dtype)
    return given


@pytest.fixture(scope="session")
def recorded() -> dict[str, list[tuple[str, dict[str, Any], Any]]]:
    """By dialect: loss, members, and what the library printed (`None`: it refused)."""
    found: dict[str, list[tuple[str, dict[str, Any], Any]]] = {}
    for path in sorted(GOLDEN.glob("*.json")):
        cases = json.loads(path.read_text())["cases"]
        found[path.stem] = [(case["loss"], members(case), _printed(case)) for case in cases]
    return found


def _printed(case: dict[str, Any]) -> Any:
    if "refused" in case:
        return None
    return np.array(case["printed"], dtype=np.float64).reshape(case["shape"])
