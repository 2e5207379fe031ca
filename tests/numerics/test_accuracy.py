"""The accuracy program, on a few rows; `python benchmarks/accuracy` measures them all."""

import importlib
import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "benchmarks" / "accuracy"


@pytest.fixture
def module(monkeypatch):
    """Imports a module of the program, and forgets it afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(PROGRAM))
    with mpmath.workprec(220):
        yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == PROGRAM:
            del sys.modules[name]


@pytest.mark.slow  # in a few rows; the tests beside this one hold each function to its own bound
@pytest.mark.parametrize("options", [[], ["--compiled"]])
def test_every_function_meets_its_goal(options):
    if options and not importlib.util.find_spec("numba"):
        pytest.skip("needs Numba, the extra fast")
    command = [sys.executable, "-W", "error", str(PROGRAM), "--quick", "--families", "--seed", "3"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr + run.stdout
    for line in (
        "softmax | value | logits",
        "logsumexp | value | logits",
        "log1mexp | value | logits",
        "cross_entropy | bits gradient | logits",
        "cross_entropy | weighted gradient | probabilities",
        "cross_entropy | smoothed | log-probabilities",
        "cross_entropy | z-loss | logits",
        "cross_entropy | weighted mean of samples | logits",
        "cross_entropy | gradient | logits, float16",
        "binary_cross_entropy | weighted soft bits gradient | probabilities",
        "binary_focal | gradient | log-probabilities",
        "focal | soft gradient | probabilities",
        "poly_cross_entropy | smoothed gradient | log-probabilities",
        "generalized_cross_entropy | weighted | logits",
        "kl_divergence | soft | log-probabilities",
        "js_divergence | soft bits | logits",
        "brier | gradient | log-probabilities",
        "entropy | gradient | probabilities",
        "perplexity | gradient | logits",
        "kullback_leibler | value | probabilities",
        "kl_divergence | logits | 10 | Xent",
    ):
        assert f"| {line} |" in run.stdout, line
    assert "| targets differ in digit 12 |" in run.stdout


def test_a_wrong_digit_is_seen(module):
    exact = module("exact").exact([mpmath.mpf(1) / 3])
    assert 0.0 < exact.ulps(exact.high)[0] < 0.5
    assert 15.0 < exact.ulps(exact.high * (1 + 16 * 2.0**-53 * 1.5))[0] < 25.0
    narrow = exact.high.astype(np.float32)
    assert 0.0 < exact.ulps(narrow)[0] < 0.5
    assert 0.5 < exact.ulps(np.nextafter(narrow, np.float32(1)))[0] < 1.5
    for wrong in (np.nan, np.inf):
        assert exact.ulps(np.array([wrong]))[0] == np.inf


def test_what_float64_cannot_hold_is_not_counted_and_an_infinity_is_right(module):
    exact = module("exact").exact
    beyond = exact([mpmath.mpf(10) ** 400, mpmath.inf, mpmath.mpf(10) ** -310])
    assert beyond.ulps(np.array([np.inf, np.inf, 7.0])).tolist() == [0.0, 0.0]
    assert beyond.ulps(np.array([1e308, 1e308, 0.0])).tolist() == [np.inf, np.inf]


def test_pairs_are_the_nearest_numbers_and_the_rest(module):
    values = [mpmath.mpf(2) ** e * x / 7 for e in (-900, -40, 0, 900) for x in (-3, 5)]
    high, low = module("exact").pairs(values)
    for value, head, tail in zip(values, high.tolist(), low.tolist(), strict=True):
        sign, mantissa, exponent, _ = value._mpf_
        exact = (-1) ** sign * mantissa * Fraction(2) ** exponent
        assert head == float(exact)
        assert abs(Fraction(head) + Fraction(tail) - exact) <= abs(exact) / 2**105


def test_references_have_their_digits_at_any_margin(module):
    logits = np.array([0.3, 612.7, -4.0])
    row = module("references").of_logits(logits, 0.9)
    with mpmath.workprec(2500):
        weights = [mpmath.exp(mpmath.mpf(z) / mpmath.mpf(0.9)) for z in logits.tolist()]
        for chance, weight in zip(row.chances, weights, strict=True):
            p = weight / sum(weights)
            for found, exact in (
                (chance.p, p),
                (chance.surprisal, -mpmath.log(p)),
                (chance.rest, 1 - p),
            ):
                assert abs(found - exact) <= exact * mpmath.mpf(2) ** -200


def test_a_missed_goal_is_told(module, capsys):
    measured, exact = module("measured").measured, module("exact").exact([mpmath.mpf(1) / 3])
    right = measured("f", "", "logits", "a", exact, exact.high, k=2)
    wrong = measured("f", "", "logits", "b", exact, exact.high * (1 + 2.0**-48), k=2)
    table = module("table")
    assert table.reached(right)
    assert not table.reached(wrong)
    table.of_functions([right, wrong])
    assert "MISSED | b | 2 |" in capsys.readouterr().out
