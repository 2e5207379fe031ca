"""What computes: NumPy or, where asked for, compiled loops."""

from types import ModuleType

from service.errors import Missing

machine_code: ModuleType | None = None
"""`service.numerics.compiled`, once `compile_loops` was called."""


def compile_loops() -> None:
    """Uses compiled loops in this process from now on: the same answers but for last digits.

    Takes a second or two, so that it is done before the first answer and not within it.

    Raises:
        Missing: Numba is not installed.
    """
    global machine_code
    try:
        from service.numerics import compiled, compiled_shares  # slow to import
    except ModuleNotFoundError:
        raise Missing.package("fast", "Compiled arithmetic") from None
    compiled.loops()
    compiled_shares.loops()
    machine_code = compiled


def arithmetic() -> str:
    """What is in use, by name and, if it is not NumPy, version."""
    return machine_code.NAME if machine_code else "numpy"
