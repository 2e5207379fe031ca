"""Compares a dialect with its library, live, and prints the largest distance for each loss.

    KERAS_BACKEND=torch python tests/losses/dialects/golden/compare.py keras 3000
    KERAS_BACKEND=tensorflow python tests/losses/dialects/golden/compare.py tensorflow 3000

Ends with 1 if an answer is more than 4 ulp off (8 of rows over 50,257 classes), or if one side
refuses what the other answers.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))
from cases import random_case, table_cases
from libraries import printed, ulps, versions

from service.errors import InvalidInput
from service.losses.dialects import dialect_loss

LIMIT, LIMIT_WIDE = 4, 8
BATCH, WIDE = 200_000, 50_257
"""Rows, and classes: in sums of so many PyTorch's own order of addition is up to 6 ulp off."""


def distance(dialect, loss, given):
    """In ulp; infinite if only one of them answers."""
    try:
        expected = printed(dialect, loss, given)
    except Exception:  # noqa: BLE001  # whatever the library refuses with is the answer
        expected = None
    try:
        answer = dialect_loss(dialect, loss, **given).loss
    except InvalidInput:
        answer = None
    if expected is None or answer is None:
        return 0.0 if answer is expected else np.inf
    return ulps(dialect, expected, answer, given)


def batches(dialect, rng):
    """Large ones, in which the order of a sum would show."""
    logits, labels = rng.normal(0, 3, (BATCH, 5)), rng.integers(0, 5, BATCH)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    member = {"probabilities": p} if dialect == "sklearn" else {"logits": logits}
    yield "cross-entropy", {**member, "labels": labels}
    yield "cross-entropy", {**member, "labels": labels, "reduction": "sum"}
    yield "binary-cross-entropy", {"probabilities": p[:, 0], "labels": labels % 2}
    if dialect == "sklearn":
        return
    wide, truth = rng.normal(0, 5, (16, WIDE)), rng.integers(0, WIDE, 16)
    yield "cross-entropy", {"logits": wide, "labels": truth, "reduction": "none"}
    images, soft = rng.normal(0, 3, (20, 19, 30)), rng.dirichlet(np.ones(19), (20, 30))
    soft = np.moveaxis(soft, -1, 1)
    for reduction in ("mean", "none"):
        yield (
            "cross-entropy",
            {"logits": images, "targets": soft, "axis": 1, "reduction": reduction},
        )


def main(dialect, count):
    """Draws, compares and prints; returns the exit status."""
    rng = np.random.default_rng(11)
    found = defaultdict(list)
    status = 0
    drawn = (random_case(dialect, rng) for _ in range(count))
    for loss, given in [*batches(dialect, rng), *table_cases(dialect, rng), *drawn]:
        off = distance(dialect, loss, given)
        found[loss].append(off)
        if off > (LIMIT_WIDE if np.shape(given.get("logits"))[-1:] == (WIDE,) else LIMIT):
            status = 1
            sys.stdout.write(f"{off} ulp: {loss} {given}\n")
    sys.stdout.write(f"{dialect} {versions(dialect)}\n")
    for loss, offs in sorted(found.items()):
        sys.stdout.write(f"{loss:28} {len(offs):6} cases, at most {max(offs):g} ulp\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
