"""What abstention promises, over random splits of the digits: coverage, set sizes, selective error.

    python benchmarks/conformal.py [--splits 200] [--sources split,temperature,cross-fit]

Each split draws 898 training, 450 calibration and 449 test rows anew. Scores for the levels come
from the calibration rows (`split`), from the same rows that also gave the temperature
(`temperature`), or from the training rows by five-fold cross-fit, the calibration rows unused
(`cross-fit`). Coverage is asked of LAC and APS at two levels and must lie, in the mean over the
splits, within 3 standard errors of [1 - alpha, 1 - alpha + 1 / (n + 1)]; a selective error is
asked of the probability with 95 % confidence and may be exceeded, on the test rows beyond what
their number excuses, in 5 % of the splits. Exit status 1 where `split` misses: only there is it a
theorem.
"""

import argparse
import math
import sys

import numpy as np

from service.classifier import Abstain, HeldOut, Model, Options, fit, fit_temperature, load_dataset
from service.classifier.cross_fit import held_out
from service.classifier.held_out import held_out_scores
from service.classifier.samples import samples

L2, TRAIN, CALIBRATE = 10.0, 898, 450
LEVELS = (0.9, 0.95)
ERRORS = (0.01, 0.02)
SOURCES = ("split", "temperature", "cross-fit")


def model_of(source, inputs, labels, train, rest):
    options = Options(l2=L2, abstention="cross-fit")
    found = fit(inputs[train], labels[train], classes=10, options=options)
    parameters, temperature = (found.coefficients, found.intercepts), 1.0
    rows = samples(inputs[rest], labels[rest], classes=10)
    if source == "temperature":
        logits = rows.logits(*parameters)
        temperature = fit_temperature(logits, np.eye(10)[rows.labels]).temperature
        parameters = tuple(array / temperature for array in parameters)
    if source == "cross-fit":
        training = samples(inputs[train], labels[train], classes=10)
        kept = held_out(training, None, options, parameters)
    else:
        scored = held_out_scores(rows.logits(*parameters), rows.inputs, rows.labels, None)
        kept = HeldOut("validation", *scored)
    names = tuple(f"pixel_{place}" for place in range(64))
    return Model("digits", 1, tuple(range(10)), names, *parameters, held_out=kept)


def measured(source, seed):
    """By method and level: coverage and set size, or errors and answers, on the test rows."""
    data = load_dataset("digits")
    order = np.random.default_rng(seed).permutation(len(data.labels))
    train, rest = order[:TRAIN], order[TRAIN : TRAIN + CALIBRATE]
    test = order[TRAIN + CALIBRATE :]
    model = model_of(source, data.inputs, data.labels, train, rest)
    found, truth = {}, data.labels[test].tolist()
    for method in ("lac", "aps"):
        for level in LEVELS:
            abstain = Abstain(method=method, coverage=level)
            sets = model.predict(data.inputs[test], abstain=abstain).prediction_sets
            inside = np.mean([label in chosen for label, chosen in zip(truth, sets, strict=True)])
            sizes = np.array([len(chosen) for chosen in sets])
            found[method, level] = inside, sizes.mean(), np.mean(sizes == 0), np.mean(sizes == 1)
    for error in ERRORS:
        abstain = Abstain(method="probability", error=error)
        answer = model.predict(data.inputs[test], abstain=abstain)
        answered = ~answer.abstained
        wrong = int(((np.array(answer.labels) != data.labels[test]) & answered).sum())
        found["probability", error] = wrong, int(answered.sum())
    return found


def excused(wrong, answered, error):
    """Whether so many errors are within the 99 % of a binomial count of that rate."""
    below = math.fsum(
        math.comb(answered, k) * error**k * (1.0 - error) ** (answered - k) for k in range(wrong)
    )
    return below <= 0.99


def report(source, results):
    held = True
    for method in ("lac", "aps"):
        for level in LEVELS:
            rows = np.array([found[method, level] for found in results])
            mean, size, empty, single = rows.mean(axis=0)
            error = rows[:, 0].std(ddof=1) / math.sqrt(len(rows))
            low, high = level - 3 * error, level + 1 / (CALIBRATE + 1) + 3 * error
            within = low <= mean <= high
            held &= within
            print(
                f"| {source} | {method} | coverage {level} | {mean:.4f} +- {error:.4f} | "
                f"{size:.3f} | {empty:.1%} | {single:.1%} | {'yes' if within else 'no'} |"
            )
    for error in ERRORS:
        rows = np.array([found["probability", error] for found in results])
        share = rows[:, 1].mean() / (len(load_dataset("digits").labels) - TRAIN - CALIBRATE)
        over = np.mean([not excused(int(w), int(n), error) for w, n in rows])
        within = over <= 0.05
        held &= within
        risk = rows[:, 0].sum() / max(1, rows[:, 1].sum())
        print(
            f"| {source} | probability | error {error} | {risk:.4f} of the answered {share:.1%} "
            f"| | | | {'yes' if within else 'no'}, exceeded in {over:.1%} |",
            flush=True,
        )
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--sources", default=",".join(SOURCES))
    options = parser.parse_args()
    print("| scores | method | asked | measured | mean size | empty | one class | within |")
    print("|---|---|---|---|---|---|---|---|")
    held = True
    for source in options.sources.split(","):
        good = report(source, [measured(source, seed) for seed in range(options.splits)])
        held &= good or source != "split"
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
