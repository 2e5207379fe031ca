"""What every test runs under."""

import os

# Before NumPy is imported: its BLAS otherwise starts a thread per core, and where other work shares
# the cores those threads wait for each other in busy loops, which makes a fit many times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
