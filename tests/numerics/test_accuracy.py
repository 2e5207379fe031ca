"""The accuracy program, on a few rows; `python benchmarks/accuracy.py` measures them all."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest

from service.numerics import engine

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow  # in a few rows; the tests beside this one hold each function to its own bound
@pytest.mark.parametrize("options", [[], ["--compiled"]])
def test_every_function_meets_its_goal(options, capsys, monkeypatch):
    if options and not importlib.util.find_spec("numba"):
        pytest.skip("needs Numba, the extra fast")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(engine, "machine_code", None)
    program = runpy.run_path(str(BENCHMARKS / "accuracy.py"))
    status = program["main"](["--quick", "--seed", "3", *options])
    table = capsys.readouterr().out
    assert status == 0, table
    for function in (
        "softmax",
        "gradient, bits",
        "soft gradient",
        "binary loss",
        "KL",
        "logsumexp",
        "entropy gradient",
        "brier gradient",
        "soft js_divergence gradient",
    ):
        assert f"| {function} |" in table


def test_a_wrong_digit_is_seen():
    sys_path = str(BENCHMARKS)
    sys.path.insert(0, sys_path)
    try:
        references = runpy.run_path(str(BENCHMARKS / "references.py"))
    finally:
        sys.path.remove(sys_path)
    exact = references["exact"]([references["mpf"](1) / 3])
    assert 0.0 < exact.ulps(exact.high)[0] < 0.5
    assert 15.0 < exact.ulps(exact.high * (1 + 16 * 2.0**-53 * 1.5))[0] < 25.0
