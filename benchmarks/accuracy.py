"""Errors in ulp of `service.numerics` and the losses of the catalogue, against exact values.

    python benchmarks/accuracy.py [--quick] [--families] [--seed 1] [--compiled]

For each function and number of classes: the largest error over all families of rows, the family
it comes from, the 99.9th percentile, and the same figure for PyTorch, SciPy and scikit-learn on
the same rows where they are installed. `--families` prints a line for each family. The exit
status is 1 if a goal of docs/numerics.md is missed.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

import numpy as np

sys.path.insert(0, __file__.rpartition("/")[0] or ".")

import catalogue
import families
import references

from service import losses, numerics

FULL = {1: 20, 2: 200, 3: 200, 10: 200, 65: 40, 100: 40, 1000: 5, 131072: 1}
QUICK = {1: 2, 2: 10, 3: 5, 10: 3, 70: 1}


LARGE = {"N(0,1)", "N(0,30)", "margin 40..600", "offset 1e8", "masked", "offset 1e8, T = 0.7"}
"""The families of the largest number of classes: one row of the exact values takes seconds."""


class Measured(NamedTuple):
    function: str
    k: int
    family: str
    errors: np.ndarray
    peers: dict[str, float]


def optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def peers_of_categorical(
    z: np.ndarray, y: np.ndarray, scale: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """What others answer: function -> peer -> values."""
    answers: dict[str, dict[str, np.ndarray]] = {}
    torch, special, metrics = map(optional, ("torch", "scipy.special", "sklearn.metrics"))

    def add(function: str, peer: str, compute: Callable[[], np.ndarray]) -> None:
        answers.setdefault(function, {})[peer] = compute()

    with np.errstate(all="ignore"):
        if special:
            for name in ("softmax", "log_softmax", "logsumexp"):
                add(name, "SciPy", lambda f=name: getattr(special, f)(z, axis=1))
        if torch:
            t = torch.tensor(z, requires_grad=True)
            losses = torch.nn.functional.cross_entropy(t, torch.tensor(y), reduction="none")
            (losses * torch.tensor(scale)).sum().backward()
            add("softmax", "PyTorch", lambda: torch.softmax(t.detach(), 1).numpy())
            add("log_softmax", "PyTorch", lambda: torch.log_softmax(t.detach(), 1).numpy())
            add("logsumexp", "PyTorch", lambda: torch.logsumexp(t.detach(), 1).numpy())
            add("loss", "PyTorch", lambda: losses.detach().numpy())
            add("gradient", "PyTorch", lambda: t.grad.numpy())
        if metrics and special and z.shape[1] > 1 and len(z) <= 400:
            p, classes = special.softmax(z, axis=1), np.arange(z.shape[1])
            add(
                "loss",
                "scikit-learn",
                lambda: np.array(
                    [
                        metrics.log_loss(y[i : i + 1], p[i : i + 1], labels=classes)
                        for i in range(len(y))
                    ]
                ),
            )
    return answers


def categorical(rng: np.random.Generator, n: int, k: int, peers: bool) -> Iterator[Measured]:
    for name, z, t in map(families.repaired, families.families(rng, n, k)):
        if k > 1000 and name not in LARGE:
            continue
        y, scale = rng.integers(0, k, n), rng.random(n)
        u = rng.dirichlet(np.ones(k), n) * rng.random((n, 1))
        exact = references.categorical(z, t, y, u, scale)
        options = {"temperature": t, "scale": scale}
        loss, gradient = numerics.cross_entropy(z, y, **options)
        bit_loss, bit_gradient = numerics.cross_entropy(z, y, bits=True, **options)
        soft_loss, soft_gradient = numerics.soft_cross_entropy(z, u, **options)
        computed = {
            "softmax": numerics.softmax(z, t),
            "log_softmax": numerics.log_softmax(z, t),
            "loss": loss,
            "loss, bits": bit_loss,
            "gradient": gradient,
            "gradient, bits": bit_gradient,
            "soft loss": soft_loss,
            "soft gradient": soft_gradient,
        }
        if t == 1.0:
            computed["logsumexp"] = numerics.logsumexp(z)
        others = peers_of_categorical(z, y, scale) if peers and t == 1.0 else {}
        for function, values in computed.items():
            worst = {
                peer: float(exact[function].ulps(answer).max(initial=0.0))
                for peer, answer in others.get(function, {}).items()
            }
            yield Measured(function, k, name, exact[function].ulps(values), worst)


def binary(rng: np.random.Generator, n: int) -> Iterator[Measured]:
    for name, z, _ in families.scalars(rng, n):
        scale = rng.random(z.size)
        for y in (rng.integers(0, 2, z.size).astype(float), rng.random(z.size)):
            exact = references.binary(z, y, 2.7, scale)
            options = {"positive_weight": 2.7, "scale": scale}
            loss, gradient = numerics.binary_cross_entropy(z, y, **options)
            bit_loss, _ = numerics.binary_cross_entropy(z, y, bits=True, **options)
            computed = {
                "sigmoid": numerics.sigmoid(z),
                "log_sigmoid": numerics.log_sigmoid(z),
                "softplus": numerics.softplus(z),
                "loss": loss,
                "loss, bits": bit_loss,
                "gradient": gradient,
            }
            for function, values in computed.items():
                yield Measured(f"binary {function}", 1, name, exact[function].ulps(values), {})
        x = -np.abs(z)
        errors = references.log1mexp(x).ulps(numerics.log1mexp(x))
        yield Measured("log1mexp", 1, name, errors, {})


def divergences(rng: np.random.Generator, n: int, k: int) -> Iterator[Measured]:
    for name, p, q in families.pairs(rng, n, k):
        exact = references.divergences(p, q)
        computed = {
            "entropy": numerics.entropy(p),
            "KL": numerics.kullback_leibler(p, q),
            "JS": numerics.jensen_shannon(p, q),
        }
        for function, values in computed.items():
            yield Measured(function, k, name, exact[function].ulps(values), {})


def of_catalogue(rng: np.random.Generator, n: int, k: int) -> Iterator[Measured]:
    """Values and gradients of the other losses by logits, of hard labels and of targets."""
    for name, z, t in map(families.repaired, families.families(rng, n, k)):
        # a distance beyond float64 is an infinite loss, whatever a target makes of it
        if name not in ("N(0,1)", "margin 40..600") if k > 1000 else name == "full range":
            continue
        possible = np.isfinite(z)
        labels = np.where(possible, rng.random((n, k)), -1.0).argmax(axis=1)
        targets = np.where(possible, rng.dirichlet(np.ones(k), n), 0.0)
        targets /= targets.sum(axis=1, keepdims=True)
        truth = np.zeros((n, k))
        truth[np.arange(n), labels] = 1.0
        truths = {"": ({"labels": labels}, truth), "soft ": ({"targets": targets}, targets)}
        for kind, (given, truth) in truths.items():
            for function, values, gradients in catalogue.exact(z, t, truth, hard=not kind):
                if function == "entropy" and kind:
                    continue
                members = {} if function == "entropy" else given
                result = getattr(losses, function)(
                    logits=z, temperature=t, reduction="none", gradient=True, **members
                )
                label = f"{kind}{function}"
                yield Measured(label, k, name, values.ulps(result.loss), {})
                yield Measured(f"{label} gradient", k, name, gradients.ulps(result.gradient), {})


def measure(rng: np.random.Generator, quick: bool) -> Iterator[Measured]:
    for k, n in (QUICK if quick else FULL).items():
        yield from categorical(rng, n, k, peers=not quick and k <= 1000)
        if k > 1:
            yield from of_catalogue(rng.spawn(1)[0], max(1, n // 2), k)
    yield from binary(rng, 25 if quick else 5000)
    for k in (2, 10) if quick else (2, 10, 100, 1000):
        yield from divergences(rng, 3 if quick else max(4, 400 // k), k)
    if not quick:
        yield from divergences(rng, 1, 131072)


def report(measured: list[Measured], by_family: bool) -> bool:
    """Prints the table; returns whether every goal is met."""
    groups: dict[tuple[str, int, str], list[Measured]] = {}
    for m in measured:
        groups.setdefault((m.function, m.k, m.family if by_family else ""), []).append(m)
    print("| function | K | max ulp | family of the max | 99.9 % | values | peers' max ulp |")
    print("|---|---|---|---|---|---|---|")
    met = True
    for (function, k, _), group in sorted(groups.items()):
        errors = np.concatenate([m.errors.ravel() for m in group])
        if not errors.size:
            continue
        worst = max(group, key=lambda m: m.errors.max(initial=0.0))
        peers: dict[str, float] = {}
        for m in group:
            for peer, value in m.peers.items():
                peers[peer] = max(peers.get(peer, 0.0), value)
        goal = 4.0 if k <= 1000 else 8.0
        met &= bool(errors.max() <= goal)
        print(
            f"| {function} | {k} | {errors.max():.2f}{'' if errors.max() <= goal else ' MISSED'} "
            f"| {worst.family} | {np.quantile(errors, 0.999):.2f} | {errors.size} "
            f"| {', '.join(f'{peer} {value:.2g}' for peer, value in peers.items())} |"
        )
    return met


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few rows, in a few seconds")
    parser.add_argument("--families", action="store_true", help="a line for each family")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compiled", action="store_true", help="with the extra fast")
    options = parser.parse_args(arguments)
    if options.compiled:
        numerics.compile_loops()
    measured = list(measure(np.random.default_rng(options.seed), options.quick))
    return 0 if report(measured, options.families) else 1


if __name__ == "__main__":
    sys.exit(main())
