"""The rows of a fit at the door: what is checked, weighed and left out, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.objective import Objective
from service.classifier.options import Options
from service.classifier.rows import Array, feature_rows, without_unread
from service.errors import Code, Faults, InvalidInput, cell
from service.losses.truth import Indices, Label, check_shape, class_indices
from service.losses.weights import check_weights, class_weight_array

# The curvature multiplies two features, a weight and a count of rows.
LARGEST = 1e75


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Checked rows of weight above 0.

    Attributes:
        inputs: shape (N, D), C-contiguous.
        labels: class indices, shape (N,); zeros where there are targets.
        targets: shape (N, K), or None.
        weights: of the samples, shape (N,).
        classes: K.
    """

    inputs: Array
    labels: Indices
    targets: Array | None
    weights: Array
    classes: int

    def weighed(self, options: Options, whole: bool = True) -> "Samples":
        """With the class weights of the options multiplied in.

        Args:
            options: of the fit.
            whole: whether every class needs rows; otherwise some row is enough.

        Raises:
            InvalidInput: class weights that mean nothing, or a class without weight.
        """
        per_class = self._class_weights(options)
        if self.targets is None:
            weights, targets = self.weights * per_class[self.labels], None
        else:
            weights, targets = self.weights, self.targets * per_class
        weighed = Samples(self.inputs, self.labels, targets, weights, self.classes)
        totals = weighed.class_masses() if whole else weighed.class_masses().sum(keepdims=True)
        empty = np.flatnonzero(~(totals > 0.0))
        if empty.size:
            member = "labels" if self.targets is None else "targets"
            detail = f"class {int(empty[0])}, counted from 0, has no rows with a weight above 0"
            raise InvalidInput.at(f"/{member}", Code.EMPTY_REDUCTION, f"{detail}: each needs some")
        return weighed

    def rows(self, chosen: npt.NDArray[Any]) -> "Samples":
        """Some of the rows, by mask or index."""
        targets = None if self.targets is None else self.targets[chosen]
        inputs, labels = self.inputs[chosen], self.labels[chosen]
        return Samples(inputs, labels, targets, self.weights[chosen], self.classes)

    def objective(self, options: Options, threads: int = 1) -> Objective:
        """What a fit of these rows minimises, but for `l1`."""
        return Objective(
            self.inputs,
            self.labels,
            self.weights,
            self.classes,
            options.l2,
            self.targets,
            options.intercept,
            threads,
        )

    def logits(self, coefficients: Array, intercepts: Array) -> Array:
        """The raw scores by the parameters of a fit, shape (N, K)."""
        logits: Array = self.inputs @ coefficients.T + intercepts
        return np.hstack([np.zeros_like(logits), logits]) if self.classes == 2 else logits

    def class_masses(self) -> Array:
        """The weight of every class, shape (K,)."""
        if self.targets is None:
            return np.bincount(self.labels, self.weights, minlength=self.classes).astype(np.float64)
        return self.weights @ self.targets

    def log_frequencies(self) -> Array:
        """Logarithms of the shares of the classes in the weight, shape (K,).

        A share that underflows counts as the smallest number.
        """
        masses = self.class_masses()
        logs: Array = np.log(np.maximum(masses / masses.sum(), np.finfo(float).tiny))
        return logs

    def _class_weights(self, options: Options) -> Array:
        wanted = options.class_weights
        if wanted is None:
            return np.ones(self.classes)
        if isinstance(wanted, str):
            masses = self.class_masses()
            present = np.maximum(masses, np.finfo(float).tiny)
            return np.where(masses > 0.0, masses.sum() / (self.classes * present), 1.0)
        return class_weights_by_index(wanted, None, self.classes)


def class_weights_by_index(
    weights: Sequence[float] | Mapping[str, float],
    names: Sequence[Label] | None,
    classes: int,
) -> Array:
    """Class weights in class order, from the options.

    Args:
        weights: shape (K,), or by class name, where a class that is not named weighs 1.
        names: of the classes; None is 0..K-1.
        classes: K.

    Returns:
        Shape (K,).

    Raises:
        InvalidInput: a wrong length, an unknown name, a weight that is no weight.
    """
    given = weights if isinstance(weights, Mapping) else np.asarray(weights)
    try:
        return class_weight_array(given, names, classes)
    except InvalidInput as error:
        faults = [replace(fault, pointer=f"/options{fault.pointer}") for fault in error.faults]
        raise InvalidInput(faults) from error


