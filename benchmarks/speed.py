"""Time of loss and gradient of one batch, against PyTorch on the CPU, in one run.

    python benchmarks/speed.py [--threads 1 2] [--elements 2000000] [--rounds 15] [--compiled]

The runs alternate, so that a busy machine slows both; the ratio of each pair is taken, and its
median and quartiles are printed. Below 1 is faster than PyTorch. Beside it stands the ratio of
processor time of all threads, on which other work has less effect. The timed function is the one
whose accuracy `benchmarks/accuracy` measures. It takes about two minutes, ends with a verdict on
each goal and has exit status 1 if one is missed on wall time.
"""

import argparse
import importlib.metadata
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from service.numerics import arithmetic, compile_loops, cross_entropy

CLASSES = (2, 3, 10, 100, 1000, 50257)
SETTLE = 0.02
"""Seconds in which the threads of the last run, PyTorch's above all, end waiting in a busy loop."""

GOALS = {"float64": (0.8, 1.1), "float32": (1.2, 1.6)}  # geometric mean, worst


class Times(NamedTuple):
    wall: float
    processor: float


def times(function: Callable[[], object]) -> Times:
    time.sleep(SETTLE)
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return Times(time.perf_counter() - wall, time.process_time() - processor)


def compare(
    dtype: str, k: int, elements: int, threads: int, rounds: int
) -> list[tuple[Times, Times]]:
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
    return [(times(ours), times(theirs)) for _ in range(rounds)]


def measure(threads: int, elements: int, rounds: int) -> list[str]:
    """Prints the table of one number of threads and gives a verdict on each goal."""
    torch.set_num_threads(threads)
    print(f"\nthreads: {threads}\n")
    print("| dtype | K | ns/element | PyTorch | ratio | quartiles | processor time |")
    print("|---|---|---|---|---|---|---|")
    verdicts = []
    for dtype, goals in GOALS.items():
        medians = []
        for k in CLASSES:
            runs = compare(dtype, k, elements, threads, rounds)
            size = k * max(1, elements // k)
            ns = [
                statistics.median(t.wall for t in side) / size * 1e9
                for side in zip(*runs, strict=True)
            ]
            low, middle, high = statistics.quantiles([a.wall / b.wall for a, b in runs], n=4)
            processor = statistics.median(a.processor / b.processor for a, b in runs)
            medians.append(middle)
            print(
                f"| {dtype} | {k} | {ns[0]:.2f} | {ns[1]:.2f} | {middle:.2f} "
                f"| {low:.2f}..{high:.2f} | {processor:.2f} |",
                flush=True,
            )
        reached = statistics.geometric_mean(medians), max(medians)
        for name, value, goal in zip(("geometric mean", "worst"), reached, goals, strict=True):
            verdict = "met" if value <= goal else "MISSED"
            verdicts.append(f"{verdict}: threads {threads}, {dtype}, {name} {value:.2f} ({goal})")
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--elements", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compiled", action="store_true", help="with the extra fast")
    options = parser.parse_args()
    if options.compiled:
        compile_loops()
    versions = [f"{m} {importlib.metadata.version(m)}" for m in ("numpy", "torch")]
    versions += [f"arithmetic by {arithmetic()}"]
    print(platform.machine(), f"Python {platform.python_version()}", *versions, sep=", ")
    verdicts = []
    for threads in options.threads:
        verdicts += measure(threads, options.elements, options.rounds)
    print("", *verdicts, sep="\n")
    return int(any(verdict.startswith("MISSED") for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
