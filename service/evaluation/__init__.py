"""Evaluation of probability predictions: a mergeable state, and the report it finishes with."""

from service.evaluation.evaluate import evaluate
from service.evaluation.report import (
    Calibration,
    CalibrationBin,
    ClassReport,
    Report,
    WorstRow,
)
from service.evaluation.rows import ScoredRows
from service.evaluation.scoring import score
from service.evaluation.state import State

__all__ = [
    "Calibration",
    "CalibrationBin",
    "ClassReport",
    "Report",
    "ScoredRows",
    "State",
    "WorstRow",
    "evaluate",
    "score",
]
