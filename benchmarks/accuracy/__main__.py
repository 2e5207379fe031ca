"""Errors in ulp of the numerics and of every loss, against exact values and beside other libraries.

    python benchmarks/accuracy [--quick] [--families] [--seed 1] [--compiled] [--large NAME ...]

A summary, and for each function, form and number of classes: the largest error over all families of
rows, the family it comes from and the 99.9th percentile, and both of PyTorch, SciPy and
scikit-learn on the same rows where they are installed; then the digits that divergences keep of
distributions that are nearly equal. `--families` adds a table for each function with a line for
each family. The exit status is 1 if a goal of docs/numerics.md is missed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import table
from binary import binary
from classes import LARGE, by_classes
from divergences import divergences, kept
from measured import Measured
from narrow import narrow
from reductions import reductions

from service import numerics

SOURCES = ("logits", "probabilities", "log-probabilities")

FULL = {1: 10, 2: 100, 3: 100, 10: 100, 65: 20, 100: 20, 1000: 3, 131072: 1}
QUICK = {1: 1, 2: 2, 70: 1}
"""Rows of a family, by number of classes."""


def measure(rng: np.random.Generator, quick: bool, large: Sequence[str]) -> Iterator[Measured]:
    rows = QUICK if quick else FULL
    for k, n in rows.items():
        for source in SOURCES if k > 1 else SOURCES[:1]:
            yield from by_classes(rng.spawn(1)[0], n, k, source, large)
        if k > 1:
            yield from divergences(rng.spawn(1)[0], 3 if quick else max(1, 400 // k), k)
    for source in SOURCES:
        yield from binary(rng.spawn(1)[0], 10 if quick else 2000, source)
    for k in (3,) if quick else (3, 100):
        n = 20 if quick else 1000 if k == 3 else 30
        yield from reductions(rng.spawn(1)[0], n, k)
        yield from narrow(rng.spawn(1)[0], 2 if quick else min(n, 100), k)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few rows, in a few seconds")
    parser.add_argument("--families", action="store_true", help="a line for each family, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compiled", action="store_true", help="with the extra fast")
    parser.add_argument(
        "--large",
        nargs="*",
        default=LARGE,
        metavar="FAMILY",
        help="families of which the losses of 131,072 classes are measured, a minute for each",
    )
    options = parser.parse_args(arguments)
    if options.compiled:
        numerics.compile_loops()
    rng = np.random.default_rng(options.seed)
    measured = list(measure(rng, options.quick, options.large))
    digits = [row for k in (2, 10) for row in kept(rng, 5 if options.quick else 200, k)]
    table.of_summary(measured)
    table.of_functions(measured)
    table.of_digits(digits)
    if options.families:
        table.of_families(measured)
    met = all(table.reached(m) for m in measured) and all(row.met for row in digits)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
