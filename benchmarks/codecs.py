"""Time from bodies to arrays and from arrays to bodies, against orjson with NumPy, in one run.

    python benchmarks/codecs.py [--rounds 15]

Time is that of the processor, not of the clock on the wall. The runs alternate; the ratio of each
pair with the reference is taken, and its median and quartiles are printed. Below 1 is faster than
orjson with NumPy: into arrays `np.array` of its lists, out of arrays its own writer, neither with
any check. A last table shows that the two ways to read JSON do not cross: the faster one is so for
the smallest bodies too.
"""

import argparse
import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import simdjson

from service.wire import (
    compress,
    decompress,
    dump_json,
    dump_tensors,
    labels_from,
    numbers_from,
    parse_arrays,
    parse_object,
    parse_tensors,
)

SHAPES = ((1, 64), (1_000, 64), (10_000, 100))
NUMBERS, LABELS = frozenset({"logits"}), frozenset({"labels"})
LIMIT = 2**30

Arrays = dict[str, Any]
Call = Callable[[], object]


def batch(n: int, k: int) -> Arrays:
    rng = np.random.default_rng(k)
    return {"logits": rng.standard_normal((n, k)), "labels": rng.integers(0, k, n)}


def arrays_of(value: Arrays) -> Arrays:
    """What the schema does with members that are still lists."""
    for name, convert in (("logits", numbers_from), ("labels", labels_from)):
        if not isinstance(value[name], np.ndarray):
            value[name] = convert(name, value[name])
    return value


def unchecked(value: Arrays) -> Arrays:
    return {name: np.array(member) for name, member in value.items()}


def readers(arrays: Arrays) -> dict[str, Call]:
    """Ways from bytes to arrays; the first is the reference."""
    text, tensors = dump_json(arrays), dump_tensors(arrays)
    packed = {name: compress(text, name) for name in ("gzip", "zstd")}

    def from_tensors() -> Arrays:
        return parse_tensors(tensors, NUMBERS, LABELS, max_elements=LIMIT, max_header=LIMIT)

    return {
        "orjson + np.array": lambda: unchecked(orjson.loads(text)),
        "json + np.array": lambda: unchecked(json.loads(text)),
        "JSON, explaining path": lambda: arrays_of(parse_object(text)),
        "JSON": lambda: arrays_of(parse_arrays(text, NUMBERS, LABELS)),
        "safetensors": from_tensors,
        "gzip, expansion only": lambda: decompress(packed["gzip"], "gzip", LIMIT, "limit"),
        "zstd, expansion only": lambda: decompress(packed["zstd"], "zstd", LIMIT, "limit"),
    }


def writers(arrays: Arrays) -> dict[str, Call]:
    """Ways from arrays to bytes; the first is the reference."""
    answer = {"loss": 0.5, "gradient": arrays["logits"]}
    narrow = {"loss": 0.5, "gradient": arrays["logits"].astype(np.float32)}
    text = dump_json(answer)
    return {
        "orjson": lambda: orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY),
        "json of lists": lambda: json.dumps({**answer, "gradient": answer["gradient"].tolist()}),
        "JSON": lambda: dump_json(answer),
        "JSON, float32": lambda: dump_json(narrow),
        "safetensors": lambda: dump_tensors(answer),
        "gzip, compression only": lambda: compress(text, "gzip"),
        "zstd, compression only": lambda: compress(text, "zstd"),
    }


def seconds(call: Call, repeats: int) -> float:
    start = time.thread_time()  # no codec has a second thread
    for _ in range(repeats):
        call()
    return (time.thread_time() - start) / repeats


def alternate(calls: dict[str, Call], rounds: int, repeats: int) -> dict[str, list[float]]:
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds(call, repeats))
    return taken


def print_table(title: str, taken: dict[str, list[float]]) -> None:
    print(f"\n{title}\n\n| codec | ms | ratio | quartiles |\n|---|---|---|---|")
    reference = next(iter(taken.values()))
    for name, times in taken.items():
        ratios = [ours / theirs for ours, theirs in zip(times, reference, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"| {name} | {1e3 * statistics.median(times):.3f} | {middle:.3f} "
            f"| {low:.3f}..{high:.3f} |"
        )


def print_small(rounds: int) -> None:
    print("\nThe two ways to read a small JSON body\n")
    print("| bytes | explaining, µs | fast, µs | ratio | quartiles |\n|---|---|---|---|---|")
    for k in (8, 16, 32, 48, 64, 96, 128, 256):
        text = dump_json(batch(1, k))
        ways = {
            "explaining": lambda text=text: arrays_of(parse_object(text)),
            "fast": lambda text=text: parse_arrays(text, NUMBERS, LABELS),
        }
        lists, fast = alternate(ways, rounds, 200).values()
        ratios = [ours / theirs for ours, theirs in zip(fast, lists, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"| {len(text)} | {1e6 * statistics.median(lists):.1f} "
            f"| {1e6 * statistics.median(fast):.1f} | {middle:.2f} | {low:.2f}..{high:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "orjson", "pysimdjson")
    )
    kernel = simdjson.Parser().implementation[0]
    print(f"Python {platform.python_version()}, {versions} ({kernel}); medians of {rounds} rounds")
    for n, k in SHAPES:
        arrays = batch(n, k)
        repeats = max(1, 50_000 // (n * k))
        size = len(dump_json(arrays))
        print_table(
            f"Into arrays: {n:,} x {k}, {size:,} bytes of JSON",
            alternate(readers(arrays), rounds, repeats),
        )
        print_table(f"Out of arrays: {n:,} x {k}", alternate(writers(arrays), rounds, repeats))
    print_small(rounds)


if __name__ == "__main__":
    main()
