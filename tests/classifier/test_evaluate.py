"""A model against labelled rows."""

import math

import numpy as np
import pytest

from service.classifier import evaluate
from service.errors import Code, InvalidInput

ROWS = np.array([[1.5, -2.0], [0.0, 0.0], [-3.0, 4.0]])
LABELS = np.array(["a", "c", "b"])


def test_the_log_loss_is_that_of_the_predicted_probabilities(model):
    probabilities = model.predict(ROWS).probabilities
    losses = [-math.log(probabilities[0, 0]), -math.log(probabilities[1, 2])]
    report = evaluate(model, ROWS[:2], np.array(["a", "c"]), sample_weights=np.array([1.0, 3.0]))
    assert report.log_loss == pytest.approx((losses[0] + 3.0 * losses[1]) / 4.0, rel=1e-15)
    assert report.accuracy == 0.25
    assert [entry.label for entry in report.per_class] == ["a", "b", "c"]


def test_a_row_of_weight_zero_is_not_read(model):
    padded = np.vstack([ROWS, [[np.nan, np.inf]]])
    weights = np.array([1.0, 1.0, 1.0, 0.0])
    report = evaluate(model, padded, np.array(["a", "c", "b", "a"]), sample_weights=weights)
    assert report.log_loss == evaluate(model, ROWS, LABELS).log_loss


def test_row_ids_name_the_worst_rows(model):
    report = evaluate(model, ROWS, LABELS, row_ids=["x", "y", "z"])
    assert report.worst[0].row == "y"


@pytest.mark.parametrize(
    ("labels", "pointer", "code"),
    [
        (["a", "b"], "/labels", Code.SHAPE_MISMATCH),
        (["a", "d", "b"], "/labels/1", Code.UNKNOWN_LABEL),
    ],
)
def test_labels_that_do_not_fit_are_refused(model, labels, pointer, code):
    with pytest.raises(InvalidInput) as caught:
        evaluate(model, ROWS, np.array(labels))
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]


def test_weights_that_do_not_fit_are_refused_beside_the_labels(model):
    with pytest.raises(InvalidInput) as caught:
        evaluate(model, ROWS, LABELS[:2], sample_weights=np.array([0.0, 1.0]))
    assert [fault.pointer for fault in caught.value.faults] == ["/labels", "/sample_weights"]


def test_no_rows_have_no_log_loss(model):
    with pytest.raises(InvalidInput) as caught:
        evaluate(model, [], np.array([]))
    assert caught.value.code is Code.EMPTY_REDUCTION
