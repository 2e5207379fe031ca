"""Evaluation of probability predictions: a mergeable state, and the report it finishes with."""

from service.evaluation.batches import Options, union_of_values
from service.evaluation.compared import Comparison, Difference
from service.evaluation.comparison import compare
from service.evaluation.engine import compile_loops
from service.evaluation.evaluate import assess, evaluate
from service.evaluation.extras import Extra
from service.evaluation.intake import Intake, Policies
from service.evaluation.pairs import Pairs
from service.evaluation.parts import (
    Average,
    Calibration,
    CalibrationBin,
    ClassReport,
    Decomposition,
    Ranking,
    SliceReport,
    TopK,
    WorstRow,
)
from service.evaluation.report import Report
from service.evaluation.requested import (
    Bootstrap,
    Curves,
    Isotonic,
    IsotonicBlock,
    IsotonicScore,
    Temperature,
)
from service.evaluation.rows import ScoredRows
from service.evaluation.scoring import score
from service.evaluation.slices import Factor
from service.evaluation.state import State

__all__ = [
    "Average",
    "Bootstrap",
    "Calibration",
    "CalibrationBin",
    "ClassReport",
    "Comparison",
    "Curves",
    "Decomposition",
    "Difference",
    "Extra",
    "Factor",
    "Intake",
    "Isotonic",
    "IsotonicBlock",
    "IsotonicScore",
    "Options",
    "Pairs",
    "Policies",
    "Ranking",
    "Report",
    "ScoredRows",
    "SliceReport",
    "State",
    "Temperature",
    "TopK",
    "WorstRow",
    "assess",
    "compare",
    "compile_loops",
    "evaluate",
    "score",
    "union_of_values",
]
