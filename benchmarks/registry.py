"""The registry with many versions stored, and running evaluations.

    python benchmarks/registry.py [--versions 10000] [--rounds 200] [--url postgresql://...]
    python benchmarks/registry.py --pushes 400 [--url postgresql://...]

Calls: milliseconds, median and 99th percentile; half of the versions are one model's, the others
one each of as many models, all of them the digits classifier. Exit status 1 if a 99th percentile is
over 20 ms. On SQLite each registration is followed by a bare commit of as many bytes to a file
beside it, written the same way without Xent: what the disk takes by itself.

Pushes: acknowledged batches of a running evaluation a second, of 100 rows and 10 classes, from one
client and from eight, each a process of its own as a worker is.

Without --url all is in a SQLite file of its own.
"""

import argparse
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from service.classifier import shipped_models, to_bytes
from service.evaluation import Options
from service.registry import Batch, Evaluations, Facts, Registry, Store

GOAL = 20.0
ROWS, CLASSES = 100, 10


def filled(url, versions):
    registry = Registry({}, 10**6, url)
    model = shipped_models()["digits"]
    names = ["many"] * (versions // 2) + [f"m{i:05}" for i in range(versions - versions // 2)]
    for begin in range(0, versions, 500):
        with registry.store.writing() as connection:
            for name in names[begin : begin + 500]:
                registry.add(connection, replace(model, name=name))
    return registry, model


def bare(folder, size):
    """A call that commits so many bytes as SQLite does by itself, with the registry's pragmas."""
    connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE versions (number INTEGER PRIMARY KEY, artifact BLOB)")
    artifact = bytes(size)

    def commit():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO versions (artifact) VALUES (?)", (artifact,))
        connection.execute("COMMIT")

    return commit


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
        "100 models, the first": lambda: registry.models(None, 100),
        "100 models, near the last": lambda: registry.models(last, 100),
        "100 versions, the first": lambda: registry.versions("many", None, 100),
        "100 versions, near the last": lambda: registry.versions("many", half - 200, 100),
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
    options = evaluations.options(id)
    rng = np.random.default_rng(client)
    made = []
    for number in range(pushes):
        logits, labels = rng.normal(size=(ROWS, CLASSES)), rng.integers(0, CLASSES, ROWS)
        made.append(Batch.of(options.score(f"{client} {number}", logits=logits, labels=labels)))
    begin.wait()
    start = time.perf_counter()
    for number, batch in enumerate(made):
        evaluations.push(id, f"{client} {number}", f"{number}", batch)
    seconds.put(time.perf_counter() - start)
    store.end()


def pushes_of(url, pushes):
    options = Options.of(class_count=CLASSES)
    store = Store(url)
    evaluations = Evaluations(store, 10, 2**25)
    context = multiprocessing.get_context("spawn")
    for clients in (1, 8):
        with store.writing() as connection:
            id = evaluations.open(connection, Facts(), options).id
        begin, seconds = context.Barrier(clients), context.Queue()
        each = pushes // clients
        arguments = (begin, seconds)
        processes = [
            context.Process(target=push, args=(url, id, client, each, *arguments))
            for client in range(clients)
        ]
        for process in processes:
            process.start()
        longest = max(seconds.get() for _ in processes)
        for process in processes:
            process.join()
        assert evaluations.find(id).batches == each * clients
        print(f"{clients} clients: {each * clients / longest:6.0f} batches/s", flush=True)
    store.end()
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pushes", type=int, help="measure pushes instead, so many in all")
    parser.add_argument("--url")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{Path(folder) / 'xent.db'}"
        if options.pushes is not None:
            return pushes_of(url, options.pushes)
        return calls_of(folder, url, options.versions, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
