"""Files of predictions to a report: rows a second of one core, by format.

    python benchmarks/bulk.py [--rows 1000000] [--classes 10] [--rounds 5]

Writes float64 probabilities with integer labels as Parquet, Arrow and (a tenth) CSV, and prints the
median of the rounds, in processor time, without the start of the process. Exit status 1 if Parquet
gives fewer than 1,000,000 rows a second for 10 classes.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from service.cli.bulk import Bulk
from service.cli.predictions import Columns
from service.cli.progress import Progress
from service.evaluation import Policies

COLUMNS = Columns("probabilities", "p_*", "y")


def write(path, table):
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path)
    elif path.suffix == ".csv":
        pa.csv.write_csv(table, path, pa.csv.WriteOptions(quoting_style="none"))
    else:
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=2**16)


def seconds(path):
    bulk = Bulk(COLUMNS, Policies(), False)
    start = time.process_time()
    bulk.read([path], Progress())
    assert bulk.intake.state.finish().count
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(options.rows, options.classes)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = pa.table({**{f"p_{k}": p[:, k] for k in range(options.classes)}, "y": labels})
    rates = {}
    with TemporaryDirectory() as folder:
        for form, share in (("parquet", 1), ("arrow", 1), ("csv", 10)):
            path = Path(folder) / f"p.{form}"
            write(path, table.slice(0, options.rows // share))
            seconds(path)
            took = statistics.median(seconds(path) for _ in range(options.rounds))
            rates[form] = options.rows / share / took
            print(f"{form:<8} {rates[form]:>12,.0f} rows/s", flush=True)
    return 0 if options.classes != 10 or rates["parquet"] >= 1e6 else 1


if __name__ == "__main__":
    sys.exit(main())
