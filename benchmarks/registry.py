"""The registry with many versions stored, and running evaluations.

    python benchmarks/registry.py [--versions 10000] [--rounds 200] [--database sqlite]
    python benchmarks/registry.py --pushes 400 [--database sqlite]

Calls: milliseconds, median and 99th percentile; half of the versions are one model's, the others
one each of as many models, all of them the digits classifier. Exit status 1 if a 99th percentile is
over 20 ms. On SQLite each registration is followed by a bare commit of as many bytes to a file
beside it, written the same way without Xent: what the disk takes by itself.

Pushes: acknowledged batches of a running evaluation a second, of 100 rows and 10 classes, from one
client and from eight, each a process of its own as a worker is; and how long the report takes in a
process that has not read it yet, and the second time.

`--database` is `sqlite`, `postgresql` (one of its own, installed with the tests) or a URL.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from dataclasses import replace

import numpy as np
from stores import bare, database, filled

from service.classifier import to_bytes
from service.evaluation import Options
from service.registry import Batch, Evaluations, Facts, Store

GOAL = 20.0
ROWS, CLASSES = 100, 10


def measured(call):
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def shown(name, spent):
    median, p99 = np.percentile(spent, [50, 99])
    print(f"{name:32} median {median:6.1f}   p99 {p99:6.1f}", flush=True)
    return p99


def calls_of(folder, url, versions, rounds):
    registry, model = filled(url, versions)
    half = versions // 2
    rng = np.random.default_rng(1)
    last = f"m{half - 200:05}"
    calls = {
        "100 models, the first": lambda: registry.lists.models(None, 100),
        "100 models, near the last": lambda: registry.lists.models(last, 100),
        "100 versions, the first": lambda: registry.lists.versions("many", None, 100),
        "100 versions, near the last": lambda: registry.lists.versions("many", half - 200, 100),
        "a version not in memory": lambda: registry.find("many", int(rng.integers(half)) + 1),
    }
    worst = max(shown(name, [measured(c) for _ in range(rounds)]) for name, c in calls.items())
    commit = bare(folder, len(to_bytes(model)))
    other = replace(model, name="other")
    pairs = [(measured(lambda: registry.register(other)), measured(commit)) for _ in range(rounds)]
    registering, committing = zip(*pairs, strict=True)
    worst = max(worst, shown("registering", registering))
    if url.startswith("sqlite:"):
        shown("a bare commit beside it", committing)
    registry.end()
    return int(worst > GOAL)


def push(url, id, client, pushes, begin, seconds):
    """Pushes batches that are ready, once all are; puts how long it took into a queue."""
    store = Store(url)
    evaluations = Evaluations(store, 10, 2**25)
    options = evaluations.running.options(id)
    rng = np.random.default_rng(client)
    made = []
    for number in range(pushes):
        logits, labels = rng.normal(size=(ROWS, CLASSES)), rng.integers(0, CLASSES, ROWS)
        made.append(Batch.of(options.score(f"{client} {number}", logits=logits, labels=labels)))
    begin.wait()
    start, used = time.perf_counter(), time.process_time()
    for number, batch in enumerate(made):
        evaluations.running.push(id, f"{client} {number}", f"{number}", batch)
    seconds.put((time.perf_counter() - start, time.process_time() - used))
    store.end()


def pushes_of(url, pushes):
    options = Options.of(class_count=CLASSES)
    store = Store(url)
    evaluations = Evaluations(store, 10, 2**25)
    context = multiprocessing.get_context("spawn")
    for clients in (1, 8):
        with store.writing() as connection:
            id = evaluations.running.open(connection, Facts(), options).id
        begin, seconds = context.Barrier(clients), context.Queue()
        each = pushes // clients
        arguments = (begin, seconds)
        processes = [
            context.Process(target=push, args=(url, id, client, each, *arguments))
            for client in range(clients)
        ]
        for process in processes:
            process.start()
        spent, used = zip(*(seconds.get() for _ in processes), strict=True)
        for process in processes:
            process.join()
        total = each * clients
        first, again = (measured(lambda: evaluations.find(id)) for _ in range(2))  # noqa: B023
        assert evaluations.find(id).batches == total
        print(
            f"{clients} clients: {total / max(spent):5.0f} batches/s, of the processor "
            f"{1e3 * sum(used) / total:.1f} ms each; the report {first:.0f} ms, again {again:.1f}",
            flush=True,
        )
    store.end()
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pushes", type=int, help="measure pushes instead, so many in all")
    parser.add_argument("--database", default="sqlite")
    options = parser.parse_args()
    with database(options.database) as url, tempfile.TemporaryDirectory() as folder:
        if options.pushes is not None:
            return pushes_of(url, options.pushes)
        return calls_of(folder, url, options.versions, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
