"""Writes digits.json: probabilities of real digits, and what scikit-learn says of them.

    python tests/evaluation/golden/digits.py

A logistic model is fitted to three quarters of the UCI handwritten digits (CC BY 4.0); 150 of the
other rows are kept, every third with its scores multiplied by 3, so that some predictions are
confident and wrong. The file is read by tests that need no scikit-learn.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    d2_log_loss_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)

BINS = 10


def figures(probabilities, labels, weights):
    """The figures of the report that scikit-learn has too."""
    classes = list(range(probabilities.shape[1]))
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=classes, sample_weight=weights
    )
    accuracy, confidence = calibration_curve(
        (predicted == labels).astype(int), probabilities.max(axis=1), n_bins=BINS
    )
    return {
        "log_loss": log_loss(labels, probabilities, labels=classes, sample_weight=weights),
        "skill": d2_log_loss_score(labels, probabilities, labels=classes, sample_weight=weights),
        "accuracy": accuracy_score(labels, predicted, sample_weight=weights),
        "brier": brier_score_loss(
            labels, probabilities, labels=classes, sample_weight=weights, scale_by_half=False
        ),
        "precision": precision.tolist(),
        "f1": f1.tolist(),
        "averages": {
            kind: precision_recall_fscore_support(
                labels, predicted, average=kind, sample_weight=weights
            )[:3]
            for kind in ("macro", "weighted")
        },
        "top_k": [
            top_k_accuracy_score(labels, probabilities, k=k, sample_weight=weights)
            for k in range(1, 6)
        ],
        "roc_auc": [
            roc_auc_score(labels == c, probabilities[:, c], sample_weight=weights) for c in classes
        ],
        "average_precision": [
            average_precision_score(labels == c, probabilities[:, c], sample_weight=weights)
            for c in classes
        ],
        "recall": recall.tolist(),
        "confusion_matrix": confusion_matrix(
            labels, predicted, labels=classes, sample_weight=weights
        ).tolist(),
        "bin_accuracy": accuracy.tolist(),
        "bin_confidence": confidence.tolist(),
    }


def main():
    """Fits, predicts, scores and writes."""
    inputs, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(20).permutation(labels.size)
    train, test = order[450:], order[:150]
    model = LogisticRegression(C=0.01, max_iter=5000).fit(inputs[train], labels[train])
    scores = model.decision_function(inputs[test]) + np.random.default_rng(21).normal(
        size=(150, 10), scale=2.0
    )
    scores[::3] *= 3
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    truth = labels[test]
    weights = np.random.default_rng(22).integers(1, 9, 150) / 4
    golden = {
        "scikit-learn": sklearn.__version__,
        "bins": BINS,
        "probabilities": probabilities.tolist(),
        "labels": truth.tolist(),
        "sample_weights": weights.tolist(),
        "unweighted": figures(probabilities, truth, None),
        "weighted": figures(probabilities, truth, weights),
    }
    text = json.dumps(golden, indent=None, separators=(",", ":")).replace("],[", "],\n[")
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
