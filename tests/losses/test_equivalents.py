"""What the catalogue says other libraries call its losses: the calls exist and give its numbers."""

import re
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from service.losses import CATALOGUE

LOSSES = {loss.name: loss for loss in CATALOGUE}
NAMED = [
    (loss.name, library, path)
    for loss in CATALOGUE
    for library, calls in loss.equivalents.items()
    for path in re.sub(r" \([^)]*\)", "", calls).split(", ")
]
P = np.array([[0.5, 0.25, 0.25], [0.125, 0.25, 0.625], [0.25, 0.5, 0.25]])
TARGETS = np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [0.0, 0.5, 0.5]])
LABELS, LOGITS, CLASSES = np.array([0, 2, 1]), np.log(P) + 1, [0, 1, 2]
YES, SCORES = np.array([1, 0, 1]), np.array([0.5, -1.0, 2.0])
RATES = 1 / (1 + np.exp(-SCORES))


def tensor(array: np.ndarray) -> Any:
    return import_module("torch").tensor(array)


def logs() -> Any:
    return import_module("torch").log_softmax(tensor(LOGITS), 1)


HARD, SOFT = {"logits": LOGITS, "labels": LABELS}, {"logits": LOGITS, "targets": TARGETS}
OURS: dict[str, dict[str, Any]] = {
    "kl-divergence": SOFT,
    "js-divergence": SOFT,
    "entropy": {"logits": LOGITS},
    "binary-cross-entropy": {"logits": SCORES, "labels": YES},
}
THEIRS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("cross-entropy", "nn.functional.cross_entropy"): lambda f: f(tensor(LOGITS), tensor(LABELS)),
    ("cross-entropy", "metrics.log_loss"): lambda f: f(LABELS, P, labels=CLASSES),
    ("negative-log-likelihood", "nn.functional.nll_loss"): lambda f: f(logs(), tensor(LABELS)),
    ("negative-log-likelihood", "metrics.log_loss"): lambda f: f(LABELS, P, labels=CLASSES),
    ("binary-cross-entropy", "nn.functional.binary_cross_entropy_with_logits"): lambda f: f(
        tensor(SCORES), tensor(YES * 1.0)
    ),
    ("binary-cross-entropy", "nn.functional.binary_cross_entropy"): lambda f: f(
        tensor(RATES), tensor(YES * 1.0)
    ),
    ("binary-cross-entropy", "metrics.log_loss"): lambda f: f(YES, RATES),
    ("kl-divergence", "nn.functional.kl_div"): lambda f: f(
        logs(), tensor(TARGETS), reduction="batchmean"
    ),
    ("kl-divergence", "special.kl_div"): lambda f: f(TARGETS, P).sum(axis=1).mean(),
    ("kl-divergence", "stats.entropy"): lambda f: f(TARGETS, P, axis=1).mean(),
    ("kl-divergence", "functional.regression.kl_divergence"): lambda f: f(
        tensor(np.maximum(TARGETS, 1e-300)), tensor(P)
    ),
    ("js-divergence", "spatial.distance.jensenshannon"): lambda f: (
        f(TARGETS, P, axis=1) ** 2
    ).mean(),
    ("js-divergence", "functional.regression.jensen_shannon_divergence"): lambda f: f(
        tensor(np.maximum(TARGETS, 1e-300)), tensor(P)
    ),
    ("entropy", "distributions.Categorical.entropy"): lambda f: f(
        import_module("torch").distributions.Categorical(tensor(P))
    ).mean(),
    ("entropy", "stats.entropy"): lambda f: f(P, axis=1).mean(),
    ("entropy", "special.entr"): lambda f: f(P).sum(axis=1).mean(),
    ("brier", "metrics.brier_score_loss"): lambda f: f(LABELS, P, labels=CLASSES),
    ("perplexity", "functional.text.perplexity"): lambda f: f(
        tensor(LOGITS)[None], tensor(LABELS)[None]
    ),
}


def found(library: str, path: str) -> Any:
    """What a path of the catalogue names; skips where its package is not installed."""
    package, *names = path.split(".") if path.startswith("torchvision") else [library, path]
    if not find_spec(package):
        pytest.skip(f"{package} is not installed")
    value = import_module(package)
    for place, name in enumerate(names := ".".join(names).split(".")):
        if not hasattr(value, name):
            import_module(".".join([package, *names[: place + 1]]))
        value = getattr(value, name)
    return value


def test_every_loss_is_known_somewhere() -> None:
    assert {name for name, _, _ in NAMED} == {*LOSSES}
    numbered = {
        "torch",
        "sklearn",
        "scipy",
        "torchmetrics",
    }  # the others take float32 or are not installed
    wanted = {(name, path) for name, library, path in NAMED if library in numbered}
    assert wanted - {*THEIRS} == {("binary-focal", "torchvision.ops.sigmoid_focal_loss")}
    assert {*THEIRS} <= wanted


@pytest.mark.peers
@pytest.mark.filterwarnings("default")  # what other libraries deprecate is not ours to fail for
@pytest.mark.parametrize(("name", "library", "path"), NAMED)
def test_the_call_exists_and_gives_the_same_number(name: str, library: str, path: str) -> None:
    call = found(library, path)
    assert callable(call)
    if (name, path) in THEIRS:
        ours = LOSSES[name].function(**OURS.get(name, HARD)).loss
        assert ours == pytest.approx(float(THEIRS[name, path](call)), rel=1e-12)
