"""BLAS on the calling thread alone, for as long as a fit takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Holds the BLAS of the process to one thread, and gives the others back.

    BLAS's own threads wait for each other by spinning and take many times as long where other
    work is going on, and how they divide a product changes its last digits; a fit divides its rows
    itself. A fit that begins in another thread before this one has ended leaves BLAS as it is.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> "ThreadpoolController":
    """Found once: to look for libraries takes longer than a step of a descent."""
    # Only needed to train: serving pays for neither import. SciPy brings a BLAS of its own, which
    # has to be there to be held.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
