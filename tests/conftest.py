"""What every test runs under."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before NumPy is imported: its BLAS otherwise starts a thread per core, and where other work shares
# the cores those threads wait for each other in busy loops, which makes a fit many times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# No test speaks TLS, and httpx would read the certificates of the world for every client that is
# made, which takes ten times as long as the request: here is a folder without any.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)
# How long an example takes says how busy the machine is.
settings.register_profile("xent", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("xent")


@pytest.fixture
def computing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has NumPy or compiled loops compute for one test; without Numba the latter is skipped."""

    def use(arithmetic: str) -> None:
        from service import numerics  # not before the environment is set
        from service.numerics import engine

        monkeypatch.setattr(engine, "machine_code", None)
        if arithmetic == "compiled":
            pytest.importorskip("numba")
            numerics.compile_loops()

    return use
