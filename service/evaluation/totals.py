"""What is added up over all rows, while they are in the cache."""

from typing import Any, NamedTuple, Self

import numpy as np

from service.evaluation.calibration import Reliability
from service.evaluation.histograms import Histograms
from service.evaluation.moments import Moments
from service.evaluation.named import NamedSums
from service.evaluation.pieces import Array
from service.evaluation.sums import chunks
from service.evaluation.tables import Indices, Outcomes, Tables

# A matrix of this many classes has a million cells; nobody reads a larger one.
CONFUSION_CLASSES = 1000


class Settings(NamedTuple):
    """What decides the sizes of the sums.

    Attributes:
        classes: K.
        bins: of the calibration.
        top_k: up to which k it is counted whether the true class is among the k most probable.
    """

    classes: int
    bins: int
    top_k: int


class Totals(NamedSums):
    """All sums of the report but those by slice, exact: equal rows give equal sums.

    Args:
        settings: of the state that they are for.

    Attributes:
        losses: moments by true class.
        reliability: by calibration bin of the confidence.
        tables: of all probabilities.
        histograms: by loss and by confidence.
        sums: the others.
    """

    __slots__ = ("histograms", "losses", "reliability", "tables")
    __hash__ = None  # sums change

    def __init__(self, settings: Settings) -> None:
        classes, bins, top_k = settings
        self.losses = Moments(classes)
        self.reliability = Reliability(bins)
        self.tables = Tables(classes, bins)
        self.histograms = Histograms()
        sizes = {
            "predicted": classes,
            "correct": classes,
            "brier": 1,
            "ranks": min(top_k, classes),
        }
        if classes <= CONFUSION_CLASSES:
            sizes["confusion"] = classes**2
        super().__init__(sizes)

    def add(self, rows: Outcomes) -> None:
        """Adds rows to all sums but the tables and the confusion matrix."""
        labels, weights = rows.labels, rows.weights
        right = np.flatnonzero(labels == rows.predicted)
        self.losses.add(labels, rows.losses, weights)
        self.reliability.add(rows.bins, rows.confidences, right, weights)
        self.histograms.add(rows.losses, rows.steps, right, weights)
        sums = self.sums
        sums["brier"].add(np.zeros(labels.size, np.int64), rows.brier, weights)
        sums["predicted"].weigh(rows.predicted, weights)
        sums["correct"].weigh(labels[right], None if weights is None else weights[right])
        near = np.flatnonzero(rows.ranks < sums["ranks"].size)
        sums["ranks"].weigh(rows.ranks[near], None if weights is None else weights[near])

    def confuse(self, labels: Indices, predicted: Indices, weights: Array | None) -> None:
        """Adds rows to the confusion matrix, which has too many cells to merge it for a few rows.

        Args:
            labels: (n,) true classes.
            predicted: (n,) most probable ones.
            weights: (n,), or `None` for 1.
        """
        if "confusion" in self.sums:
            for part in chunks(labels.size):
                cells = labels[part] * self.tables.classes + predicted[part]
                self.sums["confusion"].weigh(cells, None if weights is None else weights[part])

    def merge(self, other: Self) -> None:
        """Adds what others of the same settings have seen."""
        self.losses.merge(other.losses)
        self.reliability.merge(other.reliability)
        self.tables.merge(other.tables)
        self.histograms.merge(other.histograms)
        super().merge(other)

    def to_json(self) -> dict[str, Any]:
        """All sums by name."""
        return {
            "losses": self.losses.to_json(),
            "reliability": self.reliability.to_json(),
            "tables": self.tables.to_json(),
            "histograms": self.histograms.to_json(),
            "sums": super().to_json(),
        }

    def read_json(self, stored: dict[str, Any]) -> None:
        """Reads back what `to_json` gave.

        Raises:
            ValueError: the sums are of other sizes.
        """
        self.losses = Moments.from_json(stored["losses"], self.losses.size)
        self.reliability.read_json(stored["reliability"])
        self.tables.read_json(stored["tables"])
        self.histograms.read_json(stored["histograms"])
        super().read_json(stored["sums"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Totals) and self.to_json() == other.to_json()
