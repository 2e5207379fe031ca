"""Time of loss and gradient of one batch, against PyTorch on the CPU, in one run.

    python benchmarks/speed.py [--threads 1] [--elements 2000000] [--rounds 15]

The runs alternate, so that a busy machine slows both; the ratio of each pair is taken, and its
median and quartiles are printed. Below 1 is faster than PyTorch. The timed function is the one
whose accuracy `accuracy.py` measures. Exit status 1 if a goal is missed.
"""

import argparse
import importlib.metadata
import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from service.numerics import cross_entropy

CLASSES = (2, 3, 10, 100, 1000, 50257)
GOALS = {"float64": (0.8, 1.1), "float32": (1.2, 1.6)}  # geometric mean, worst


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(
    dtype: str, k: int, elements: int, threads: int, rounds: int
) -> list[tuple[float, float]]:
    """Seconds of ours and of PyTorch's, pair by pair."""
    n = max(1, elements // k)
    rng = np.random.default_rng(k)
    logits = rng.standard_normal((n, k)).astype(dtype)
    labels = rng.integers(0, k, n)
    scale = np.full(n, 1.0 / n)
    z = torch.from_numpy(logits).requires_grad_()
    y = torch.from_numpy(labels)

    def ours() -> object:
        return cross_entropy(logits, labels, scale=scale, threads=threads, dtype=logits.dtype.type)

    def theirs() -> None:
        z.grad = None
        torch.nn.functional.cross_entropy(z, y).backward()

    ours(), theirs()
    return [(seconds(ours), seconds(theirs)) for _ in range(rounds)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--elements", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    versions = [f"{m} {importlib.metadata.version(m)}" for m in ("numpy", "torch")]
    print(platform.machine(), *versions, f"threads {options.threads}", sep=", ")
    print("| dtype | K | ns/element | PyTorch | ratio | quartiles |\n|---|---|---|---|---|---|")
    missed = False
    for dtype, (mean_goal, worst_goal) in GOALS.items():
        medians = []
        for k in CLASSES:
            runs = compare(dtype, k, options.elements, options.threads, options.rounds)
            size = k * max(1, options.elements // k)
            ns = [statistics.median(side) / size * 1e9 for side in zip(*runs, strict=True)]
            low, middle, high = statistics.quantiles([a / b for a, b in runs], n=4)
            medians.append(middle)
            print(
                f"| {dtype} | {k} | {ns[0]:.2f} | {ns[1]:.2f} | {middle:.2f} "
                f"| {low:.2f}..{high:.2f} |",
                flush=True,
            )
        mean = statistics.geometric_mean(medians)
        missed |= mean > mean_goal or max(medians) > worst_goal
        print(
            f"| {dtype} | all | | | mean {mean:.2f} (goal {mean_goal}), "
            f"worst {max(medians):.2f} (goal {worst_goal}) | |"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
