"""Calls of the registry with many versions stored: milliseconds, median and 99th percentile.

    python benchmarks/registry.py [--versions 10000] [--rounds 200] [--url postgresql://...]

Half of the versions are one model's, the others one each of as many models, all of them the digits
classifier. Without --url they are in a SQLite file of their own. Exit status 1 if a 99th
percentile is over 20 ms.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from service.classifier import shipped_models
from service.registry import Registry

GOAL = 20.0


def filled(url, versions):
    registry = Registry({}, 10**6, url)
    model = shipped_models()["digits"]
    names = ["many"] * (versions // 2) + [f"m{i:05}" for i in range(versions - versions // 2)]
    for begin in range(0, versions, 500):
        with registry.store.writing() as connection:
            for name in names[begin : begin + 500]:
                registry.add(connection, replace(model, name=name))
    return registry, model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--url")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{Path(folder) / 'xent.db'}"
        registry, model = filled(url, options.versions)
        half = options.versions // 2
        rng = np.random.default_rng(1)
        last = f"m{half - 200:05}"
        calls = {
            "100 models, the first": lambda: registry.models(None, 100),
            "100 models, near the last": lambda: registry.models(last, 100),
            "100 versions, the first": lambda: registry.versions("many", None, 100),
            "100 versions, near the last": lambda: registry.versions("many", half - 200, 100),
            "a version not in memory": lambda: registry.find("many", int(rng.integers(half)) + 1),
            "registering": lambda: registry.register(replace(model, name="other")),
        }
        worst = 0.0
        for name, call in calls.items():
            spent = []
            for _ in range(options.rounds):
                start = time.perf_counter()
                call()
                spent.append(1e3 * (time.perf_counter() - start))
            median, p99 = np.percentile(spent, [50, 99])
            worst = max(worst, p99)
            print(f"{name:32} median {median:6.1f}   p99 {p99:6.1f}")
        registry.end()
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
