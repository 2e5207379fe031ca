"""What a model has seen of rows that it was not fitted to: how unsure it was, and whether right."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.classifier.conformal import aps_scores, lac_scores, others
from service.classifier.distance import Distance
from service.classifier.rows import Array
from service.errors import Code, InvalidInput
from service.losses.truth import Indices
from service.numerics import entropy_from_logs, log_softmax, softmax

SELECTIVE = ("probability", "margin", "entropy", "distance")
CONFORMAL = ("lac", "aps")
METHODS = SELECTIVE + CONFORMAL
SCORES = ("probability", "margin", "entropy", "lac", "aps", "distance")
"""Columns of the scores, the last one only where there is a distance."""

MOST_ROWS = 10_000
"""Rows that are kept: more would move no quantile by much."""

SPLIT = "validation"
SOURCES = (SPLIT, "cross-fit")


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Scores of held-out rows, larger for a less sure prediction; read-only copies.

    Attributes:
        source: `"validation"`, rows that the model was not fitted to; or `"cross-fit"`, rows that
            models like it, each fitted to the others, were not.
        scores: shape (n, 5), with a distance (n, 6), columns as in `SCORES`: 1 - the largest
            probability, 1 - its lead over the second, the entropy in nats, the LAC and APS scores
            of the true class, the distance.
        wrong: whether the most probable class is not the true one, shape (n,).
        distance: from the training rows, or None.

    Raises:
        InvalidInput: arrays that do not fit together.
    """

    source: str
    scores: Array
    wrong: npt.NDArray[np.bool_]
    distance: Distance | None = None

    def __post_init__(self) -> None:
        for member, dtype in (("scores", np.float64), ("wrong", np.bool_)):
            array = np.array(getattr(self, member), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, member, array)
        columns = len(SCORES) - (self.distance is None)
        shape = (len(self.wrong) if self.wrong.ndim == 1 else -1, columns)
        if self.scores.shape != shape or not len(self.scores):
            detail = f"held_out needs scores (n, {columns}) and wrong (n,) of one row or more"
            raise InvalidInput.at("/held_out", Code.SHAPE_MISMATCH, detail)
        if not np.isfinite(self.scores).all():
            detail = "the scores of held_out must be finite"
            raise InvalidInput.at("/held_out", Code.INFINITE_VALUE, detail)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        distance = self.distance
        arrays = [] if distance is None else [distance.means, distance.whitening]
        return sum(array.nbytes for array in (self.scores, self.wrong, *arrays))

    def of(self, method: str) -> Array:
        """The scores by a method, shape (n,)."""
        column: Array = self.scores[:, SCORES.index(method)]
        return column


def uncertainty(
    method: str, logits: Array, inputs: Array, distance: Distance | None = None
) -> Array:
    """How unsure the most probable class of every row is, with all digits where it is sure.

    Args:
        method: one of `SELECTIVE`.
        logits: shape (N, K).
        inputs: the features of the same rows, shape (N, D), for the distance.
        distance: needed for that method.

    Returns:
        Shape (N,).
    """
    if method == "distance":
        assert distance is not None
        return distance(inputs)
    if method == "entropy":
        return entropy_from_logs(log_softmax(logits))
    probabilities = softmax(logits)
    unsure = others(probabilities)
    if method == "margin":
        unsure = unsure + np.partition(probabilities, -2, axis=1)[:, -2]
    return unsure


def held_out_scores(
    logits: Array, inputs: Array, labels: Indices, distance: Distance | None
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The columns of `HeldOut.scores` for rows with known labels, and which are wrong.

    Args:
        logits: shape (N, K).
        inputs: shape (N, D).
        labels: class indices, shape (N,).
        distance: or None.

    Returns:
        Shapes (N, 5 or 6) and (N,).
    """
    probabilities, own = softmax(logits), labels[:, None]
    columns = {
        name: uncertainty(name, logits, inputs, distance)
        for name in SELECTIVE
        if name != "distance" or distance is not None
    }
    columns["lac"] = np.take_along_axis(lac_scores(probabilities), own, axis=1)[:, 0]
    columns["aps"] = np.take_along_axis(aps_scores(probabilities), own, axis=1)[:, 0]
    scores = np.column_stack([columns[name] for name in SCORES if name in columns])
    return scores, probabilities.argmax(axis=1) != labels
