"""How often the 95 % intervals contain the truth, over simulated data sets.

    python benchmarks/intervals.py [--sets 1000] [--rows 100 1000 10000] [--replicates 1000]

Each family draws logits, and labels from the true probabilities; the model that is judged sees
the logits wrongly. The truth is the expected loss, by the probabilities of the labels, over
4,000,000 rows. Exit status 1 if an analytic interval misses 93..97 %.
"""

import argparse
import sys

import numpy as np

from service.evaluation import compare, evaluate
from service.numerics import log_softmax, softmax

# name: spread of the logits, the factor by which the judged model is too sure, and the other one
FAMILIES = {
    "calibrated": (2.0, 1.0, 1.2),
    "too sure": (2.0, 2.0, 1.5),
    "skewed": (6.0, 1.0, 1.5),
}
CLASSES = 3
POPULATION = 4_000_000
NOTHING = (np.nan, np.nan)


def draw(rng, family, rows):
    spread, sure, other = FAMILIES[family]
    true = spread * rng.standard_normal((rows, CLASSES))
    return true, sure * true, other * true


def truth(family):
    rng = np.random.default_rng(99)
    sums = np.zeros(2)
    for _ in range(POPULATION // 100_000):
        true, *models = draw(rng, family, 100_000)
        p = softmax(true)
        sums += [-(p * log_softmax(z)).sum() for z in models]
    return sums / POPULATION


def cover(family, rows, sets, replicates, seed):
    """Shares of sets whose interval holds the truth: of loss and difference, with bootstraps."""
    rng = np.random.default_rng(seed)
    first, second = truth(family)
    hits = np.zeros(4)
    for number in range(sets):
        true, z, other = draw(rng, family, rows)
        labels = (true + rng.gumbel(size=true.shape)).argmax(axis=1)
        pair = {"baseline_logits": z, "candidate_logits": other, "labels": labels}
        drawn = {"replicates": replicates, "seed": number} if replicates else {}
        include = ["bootstrap"] if replicates else []
        report = evaluate(logits=z, labels=labels, include=include, worst=0, **drawn)
        intervals = [report.interval, NOTHING, compare(**pair).interval, NOTHING]
        if report.bootstrap is not None:
            intervals[1::2] = report.bootstrap.interval, compare(**pair, **drawn).interval
        truths = first, first, second - first, second - first
        hits += [low <= value <= high for (low, high), value in zip(intervals, truths, strict=True)]
    return hits / sets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--replicates", type=int, default=1000, help="0: no bootstrap")
    options = parser.parse_args()
    print("| family | N | log loss | bootstrap | difference | bootstrap |")
    print("|---|---|---|---|---|---|")
    missed = False
    for family in FAMILIES:
        for rows in options.rows:
            shares = cover(family, rows, options.sets, options.replicates, rows)
            shown = [f"{100 * share:.1f} % |" for share in shares]
            if not options.replicates:
                shown[1::2] = ["|", "|"]
            print(f"| {family} | {rows} |", *shown)
            sys.stdout.flush()
            missed |= not all(0.93 <= share <= 0.97 for share in shares[::2])
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
