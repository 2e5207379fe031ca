"""The multinomial logistic model: features to logits, probabilities and named labels."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.abstention import Abstain, decide
from service.classifier.held_out import HeldOut
from service.classifier.prediction import Label, Prediction, PredictionSets
from service.classifier.rows import Array, check_cells, rows_of_numbers
from service.errors import Code, Fault, InvalidInput, cell, listed
from service.losses.rows import finite
from service.numerics import Linear, softmax

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A multinomial logistic model; its arrays are read-only copies.

        logits = inputs coefficients^T + intercepts

    With two classes the coefficients may be (1, D): those of the second class against the first,
    whose logit is then 0.

    Attributes:
        name: `[a-z0-9][a-z0-9._-]{0,62}`.
        version: at least 1.
        classes: K distinct names, all strings or all integers, in column order.
        feature_names: D distinct names, in column order.
        coefficients: shape (K, D), or (1, D) with two classes, finite.
        intercepts: shape (K,), or (1,) with two classes, finite.
        metadata: what is known about the model: its data, its training, its figures.
        held_out: scores of rows that it was not fitted to, from which levels of abstention follow.

    Raises:
        InvalidInput: a field that means nothing, with a pointer to it.
    """

    name: str
    version: int
    classes: tuple[Label, ...]
    feature_names: tuple[str, ...]
    coefficients: Array
    intercepts: Array
    metadata: Mapping[str, Any] = field(default_factory=dict)
    held_out: HeldOut | None = None
    _linear: Linear = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for member in ("coefficients", "intercepts"):
            array = np.array(getattr(self, member), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, member, array)
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "feature_names", tuple(self.feature_names))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        faults = list(_faults(self))
        if faults:
            raise InvalidInput(faults)
        object.__setattr__(self, "_linear", Linear(self.coefficients, self.intercepts))

    def logits(self, inputs: npt.ArrayLike) -> Array:
        """The raw scores of feature rows; the bits of a row do not depend on its batch.

        Args:
            inputs: shape (N, D), finite numbers in the units of the features; `[]` is no rows.

        Returns:
            Shape (N, K).

        Raises:
            InvalidInput: a wrong shape, a cell that is not finite, or a row whose logits exceed
                float64.
        """
        rows = self._shaped(inputs)
        logits = self._linear(rows)
        if not finite(logits) and not np.isfinite(logits).all():
            check_cells(rows)  # one that is not finite makes every logit of its row so
            beyond = np.flatnonzero(~np.isfinite(logits).all(axis=1))
            pointer, place = cell("inputs", int(beyond[0]))
            detail = f"{place} has numbers so large that its logits exceed float64"
            raise InvalidInput.at(pointer, Code.INFINITE_VALUE, detail)
        if len(self.coefficients) < len(self.classes):
            return np.hstack([np.zeros_like(logits), logits])
        return logits

    def predict(
        self, inputs: npt.ArrayLike, top: int | None = None, abstain: Abstain | None = None
    ) -> Prediction:
        """Class probabilities and labels; of equally probable classes the earlier one wins.

            probabilities = softmax(logits)

        Args:
            inputs: shape (N, D), as in `logits`.
            top: also list this many of the most probable classes of every row, 1 to K.
            abstain: when to abstain; a row where the model does keeps its label.

        Returns:
            The prediction.

        Raises:
            InvalidInput: as in `logits`, `top` is out of range, or `abstain` asks for a level or a
                distance that the model has no held-out scores for.
        """
        size = len(self.classes)
        if top is not None and (type(top) is not int or not 1 <= top <= size):
            detail = f"top must be an integer from 1 to {size}, the number of classes"
            raise InvalidInput.at("/top", Code.INVALID_OPTION, detail)
        logits = self.logits(inputs)
        probabilities = softmax(logits)
        labels = self._names(probabilities.argmax(axis=1))
        prediction = Prediction(self.name, self.version, self.classes, labels, probabilities)
        if top is None and abstain is None:
            return prediction
        # A stable sort keeps equal probabilities in class order.
        order = np.argsort(-probabilities, axis=1, kind="stable")
        if top is not None:
            prediction = replace(
                prediction,
                top_labels=tuple(self._names(row) for row in order[:, :top]),
                top_probabilities=np.take_along_axis(probabilities, order[:, :top], axis=1),
            )
        if abstain is None:
            return prediction
        rows = self._shaped(inputs)
        abstained, members, abstention = decide(abstain, logits, rows, self.held_out)
        sets = None
        if members is not None:
            inside = np.take_along_axis(members, order, axis=1)
            pairs = zip(order, inside, strict=True)
            sets = PredictionSets((self._names(row[chosen]) for row, chosen in pairs), members)
        return replace(prediction, abstained=abstained, prediction_sets=sets, abstention=abstention)

    def _names(self, indices: npt.NDArray[np.intp]) -> tuple[Label, ...]:
        return tuple([self.classes[index] for index in indices.tolist()])

    def _shaped(self, inputs: npt.ArrayLike) -> Array:
        rows, width = rows_of_numbers(inputs), len(self.feature_names)
        if len(rows) == 0:
            return np.empty((0, width))
        if rows.shape[1] != width:
            detail = f"inputs has rows of {rows.shape[1]} numbers; {self.name} takes {width}: "
            raise InvalidInput.at(
                "/inputs", Code.SHAPE_MISMATCH, detail + listed(self.feature_names)
            )
        return rows


