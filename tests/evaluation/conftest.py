"""Predictions to evaluate."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def digits():
    """Real predictions and what scikit-learn says of them; golden/digits.py writes the file."""
    stored = json.loads((Path(__file__).parent / "golden" / "digits.json").read_text("utf-8"))
    for name in ("probabilities", "labels", "sample_weights"):
        stored[name] = np.array(stored[name])
    return SimpleNamespace(**stored)


@pytest.fixture
def noisy():
    """400 rows over 6 classes, one of them absent, with ties, certainties and impossible labels."""
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(400, 6), scale=3.0)
    labels = rng.integers(0, 5, 400)
    logits[40:60] = 0.0
    logits[10, labels[10]] = -np.inf
    logits[70, labels[70]] = -np.inf
    logits[20, labels[20]] = np.inf
    logits[30] = np.where(np.arange(6) == labels[30], -1e308, 1e308)
    weights = rng.random(400)
    weights[::50] = 0.0
    return SimpleNamespace(logits=logits, labels=labels, weights=weights)
