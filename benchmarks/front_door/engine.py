"""Milliseconds of a loss with gradient of ROWS x CLASSES logits, and of the processor for it."""

import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, os.getcwd())

from bodies import batch  # noqa: E402

from service import losses  # noqa: E402

arrays, taken = batch(int(sys.argv[1]), int(sys.argv[2])), []
for _ in range(15):
    start, worked = time.perf_counter(), time.process_time()
    losses.cross_entropy(**arrays, gradient=True)
    taken.append((time.perf_counter() - start, time.process_time() - worked))
print(*(1e3 * statistics.median(column) for column in zip(*taken, strict=True)))
