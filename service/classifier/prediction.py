"""What a model answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from service.classifier.abstention import Abstention
from service.classifier.rows import Array
from service.losses.truth import Label as Label  # a class is called as a label


class PredictionSets(tuple[tuple[Label, ...], ...]):
    """Of every row the classes in its set, the most probable first, possibly none.

    Attributes:
        tensor: the same as booleans, shape (N, K), in the order of the classes.
    """

    tensor: npt.NDArray[np.bool_]

    def __new__(cls, names: Iterable[tuple[Label, ...]], tensor: npt.NDArray[np.bool_]) -> Self:
        """The names of all rows, and what they are in a tensor file."""
        made = super().__new__(cls, names)
        made.tensor = tensor
        return made


@dataclass(slots=True)  # frozen it would take a tenth of a prediction to make
class Prediction:
    """Class probabilities of a batch, with the names they belong to.

    Attributes:
        model: the model's name.
        version: its version.
        classes: the class names, in column order.
        labels: the name of the most probable class of every row, N of them.
        probabilities: shape (N, K).
        top_labels: the k most probable classes of every row, the most probable first, or None.
        top_probabilities: their probabilities, shape (N, k), or None.
        abstained: where the model abstains, shape (N,), or None where it was not asked to.
        prediction_sets: of every row the classes in its conformal set, the most probable first,
            possibly none; or None.
        abstention: the threshold behind them, and what held-out rows say of it, or None.
    """

    model: str
    version: int
    classes: tuple[Label, ...]
    labels: tuple[Label, ...]
    probabilities: Array
    top_labels: tuple[tuple[Label, ...], ...] | None = None
    top_probabilities: Array | None = None
    abstained: npt.NDArray[np.bool_] | None = None
    prediction_sets: PredictionSets | None = None
    abstention: Abstention | None = None
