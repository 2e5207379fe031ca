"""What is added up over all rows, while they are in the cache."""

from types import ModuleType
from typing import Any, NamedTuple, Self

import numpy as np

from service.evaluation.calibration import Reliability
from service.evaluation.engine import machine_code
from service.evaluation.histograms import LOSS_BINS, Histograms
from service.evaluation.moments import Moments
from service.evaluation.named import NamedSums
from service.evaluation.outcomes import Outcomes
from service.evaluation.pending import WORDS
from service.evaluation.pieces import TABLE, Array
from service.evaluation.sums import chunks
from service.evaluation.tables import Indices, Tables

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
        code = machine_code()
        if code and self._add_compiled(code, rows):
            return
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

    def _add_compiled(self, code: ModuleType, rows: Outcomes) -> bool:
        """Adds the same numbers in one pass; says whether it can."""
        if rows.weights is not None or self.losses.size * WORDS > TABLE:
            return False
        losses, reliability, histograms = self.losses, self.reliability.sums, self.histograms.sums
        counts = {
            "support": losses["support"],
            "correct": self.sums["correct"],
            "predicted": self.sums["predicted"],
            "ranks": self.sums["ranks"],
            "binned": reliability["count"],
            "weight": reliability["weight"],
            "right": reliability["correct"],
            "sizes": histograms["rows"],
            "answered": histograms["answered"],
            "rightly": histograms["right"],
        }
        added = {
            "loss": losses["loss"],
            "square": losses["square"],
            "cube": losses["cube"],
            "sized": histograms["loss"],
            "confidence": reliability["confidence"],
            "brier": self.sums["brier"],
        }
        count, infinite = rows.labels.size, np.zeros(losses.size, np.int64)
        # twice as many numbers: of a square, what its rounding lost is one, too
        words = {name: sums.words(2 * count) for name, sums in added.items()}
        tables = {name: sums.table(0, count) for name, sums in counts.items()}
        columns = code.Rows(*(getattr(rows, name) for name in code.Rows._fields))
        if not code.add_rows(columns, code.Sums(**tables, infinite=infinite, **words)):
            return False
        losses["loss"].add_infinite(infinite)
        every = np.zeros(LOSS_BINS, np.int64)
        every[-1] = infinite.sum()
        histograms["loss"].add_infinite(every)
        return True

    def confuse(self, labels: Indices, predicted: Indices, weights: Array | None) -> None:
        """Adds rows to the confusion matrix, which has too many cells to merge it for a few rows.

        Args:
            labels: (n,) true classes.
            predicted: (n,) most probable ones.
            weights: (n,), or `None` for 1.
        """
        if "confusion" not in self.sums:
            return
        confusion, code = self.sums["confusion"], machine_code()
        if code and weights is None:
            classes = self.tables.classes
            table = confusion.table(0, labels.size).reshape(classes, classes)
            code.add_pairs(labels, predicted, table)
            return
        for part in chunks(labels.size):
            cells = labels[part] * self.tables.classes + predicted[part]
            confusion.weigh(cells, None if weights is None else weights[part])

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
