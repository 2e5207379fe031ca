"""The report beside scikit-learn's and torchmetrics' figures, for several models of real digits."""

import math
import warnings

import numpy as np
import pytest

from service.evaluation import evaluate

pytestmark = pytest.mark.peers

BINS = 15


@pytest.fixture(scope="module", params=["logistic", "neighbours", "bayes", "forest"])
def predicted(request):
    """(N, K) float64 probabilities of held-out digits, and their labels."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    models = {
        "logistic": LogisticRegression(C=0.001, max_iter=5000),  # not sure enough
        "neighbours": KNeighborsClassifier(5),  # tied and impossible probabilities
        "bayes": GaussianNB(),  # by far too sure
        "forest": RandomForestClassifier(100, random_state=0),
    }
    inputs, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(20).permutation(labels.size)
    train, test = order[450:], order[:450]
    model = models[request.param].fit(inputs[train], labels[train])
    return model.predict_proba(inputs[test]), labels[test]


@pytest.fixture(scope="module")
def report(predicted):
    probabilities, labels = predicted
    return evaluate(
        probabilities=probabilities,
        labels=labels,
        bins=BINS,
        include=["ranking"],
    )


def test_scikit_learn(predicted, report):
    from sklearn import metrics

    p, labels = predicted
    own = p[np.arange(labels.size), labels]
    if own.min() > 0:
        assert report.log_loss == pytest.approx(metrics.log_loss(labels, p), rel=1e-12)
        assert report.skill == pytest.approx(metrics.d2_log_loss_score(labels, p), rel=1e-12)
    else:  # where scikit-learn clips at 2.2e-16, this is infinite and counted
        assert report.log_loss == math.inf
        assert report.infinite == np.count_nonzero(own == 0)
    brier = metrics.brier_score_loss(labels, p, scale_by_half=False)
    assert report.brier == pytest.approx(brier, rel=1e-12)
    assert report.accuracy == metrics.accuracy_score(labels, p.argmax(axis=1))
    macro = metrics.precision_recall_fscore_support(labels, p.argmax(axis=1), average="macro")
    found = report.macro.precision, report.macro.recall, report.macro.f1
    assert found == pytest.approx(macro[:3], rel=1e-12)
    area = metrics.roc_auc_score(labels, p, multi_class="ovr")
    assert report.ranking.roc_auc == pytest.approx(area, rel=1e-12)
    for c, each in enumerate(report.per_class):
        precision = metrics.average_precision_score(labels == c, p[:, c])
        assert each.average_precision == pytest.approx(precision, rel=1e-12)


def test_scikit_learn_with_weights(predicted):
    from sklearn import metrics
    from sklearn.isotonic import IsotonicRegression

    p, labels = predicted
    k = p.shape[1]
    weights = np.random.default_rng(7).gamma(1.0, size=labels.size)
    weights[::9] = 0.0
    report = evaluate(
        probabilities=p,
        labels=labels,
        sample_weights=weights,
        slices={"half": (labels % 2).tolist()},
        include=["ranking", "isotonic", "curves"],
        zero_probability="clip",
    )
    kept = weights > 0
    p, labels, weights = p[kept], labels[kept], weights[kept]
    named, right = p.argmax(axis=1), p.argmax(axis=1) == labels
    for half, found in enumerate(report.slices["half"]):
        own = labels % 2 == half
        value = metrics.log_loss(labels[own], p[own], sample_weight=weights[own], labels=range(k))
        assert found.log_loss == pytest.approx(value, rel=1e-12)
        assert found.accuracy == pytest.approx(
            metrics.accuracy_score(labels[own], named[own], sample_weight=weights[own]), rel=1e-12
        )
    matrix = metrics.confusion_matrix(labels, named, sample_weight=weights)
    assert np.array(report.confusion_matrix) == pytest.approx(matrix, rel=1e-12)
    theirs = metrics.precision_recall_fscore_support(labels, named, sample_weight=weights)
    ours = [(c.precision, c.recall, c.f1, c.support) for c in report.per_class]
    assert np.array(ours).T[:3] == pytest.approx(np.array(theirs)[:3], rel=1e-12)
    for average in ("macro", "weighted"):
        theirs = metrics.precision_recall_fscore_support(
            labels, named, sample_weight=weights, average=average
        )
        found = getattr(report, average)
        assert (found.precision, found.recall, found.f1) == pytest.approx(theirs[:3], rel=1e-12)
    for c, each in enumerate(report.per_class):
        true = labels == c
        area = metrics.roc_auc_score(true, p[:, c], sample_weight=weights)
        precision = metrics.average_precision_score(true, p[:, c], sample_weight=weights)
        assert (each.roc_auc, each.average_precision) == pytest.approx((area, precision), rel=1e-12)
        for point in report.curves.classes[c].points:
            taken = p[:, c] >= point.threshold
            scores = [
                f(true, taken, sample_weight=weights)
                for f in (metrics.recall_score, metrics.precision_score)
            ]
            assert [point.recall, point.precision] == pytest.approx(scores, rel=1e-9)
    if all(np.unique(row).size == k for row in p):  # it puts the higher of equal classes first
        tops = [
            metrics.top_k_accuracy_score(labels, p, k=each.k, sample_weight=weights)
            for each in report.top_k
        ]
        assert [each.accuracy for each in report.top_k] == pytest.approx(tops, rel=1e-12)
    confidence = p.max(axis=1)
    fit = IsotonicRegression().fit(confidence, right, sample_weight=weights)
    before, after = (
        metrics.mean_squared_error(right, forecast, sample_weight=weights)
        for forecast in (confidence, fit.predict(confidence))
    )
    found = report.isotonic.brier
    assert (found.score, found.miscalibration) == pytest.approx((before, before - after), rel=1e-6)


def test_torchmetrics(predicted, report):
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import touches deprecated names
        from torchmetrics.functional import classification as theirs

    p, labels = (torch.from_numpy(array) for array in predicted)
    k = p.shape[1]
    areas = theirs.multiclass_auroc(p, labels, k, average=None)
    precisions = theirs.multiclass_average_precision(p, labels, k, average=None)
    # it accumulates in float32
    assert [each.roc_auc for each in report.per_class] == pytest.approx(areas.tolist(), abs=1e-5)
    assert [each.average_precision for each in report.per_class] == pytest.approx(
        precisions.tolist(), abs=1e-5
    )
    matrix = theirs.multiclass_confusion_matrix(p, labels, k)
    assert [list(row) for row in report.confusion_matrix] == matrix.tolist()
    bins = [each for each in report.calibration.bins if each.count]
    shares = np.array([each.count for each in bins]) / report.count
    gaps = np.array([abs(each.accuracy - each.mean_confidence) for each in bins])
    ours = {
        "l1": report.calibration.ece,
        "l2": math.sqrt((shares * gaps**2).sum()),
        "max": gaps.max(),
    }
    confidence = predicted[0].max(axis=1)
    for norm, value in ours.items():
        error = float(theirs.multiclass_calibration_error(p, labels, k, n_bins=BINS, norm=norm))
        if (confidence == 1.0).any() and (confidence[confidence < 1.0] > 1 - 1 / BINS).any():
            assert value <= error + 1e-5  # confidences of exactly 1 have a bin of their own there
        else:
            assert value == pytest.approx(error, abs=1e-5)
