"""Predictions in fewer bits: computed in float64, rounded to their own type at the end."""

from collections.abc import Iterator

import numpy as np
import peers
import references
from exact import exact
from families import families
from measured import Measured, measured
from mpmath import mpf

from service import losses

ROUNDED = 0.5001
"""The goal: what float64 is off by is next to nothing there."""


def narrow(rng: np.random.Generator, n: int, k: int) -> Iterator[Measured]:
    """Softmax, its logarithm, and cross-entropy with its gradient, in ulp of the type sent."""
    for dtype in (np.float32, np.float16):
        for family in families(rng, n, k):
            with np.errstate(over="ignore"):
                z = family.values.astype(dtype)
            if not np.isfinite(z).any(axis=1).all() or np.isnan(z).any() or np.isposinf(z).any():
                continue  # beyond the type
            t, labels = family.temperature, z.argmax(axis=1)
            rows = [references.of_logits(row.astype(np.float64), t) for row in z]
            options = {"labels": labels, "temperature": t, "reduction": "none", "gradient": True}
            result = losses.cross_entropy(logits=z, **options)
            gradient = [
                [(-c.rest if j == y else c.p) / mpf(t) for j, c in enumerate(row.chances)]
                for row, y in zip(rows, labels.tolist(), strict=True)
            ]
            own = [row.chances[y].surprisal for row, y in zip(rows, labels, strict=True)]
            for loss, form, values, computed in (
                (
                    "softmax",
                    "",
                    [[c.p for c in row.chances] for row in rows],
                    losses.softmax(z, temperature=t),
                ),
                (
                    "log_softmax",
                    "",
                    [[-c.surprisal for c in row.chances] for row in rows],
                    losses.softmax(z, temperature=t, log=True),
                ),
                ("cross_entropy", "", own, result.loss),
                ("cross_entropy", "gradient", gradient, result.gradient),
            ):
                others = peers.of_narrow(loss, form, z, labels) if t == 1.0 else {}
                source = f"logits, {np.dtype(dtype).name}"
                yield measured(
                    loss,
                    form,
                    source,
                    family.name,
                    exact(values),
                    computed,
                    others,
                    k=k,
                    goal=ROUNDED,
                )