def _rules(model: Model) -> Iterator[tuple[str, Code, bool, str]]:
    """What has to hold of a member, and what is said where it does not."""
    size, width = len(model.classes), len(model.feature_names)
    named = NAME.fullmatch(model.name) is not None
    yield "name", Code.INVALID_OPTION, named, f"must match {NAME.pattern}, whole"
    counted = type(model.version) is int and model.version >= 1
    yield "version", Code.INVALID_OPTION, counted, "must be a positive integer"
    alike = {type(label) for label in model.classes} in ({str}, {int})
    distinct = size >= 2 and len(set(model.classes)) == size
    rule = "must be two or more distinct names, all strings or all integers"
    yield "classes", Code.NOT_A_LABEL, distinct and alike, rule
    alike = all(type(name) is str for name in model.feature_names)
    distinct = width >= 1 and len(set(model.feature_names)) == width
    rule = "must be one or more distinct strings"
    yield "feature_names", Code.SHAPE_MISMATCH, distinct and alike, rule
    rows = 1 if size == 2 and model.coefficients.shape[:1] == (1,) else size
    fits = model.coefficients.shape == (rows, width)
    rule = f"must have shape ({rows}, {width}): classes by features"
    yield "coefficients", Code.SHAPE_MISMATCH, fits, rule
    fits = model.intercepts.shape == (rows,)
    rule = f"must have shape ({rows},), like the rows of the coefficients"
    yield "intercepts", Code.SHAPE_MISMATCH, fits, rule


def _faults(model: Model) -> list[Fault]:
    """Every member of a model that means nothing."""
    faults = [
        Fault(f"/{name}", code, f"{name} {rule}")
        for name, code, holds, rule in _rules(model)
        if not holds
    ]
    size, width = len(model.classes), len(model.feature_names)
    distance = None if model.held_out is None else model.held_out.distance
    if distance is not None and distance.means.shape != (size, width):
        detail = f"the means of held_out must have shape ({size}, {width})"
        faults.append(Fault("/held_out", Code.SHAPE_MISMATCH, detail))
    for member in ("coefficients", "intercepts"):
        bad = np.argwhere(~np.isfinite(getattr(model, member)))
        if bad.size:
            pointer, place = cell(member, *map(int, bad[0]))
            faults.append(Fault(pointer, Code.INFINITE_VALUE, f"{place} must be finite"))
    return faults
