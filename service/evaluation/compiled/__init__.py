"""The steps of an evaluation as machine code, by Numba: the extra `fast`."""

from service.evaluation.compiled import outcomes, rows, sums, tables
from service.evaluation.compiled.outcomes import judge
from service.evaluation.compiled.rows import Rows, Sums, add_pairs, add_rows
from service.evaluation.compiled.sums import add
from service.evaluation.compiled.tables import Tables, tabulate

__all__ = [
    "Rows",
    "Sums",
    "Tables",
    "add",
    "add_pairs",
    "add_rows",
    "judge",
    "loops",
    "tabulate",
]


def loops() -> None:
    """Compiles the loops, or reads them from the files of a former run."""
    for module in (sums, outcomes, rows, tables):
        module.loops()
