"""Prediction sets and exported models against other libraries' own."""

import json

import numpy as np
import pytest

from service.classifier import (
    Abstain,
    Options,
    load_dataset,
    model_from_json,
    to_onnx,
    train,
)
from service.classifier.datasets import rank_within_class

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_mapie_gives_the_same_sets(digits, level):
    """By LAC: to the scores of APS that MAPIE calibrates with, it adds random numbers."""
    classification = pytest.importorskip("mapie.classification", reason="pip install mapie")
    from sklearn.linear_model import LogisticRegression

    options = Options(l2=10.0, validation_fraction=0.3, abstention="validation", seed=3)
    seen, fresh = slice(0, 1200), slice(1200, None)
    model = train(digits.inputs[seen], digits.labels[seen], options=options).model
    same = LogisticRegression()
    same.coef_, same.intercept_ = model.coefficients, model.intercepts
    same.classes_, same.n_features_in_ = np.array(model.classes), 64
    rank, size = rank_within_class(digits.labels[seen], 3), np.bincount(digits.labels[seen])
    held_out = rank < np.rint(0.3 * size)[digits.labels[seen]]  # what the model kept scores of
    theirs = classification.SplitConformalClassifier(
        same, confidence_level=level, conformity_score="lac", prefit=True
    ).conformalize(digits.inputs[seen][held_out], digits.labels[seen][held_out])
    _, sets = theirs.predict_set(digits.inputs[fresh])
    ours = model.predict(digits.inputs[fresh], abstain=Abstain(method="lac", coverage=level))
    np.testing.assert_array_equal(ours.prediction_sets.tensor, sets[:, :, 0])
    assert ours.abstention.rows == held_out.sum()


def test_a_model_of_scikit_learn_goes_through_xent_to_onnxruntime(digits):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from sklearn.linear_model import LogisticRegression

    theirs = LogisticRegression(max_iter=2000).fit(digits.inputs, digits.labels)
    members = {name: getattr(theirs, name).tolist() for name in ("coef_", "intercept_", "classes_")}
    model = model_from_json(json.dumps(members).encode())
    session = runtime.InferenceSession(to_onnx(model))
    labels, probabilities = session.run(None, {"X": digits.inputs.astype(np.float32)})
    np.testing.assert_allclose(probabilities, theirs.predict_proba(digits.inputs), atol=1e-6)
    assert (labels == theirs.predict(digits.inputs)).all()
