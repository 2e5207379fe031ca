"""Evaluation of probability predictions: a mergeable state, and the report it finishes with."""

from service.evaluation.comparison import Comparison, Difference, compare
from service.evaluation.evaluate import evaluate
from service.evaluation.report import (
    Average,
    Calibration,
    CalibrationBin,
    ClassReport,
    Decomposition,
    Ranking,
    Report,
    SliceReport,
    TopK,
    WorstRow,
)
from service.evaluation.rows import ScoredRows
from service.evaluation.scoring import score
from service.evaluation.state import State

__all__ = [
    "Average",
    "Calibration",
    "CalibrationBin",
    "ClassReport",
    "Comparison",
    "Decomposition",
    "Difference",
    "Ranking",
    "Report",
    "ScoredRows",
    "SliceReport",
    "State",
    "TopK",
    "WorstRow",
    "compare",
    "evaluate",
    "score",
]