def samples(
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    targets: npt.ArrayLike | None = None,
    classes: int,
    sample_weights: npt.ArrayLike | None = None,
) -> Samples:
    """Check rows, their truth and their weights; leave out rows of weight 0.

    Args:
        inputs: feature rows, shape (N, D), finite; a row of weight 0 may hold anything.
        labels: class indices 0..K-1, shape (N,); or
        targets: shape (N, K), >= 0: probabilities, or counts of so many labels.
        classes: K, at least 2.
        sample_weights: s, shape (N,), >= 0; all 1 when absent.

    Returns:
        The samples.

    Raises:
        InvalidInput: with every member that means nothing.
    """
    if (labels is None) == (targets is None):
        detail = "training needs labels or targets, and not both"
        raise InvalidInput.at("", Code.CONFLICTING_MEMBERS, detail)
    if classes < 2:
        member = "classes" if targets is None else "targets"
        detail = "training needs two classes or more"
        raise InvalidInput.at(f"/{member}", Code.INVALID_OPTION, detail)
    size = len(np.asarray(labels if targets is None else targets))
    faults, weights = Faults(), np.ones(size)
    indices, soft = np.zeros(size, dtype=np.int64), None
    with faults.collecting():
        if sample_weights is not None:
            given = np.asarray(sample_weights)
            check_shape("sample_weights", given, (size,), f"{size} rows")
            weights = check_weights("sample_weights", given)
            _moderate("sample_weights", weights, Code.WEIGHT_OVERFLOW)
            if not weights.any():
                detail = "sample_weights are all 0: there is nothing to learn from"
                raise InvalidInput.at("/sample_weights", Code.EMPTY_REDUCTION, detail)
    with faults.collecting():
        if targets is None:
            indices = _labels(np.asarray(labels), classes)
        else:
            soft = _targets(np.asarray(targets), classes)
            _moderate("targets", soft, Code.PROBABILITY_OUT_OF_RANGE)
    kept = weights > 0.0
    if soft is not None:
        kept = kept & (soft.sum(axis=1) > 0.0)
    rows = np.empty((0, 0))
    with faults.collecting():
        rows = feature_rows(without_unread(inputs, kept))
        if len(rows) != size:
            member = "labels" if targets is None else "targets"
            detail = f"{member} has {size} rows; inputs has {len(rows)}"
            raise InvalidInput.at(f"/{member}", Code.SHAPE_MISMATCH, detail)
        if size and not rows.shape[1]:
            detail = "inputs has no columns: training needs a feature or more"
            raise InvalidInput.at("/inputs", Code.SHAPE_MISMATCH, detail)
        _moderate("inputs", rows, Code.INFINITE_VALUE)
    faults.check()
    found = Samples(np.ascontiguousarray(rows), indices, soft, weights, classes)
    return found if kept.all() else found.rows(kept)


def _moderate(member: str, values: Array, code: Code) -> None:
    """Refuses numbers whose squares, weighted and summed, could exceed float64."""
    if values.size == 0 or (values.max() <= LARGEST and values.min() >= -LARGEST):
        return
    first = np.argwhere(np.abs(values) > LARGEST)[0]
    pointer, place = cell(member, *map(int, first))
    detail = f"{place} is {values[tuple(first)]:g}; training takes numbers up to {LARGEST:g}"
    raise InvalidInput.at(pointer, code, detail)


def _labels(labels: npt.NDArray[Any], classes: int) -> Indices:
    check_shape("labels", labels, (len(labels),), "a class for every row")
    return class_indices("labels", labels, None, classes, None)


def _targets(rows: npt.NDArray[Any], classes: int) -> Array:
    check_shape("targets", rows, (len(rows), classes), f"rows over {classes} classes")
    if rows.dtype.kind not in "fiu":
        raise InvalidInput.at("/targets", Code.NOT_A_NUMBER, "targets must hold numbers only")
    bad = np.argwhere(~(np.isfinite(rows) & (rows >= 0)))
    if bad.size:
        pointer, place = cell("targets", int(bad[0][0]), int(bad[0][1]))
        detail = f"{place} is no probability or count: a finite number >= 0"
        raise InvalidInput.at(pointer, Code.PROBABILITY_OUT_OF_RANGE, detail)
    return rows.astype(np.float64, copy=False)
