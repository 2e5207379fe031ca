"""Functions as machine code, by Numba, kept from one run to the next."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
from numba.core.caching import FunctionCache

NAME = f"numba {numba.__version__}"

Source = tuple[Callable[..., Any], Sequence[Any]]
"""A function and the types that it is compiled for."""


def machine_code(sources: Sequence[Source], *within: ModuleType) -> list[Any]:
    """The functions, compiled or from the files of a former run.

    Args:
        sources: the functions.
        within: the other modules whose functions and constants are compiled into them.
    """

    def build(**options: Any) -> list[Any]:
        return [
            numba.njit(list(of), nogil=True, error_model="numpy", **options)(f) for f, of in sources
        ]

    try:
        forget_older([function for function, _ in sources], within)
        return build(cache=True)
    except RuntimeError:  # no directory to keep them in
        return build()


def forget_older(functions: Sequence[Callable[..., Any]], within: Sequence[ModuleType]) -> None:
    """Removes kept machine code that is older than what is compiled into it.

    Numba looks at the file of the loops alone, and not at those that they call.
    """
    newest = max(Path(str(module.__file__)).stat().st_mtime for module in within)
    for function in functions:
        folder, file = Path(FunctionCache(function).cache_path), Path(function.__code__.co_filename)
        for kept in folder.glob(f"{file.stem}.{function.__name__}-*.nbi"):
            if kept.stat().st_mtime <= newest:
                kept.unlink(missing_ok=True)
