"""The compiled loops of the extra `fast`, against mpmath and against NumPy's."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

from service import numerics
from service.app import create_app
from service.numerics import engine
from service.settings import Settings

if not importlib.util.find_spec("numba"):
    pytest.skip("needs Numba, the extra fast", allow_module_level=True)

from numba.core.caching import FunctionCache

from service.numerics import compiled, elementary, machine
from service.numerics.arrays import class_first
from service.numerics.categorical import logsumexp


@pytest.fixture
def fast(computing):
    computing("compiled")


def ulps(found, exact):
    with mpmath.workprec(200):
        wanted = [exact(mpmath.mpf(float(x))) for x in found[0]]
        return max(
            float(abs(mpmath.mpf(float(y)) - e) / mpmath.mpf(float(np.spacing(float(e)))))
            for y, e in zip(found[1], wanted, strict=True)
        )


def weights_of(z):
    room = class_first(np.empty((len(z), 1)))
    return compiled.weigh(z[:, None], np.zeros(len(z), dtype=int), room)[0]


def test_exponentials_are_within_an_ulp_down_to_the_last_subnormal():
    rng = np.random.default_rng(5)
    families = [(-0.5, 0.5), (-3, 3), (-708, 709.78), (-745.1, -708)]
    z = np.concatenate([rng.uniform(*ends, 1500) for ends in families])
    assert ulps((z, weights_of(z)), mpmath.exp) < 0.7


def test_exponentials_at_the_ends_of_the_range():
    z = np.array([-np.inf, -1e300, -745.2, -745.1, 0.0, -0.0, 1e-300, 709.782712893384, 709.79])
    expected = [0.0, 0.0, 0.0, 5e-324, 1.0, 1.0, 1.0, 1.797693134862273e308, np.inf]
    assert np.allclose(weights_of(z), expected, rtol=1e-15, atol=0)
    assert np.isnan(weights_of(np.array([np.nan]))).all()


def test_logarithms_are_within_an_ulp():
    rng = np.random.default_rng(6)
    x = np.concatenate(
        [np.exp(rng.uniform(-40, 40, 3000)), rng.uniform(0, 3, 2000), rng.uniform(0.41, 0.42, 500)]
    )
    assert ulps((x, compiled.log_one_plus(x)), mpmath.log1p) < 0.9
    ends = np.array([0.0, 5e-324, 2.0**60, 1.7e308, np.inf, np.nan])
    assert np.array_equal(compiled.log_one_plus(ends), np.log1p(ends), equal_nan=True)


@pytest.mark.parametrize("k", [1, 2, 3, 10, 64, 65, 100, 1000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_loss_and_gradient_are_those_without_it_to_the_last_digits(fast, monkeypatch, k, dtype):
    rng = np.random.default_rng(k)
    logits = (rng.standard_normal((700, k)) * 4).astype(dtype)
    labels, scale = rng.integers(0, k, 700), rng.uniform(0.5, 2.0, 700)
    found, slopes = numerics.cross_entropy(logits, labels, scale=scale, dtype=dtype)
    monkeypatch.setattr(engine, "machine_code", None)
    plain, plain_slopes = numerics.cross_entropy(logits, labels, scale=scale, dtype=dtype)
    digits = np.finfo(dtype).eps
    assert np.allclose(found, plain, rtol=8 * np.finfo(float).eps, atol=0)
    assert np.allclose(slopes, plain_slopes, rtol=8 * digits, atol=0)
    if k > 1 and dtype is np.float64:
        assert not np.array_equal(slopes, plain_slopes)  # or nothing was compared


@pytest.mark.parametrize("k", [2, 10, 100])
def test_a_row_has_the_same_bits_in_any_batch_layout_and_on_any_thread(fast, k):
    rng = np.random.default_rng(k)
    n = 400_000 // k
    logits = rng.standard_normal((n, k)) * np.exp(rng.uniform(-3, 7, (n, 1)))  # some are shifted
    labels, scale = rng.integers(0, k, n), np.ones(n)
    whole = numerics.cross_entropy(logits, labels, scale=scale)
    packed = np.frombuffer(b"." + logits[:300].tobytes(), np.float64, offset=1).reshape(300, k)
    for rows in (
        np.asfortranarray(logits[:300]),
        packed,  # at no multiple of 8, and read-only
        np.repeat(logits[:300], 2, axis=1)[:, ::2],
        logits[:300].astype(">f8"),
    ):
        part = numerics.cross_entropy(rows, labels[:300].astype(np.int32), scale=scale[:300])
        assert np.array_equal(part[0], whole[0][:300])
        assert np.array_equal(part[1], whole[1][:300])
    for i in range(20):
        alone = numerics.cross_entropy(logits[i : i + 1], labels[i : i + 1], scale=scale[:1])
        assert alone[0] == whole[0][i]
        assert np.array_equal(alone[1][0], whole[1][i])
    threads = numerics.cross_entropy(logits, labels, scale=scale, threads=2)
    assert np.array_equal(threads[0], whole[0])
    assert np.array_equal(threads[1], whole[1])
    reported, _, _ = numerics.labelled_softmax(logits, labels, numerics.Scratch())
    assert np.array_equal(reported, whole[0])


def test_factors_beyond_float64_and_masks_and_bits(fast):
    logits = np.array([[0.0, -np.inf, 2.0], [800.0, 0.0, -800.0], [-1e308, 1e308, 0.0]])
    labels = np.array([2, 1, 1])
    found, _ = numerics.cross_entropy(logits, labels, bits=True)
    expected = [np.log2(1 + np.exp(-2)), 800 / np.log(2), 0.0]
    assert found == pytest.approx(expected, rel=1e-15)
    tiny = numerics.cross_entropy(logits[:1], labels[:1], temperature=1e-310, scale=np.ones(1))
    assert tiny[1].tolist() == [[0.0, 0.0, 0.0]]
    assert logsumexp(np.log(np.array([[1.0, 2.0, 3.0]]))) == pytest.approx(np.log(6), rel=1e-15)


@pytest.mark.parametrize("k", [3, 100])
@pytest.mark.parametrize("label", [-1, "k", 2**40])
def test_a_class_that_is_none_is_refused_before_memory_is_written_to(fast, k, label):
    labels = np.array([0, k if label == "k" else label])
    with pytest.raises(IndexError, match=f"0..{k - 1}"):
        numerics.cross_entropy(np.zeros((2, k)), labels, scale=np.ones(2))


@pytest.mark.parametrize("dtype", ["float16", ">f4", ">f8", "longdouble"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_gradients_and_factors_of_any_kind_are_those_without_it(fast, monkeypatch, dtype, kind):
    logits, labels = np.array([[1.0, 2.0, 0.5], [0.0, -3.0, 1.0]]), np.array([1, 0])
    scale = np.array([0.3, 0.7], kind)
    _, slopes = numerics.cross_entropy(logits, labels, scale=scale, dtype=dtype)
    _, single = numerics.cross_entropy(logits, labels, scale=scale)
    monkeypatch.setattr(engine, "machine_code", None)
    _, plain = numerics.cross_entropy(logits, labels, scale=scale, dtype=dtype)
    assert slopes.dtype == plain.dtype == np.dtype(dtype)
    digits = max(np.finfo(dtype).eps, np.finfo(float).eps)
    assert np.allclose(slopes, plain, rtol=8 * digits, atol=0)
    assert np.allclose(single, plain, rtol=8 * digits, atol=0)


RESIDENT = """
import re
from pathlib import Path
import numpy as np
from service import numerics

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

