"""How well a model does on labelled rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from service import evaluation
from service.classifier.model import Model
from service.errors import Faults
from service.evaluation import Report
from service.losses.truth import shape_fault


def evaluate(
    model: Model,
    inputs: npt.ArrayLike,
    labels: npt.NDArray[Any],
    sample_weights: npt.NDArray[Any] | None = None,
    row_ids: Sequence[str | int] | None = None,
    include: Sequence[evaluation.Extra] = (),
) -> Report:
    """Compare a model's probabilities with the labels of the same rows.

        log_loss = sum_i s_i (-log p_i[label_i]) / sum_i s_i

    Args:
        model: the model.
        inputs: feature rows, shape (N, D). The row of a weight 0 is not read.
        labels: class names of the model, shape (N,).
        sample_weights: s, shape (N,), >= 0; all 1 when absent.
        row_ids: names of the rows, for the list of the worst ones.
        include: what to add to the report, as in `evaluation.evaluate`.

    Returns:
        The evaluation report, its log loss (in nats) first.

    Raises:
        InvalidInput: as in `Model.logits`, or a label, weight or row id that means nothing.
    """
    return evaluation.evaluate(**to_assess(model, inputs, labels, sample_weights, row_ids, include))


def to_assess(
    model: Model,
    inputs: npt.ArrayLike,
    labels: npt.NDArray[Any],
    sample_weights: npt.NDArray[Any] | None = None,
    row_ids: Sequence[str | int] | None = None,
    include: Sequence[evaluation.Extra] = (),
) -> dict[str, Any]:
    """What `evaluation.evaluate` or `assess` takes, of the arguments of `evaluate` above.

    Raises:
        InvalidInput: as there.
    """
    logits = model.logits(_without_unread_rows(inputs, sample_weights))
    rows = len(logits)
    members = {"labels": labels, "sample_weights": sample_weights}
    faults = [
        shape_fault(member, array, (rows,), f"{rows} rows of inputs")
        for member, array in members.items()
        if array is not None
    ]
    Faults(fault for fault in faults if fault is not None).check()
    return {
        "logits": logits,
        "labels": labels,
        "classes": model.classes,
        "sample_weights": sample_weights,
        "row_ids": row_ids,
        "include": include,
    }


def _without_unread_rows(
    inputs: npt.ArrayLike, sample_weights: npt.NDArray[Any] | None
) -> npt.ArrayLike:
    """Rows of weight 0 as zeros, since padding need not be finite."""
    if sample_weights is None or (sample_weights != 0.0).all():
        return inputs
    rows = np.asarray(inputs)
    if rows.ndim != 2 or sample_weights.shape != rows.shape[:1]:
        return inputs
    return np.where((sample_weights == 0.0)[:, None], 0, rows)
