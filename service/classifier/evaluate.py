"""How well a model does on labelled rows."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from service import evaluation
from service.classifier.model import Model
from service.classifier.rows import without_unread
from service.errors import Code, Faults, InvalidInput
from service.evaluation import Comparison, Report
from service.losses.truth import check_shape


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
    logits = model.logits(_read(inputs, sample_weights))
    rows = len(logits)
    faults = Faults()
    for member, array in (("labels", labels), ("sample_weights", sample_weights)):
        with faults.collecting():
            if array is not None:
                check_shape(member, array, (rows,), f"{rows} rows of inputs")
    faults.check()
    return {
        "logits": logits,
        "labels": labels,
        "classes": model.classes,
        "sample_weights": sample_weights,
        "row_ids": row_ids,
        "include": include,
    }


def compare(
    baseline: Model,
    candidate: Model,
    inputs: npt.ArrayLike,
    labels: npt.NDArray[Any],
    sample_weights: npt.NDArray[Any] | None = None,
    margin: float = 0.0,
) -> Comparison:
    """Whether one model has a lower log loss than another on the same labelled rows.

    Args:
        baseline: the model that is there.
        candidate: the one that may replace it, of the same classes and features.
        inputs: feature rows, shape (N, D). The row of a weight 0 is not read.
        labels: class names of the models, shape (N,).
        sample_weights: s, shape (N,), >= 0; all 1 when absent.
        margin: by how much the candidate has to be better, in nat.

    Returns:
        The verdict first.

    Raises:
        InvalidInput: the models have other classes or features, or as in `evaluate`.
    """
    features = baseline.feature_names, candidate.feature_names
    if set(baseline.classes) != set(candidate.classes) or features[0] != features[1]:
        text = "the versions do not have the same classes and features, and cannot be compared"
        raise InvalidInput.at("/version", Code.SHAPE_MISMATCH, text)
    rows = _read(inputs, sample_weights)
    order = [candidate.classes.index(name) for name in baseline.classes]
    return evaluation.compare(
        baseline_logits=baseline.logits(rows),
        candidate_logits=candidate.logits(rows)[:, order],
        labels=labels,
        classes=baseline.classes,
        sample_weights=sample_weights,
        margin=margin,
    )


def _read(inputs: npt.ArrayLike, sample_weights: npt.NDArray[Any] | None) -> npt.ArrayLike:
    return inputs if sample_weights is None else without_unread(inputs, sample_weights != 0.0)
