"""A report of 1,000,000 rows: what it costs beside the loss alone, and its bytes in parts.

    python benchmarks/merging.py [--rows 1000000] [--classes 10] [--rounds 5] [--compiled] [--sum]

The runs of report and loss alternate, in processor time, and the median of the ratios is printed.
Then the rows are shuffled, cut into parts and merged as a tree. Exit status 1 if the bytes differ.

`--sum` measures the exact sum of the losses of these rows instead: with and without weights, beside
NumPy's exponentials of the logits alone and beside the loss with its gradient, in alternation too.
"""

import argparse
import statistics
import sys
import time

import numpy as np

from service import numerics
from service.evaluation import State, compile_loops, score
from service.losses import cross_entropy


def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def state_of(logits, labels, rows):
    batch, classes = score(
        logits=logits[rows],
        labels=labels[rows],
        row_ids=rows,
        slices={"part": rows % 7},
    )
    state = State(classes)
    state.add(batch)
    return state


def merged(logits, labels, parts):
    order = np.random.default_rng(parts).permutation(len(labels))
    states = [state_of(logits, labels, rows) for rows in np.array_split(order, parts)]
    while len(states) > 1:
        for left, right in zip(states[::2], states[1::2], strict=False):
            left.merge(right)
        states = states[::2]
    return states[0]


def sums(logits, labels, rounds):
    """Prints the processor time of exact sums as shares of what makes the losses."""
    ones = np.ones(len(labels))
    losses, _ = numerics.cross_entropy(logits, labels)
    weights, room = np.random.default_rng(1).uniform(0.1, 4, len(labels)), np.empty_like(logits)
    runs = {
        "sum": lambda: numerics.ExactSum().add(losses),
        "weighted sum": lambda: numerics.ExactSum().add(losses, weights),
        "exponentials": lambda: np.exp(logits, out=room),
        "loss and gradient": lambda: numerics.cross_entropy(logits, labels, scale=ones),
    }
    taken = [{name: seconds(run) for name, run in runs.items()} for _ in range(rounds + 1)][1:]
    for name in ("sum", "weighted sum"):
        ns = statistics.median(run[name] for run in taken) / len(labels) * 1e9
        shares = [
            f"{statistics.median(run[name] / run[beside] for run in taken):.1%} of {beside}"
            for beside in ("exponentials", "loss and gradient")
        ]
        print(f"{logits.shape[1]} classes, {name}: {ns:.1f} ns a row,", *shares, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="with the loops of the extra fast")
    parser.add_argument("--sum", action="store_true", help="the exact sum alone")
    options = parser.parse_args()
    if options.compiled:
        compile_loops()
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(options.rows, options.classes)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    if options.sum:
        sums(logits, labels, options.rounds)
        return 0

    def report():
        batch, classes = score(logits=logits, labels=labels)
        state = State(classes)
        state.add(batch)
        return state.finish()

    def loss():
        return cross_entropy(logits=logits, labels=labels)

    report(), loss()
    runs = [(seconds(loss), seconds(report)) for _ in range(options.rounds)]
    ratio = statistics.median(b / a for a, b in runs)
    print(f"loss {min(a for a, _ in runs):.3f} s, report {min(b for _, b in runs):.3f} s", end=", ")
    print(f"median ratio {ratio:.1f}", flush=True)
    results = {}
    for parts in (1, 7, 1000):
        state = merged(logits, labels, parts)
        results[parts] = state.to_bytes(), repr(state.finish())
        print(parts, "parts:", len(results[parts][0]), "bytes", flush=True)
    same = len(set(results.values())) == 1
    print("the same bytes and report" if same else "DIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
