"""The compiled loops of an evaluation, where compiled loops are in use."""

from types import ModuleType

from service import numerics
from service.numerics import engine


def machine_code() -> ModuleType | None:
    """`service.evaluation.compiled`, or `None` where NumPy computes."""
    if engine.machine_code is None:
        return None
    from service.evaluation import compiled  # slow to import

    return compiled


def compile_loops() -> None:
    """Uses compiled loops in this process from now on, those of the losses and those of reports.

    Raises:
        Missing: Numba is not installed.
    """
    numerics.compile_loops()
    code = machine_code()
    assert code is not None
    code.loops()
