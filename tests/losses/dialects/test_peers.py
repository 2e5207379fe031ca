"""The dialects against the libraries themselves, live, on random requests."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

COMPARE = Path(__file__).parent / "golden" / "compare.py"
PACKAGES = {"torch": "torch", "keras": "keras", "sklearn": "sklearn", "tensorflow": "tensorflow"}
INSTALLED = [dialect for dialect, package in PACKAGES.items() if find_spec(package)]


@pytest.mark.peers
@pytest.mark.parametrize("dialect", INSTALLED)
def test_random_requests_agree(dialect):
    # A process of its own: Keras chooses its backend once, when it is imported.
    backend = "tensorflow" if dialect == "tensorflow" else "torch"
    run = subprocess.run(
        [sys.executable, str(COMPARE), dialect, "3000"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "at most" in run.stdout