numerics.compile_loops()
for k in (2, 500):
    n = 6_000_000 // k
    logits, labels, scale = np.ones((n, k)), np.zeros(n, int), np.ones(n)
    numerics.cross_entropy(logits[:1000], labels[:1000], scale=scale[:1000])
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is resident now
    before = peak()
    answer = numerics.cross_entropy(logits, labels, scale=scale)
    print(peak() - before, sum(array.nbytes for array in answer))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_memory_beyond_the_answer_is_a_few_blocks_of_the_loops_own_too():
    # tracemalloc sees what NumPy allocates, not what machine code does
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True
    )
    measured = [map(int, line.split()) for line in done.stdout.splitlines()]
    assert len(measured) == 2
    for grown, answer in measured:
        assert 0.9 * answer < grown < answer + 16 * 2**20


def test_what_was_kept_of_older_sources_is_compiled_anew(fast):
    function = compiled._log_one_plus
    folder, name = Path(FunctionCache(function).cache_path), f"compiled.{function.__name__}-*.nbi"
    kept = list(folder.glob(name))
    assert kept
    machine.forget_older([function], [elementary])
    assert list(folder.glob(name)) == kept
    for index in kept:
        os.utime(index, (0, 0))
    machine.forget_older([function], [elementary])
    assert not list(folder.glob(name))
    compiled.loops.__wrapped__()
    assert list(folder.glob(name))


def test_the_name_says_what_computes(monkeypatch):
    monkeypatch.setattr(engine, "machine_code", None)
    assert numerics.arithmetic() == "numpy"
    numerics.compile_loops()
    assert numerics.arithmetic().startswith("numba 0.")


def test_without_numba_the_error_names_the_extra():
    program = """if True:
        import sys
        sys.modules["numba"] = None
        from service import numerics
        from service.errors import Missing
        try:
            numerics.compile_loops()
        except Missing as error:
            print(error)
        print(numerics.arithmetic())
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    error, name = done.stdout.splitlines()
    assert "the extra fast" in error
    assert name == "numpy"


def test_a_server_that_is_asked_to_compiles_before_it_answers(monkeypatch):
    monkeypatch.setattr(engine, "machine_code", None)
    create_app(Settings(compiled=True))
    assert numerics.arithmetic().startswith("numba 0.")
