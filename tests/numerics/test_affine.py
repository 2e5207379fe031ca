"""Logits of linear models: the value, and the same bits in any company."""

import os
import subprocess
import sys

import numpy as np
import pytest

from service.numerics import linear

BITS = """
import hashlib, numpy as np
from service.numerics import linear
rng = np.random.default_rng(0)
x, w = rng.standard_normal((200, 700)), rng.standard_normal((257, 700))
print(hashlib.sha256(linear(x, w, np.zeros(257)).tobytes()).hexdigest())
"""


def test_small_integers_are_exact():
    rng = np.random.default_rng(1)
    x, w = rng.integers(-9, 9, (130, 300)), rng.integers(-9, 9, (70, 300))
    assert np.array_equal(linear(x.astype(float), w.astype(float), np.ones(70)), x @ w.T + 1)


@pytest.mark.parametrize("d", [0, 1, 64, 300])
@pytest.mark.parametrize("k", [1, 3, 33, 257])
def test_a_row_does_not_depend_on_its_batch(d, k):
    rng = np.random.default_rng(2)
    x, w, b = rng.standard_normal((150, d)), rng.standard_normal((k, d)), rng.standard_normal(k)
    whole = linear(x, w, b)
    np.testing.assert_allclose(whole, x @ w.T + b, atol=1e-12)
    order = rng.permutation(150)
    assert np.array_equal(linear(x[order], w, b), whole[order])
    for rows in (slice(0, 0), slice(70, 71), slice(0, 65), slice(60, 150)):
        assert np.array_equal(linear(x[rows], w, b), whole[rows])


def test_the_number_of_threads_changes_no_bit():
    digests = {
        subprocess.run(
            [sys.executable, "-c", BITS],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(digests) == 1
