"""Writes <dialect>.json: what a library prints for the edges, random requests and the table.

    KERAS_BACKEND=torch python tests/losses/dialects/golden/generate.py torch keras sklearn
    KERAS_BACKEND=tensorflow python tests/losses/dialects/golden/generate.py tensorflow

The files are read by tests that need none of the libraries.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))
from cases import EDGES, random_case, table_cases
from libraries import printed, versions

RANDOM = 90


def plain(value):
    """Arrays as lists; numbers that JSON has not as strings."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def shortened(given):
    """The members with fewer digits, which the file and the library both see."""
    return {
        name: value.round(6) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in given.items()
    }


def case(dialect, loss, given):
    """One request with the library's answer, or that it refuses."""
    record = {"loss": loss, "given": {name: plain(value) for name, value in given.items()}}
    arrays = {name: np.asarray(value) for name, value in given.items()}
    record["shapes"] = {name: a.shape for name, a in arrays.items() if 0 in a.shape}
    kinds = {name: str(a.dtype) for name, a in arrays.items()}
    record["dtypes"] = {n: k for n, k in kinds.items() if k in ("float32", "float16")}
    try:
        answer = printed(dialect, loss, given)
    except Exception as error:  # noqa: BLE001  # whatever the library refuses with is the answer
        record["refused"] = type(error).__name__
    else:
        record["printed"] = plain(answer)
        record["shape"] = answer.shape
    return {name: value for name, value in record.items() if value != {}}


def main(dialects):
    """Writes a file for each."""
    for dialect in dialects:
        rng = np.random.default_rng(3)
        drawn = (random_case(dialect, rng, rows=3) for _ in range(RANDOM))
        drawn = [*drawn, *table_cases(dialect, np.random.default_rng(4))]
        requests = [*EDGES[dialect], *((loss, shortened(given)) for loss, given in drawn)]
        lines = ",\n".join(json.dumps(case(dialect, *request)) for request in requests)
        path = Path(__file__).with_name(f"{dialect}.json")
        path.write_text(
            f'{{"versions": {json.dumps(versions(dialect))},\n"cases": [\n{lines}\n]}}\n'
        )


if __name__ == "__main__":
    main(sys.argv[1:])
