"""The libraries themselves, called with Xent's members. Each is imported when it is first called.

Keras runs on the backend of KERAS_BACKEND: torch for the dialect "keras", tensorflow for
"tensorflow". PyTorch and TensorFlow get float32, the type they give to Python's numbers; Keras
casts to it itself; scikit-learn gets the array as it is.
"""

import warnings
from importlib.metadata import version

import numpy as np


def versions(dialect):
    """Of the packages that decide the numbers."""
    names = {
        "torch": ["torch"],
        "keras": ["keras", "torch"],
        "sklearn": ["scikit-learn", "numpy", "scipy"],
        "tensorflow": ["tensorflow-cpu", "keras"],
    }[dialect]
    return {name: version(name) for name in names}


def printed(dialect, loss, given):
    """What the library answers: a NumPy array or number; its own errors pass."""
    library = {"torch": _torch, "keras": _keras, "sklearn": _sklearn, "tensorflow": _tensorflow}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(library[dialect](loss, dict(given)))


def _torch(loss, given):
    import torch
    import torch.nn.functional as F

    def tensor(name, dtype=None):
        if given.get(name) is None:
            return None
        return torch.tensor(np.asarray(given[name]), dtype=dtype)

    options = {"reduction": given.get("reduction", "mean")}
    if loss in ("cross-entropy", "negative-log-likelihood"):
        name = "logits" if "logits" in given else "log_probabilities"
        x = tensor(name, torch.float32)
        axis = given.get("axis", -1)
        if x.ndim > 1:  # PyTorch has the classes on axis 1
            x = x.movedim(axis, 1)
        if given.get("class_weights") is not None:
            options["weight"] = tensor("class_weights", torch.float32)
        if given.get("ignore_index") is not None:
            options["ignore_index"] = given["ignore_index"]
        if "targets" in given:
            y = tensor("targets", torch.float32)
            y = y.movedim(axis, 1) if y.ndim > 1 else y
        else:
            y = tensor("labels", torch.int64)
        if loss == "negative-log-likelihood" and name == "logits":
            x, name = F.log_softmax(x, dim=min(1, x.ndim - 1)), "log_probabilities"
        if name == "log_probabilities":
            return F.nll_loss(x, y, **options).numpy()
        return F.cross_entropy(
            x, y, label_smoothing=given.get("label_smoothing", 0.0), **options
        ).numpy()
    if loss == "kl-divergence":
        q, p = tensor("log_probabilities", torch.float32), tensor("targets", torch.float32)
        if q is None:
            q = F.log_softmax(tensor("logits", torch.float32), dim=given.get("axis", -1))
        return F.kl_div(q, p, **options).numpy()
    y = tensor("labels" if "labels" in given else "targets", torch.float32)
    weight = tensor("sample_weights", torch.float32)
    if "probabilities" in given:
        p = tensor("probabilities", torch.float32)
        return F.binary_cross_entropy(p, y, weight, **options).numpy()
    positive = given.get("positive_weight")
    options["pos_weight"] = None if positive is None else torch.tensor(positive)
    x = tensor("logits", torch.float32)
    return F.binary_cross_entropy_with_logits(x, y, weight, **options).numpy()


def _keras(loss, given):
    import keras

    assert keras.backend.backend() == "torch"
    return keras.ops.convert_to_numpy(_keras_loss(keras, loss, given))


def _tensorflow(loss, given):
    import tensorflow as tf

    if given.get("positive_weight") is not None:
        x = tf.cast(np.asarray(given["logits"]), tf.float32)
        truth = given["labels"] if "labels" in given else given["targets"]
        y = tf.cast(np.asarray(truth), tf.float32)
        losses = tf.nn.weighted_cross_entropy_with_logits(y, x, given["positive_weight"])
        reduce = {"mean": tf.reduce_mean, "sum": tf.reduce_sum, "none": tf.identity}
        return reduce[given.get("reduction", "mean")](losses).numpy()
    assert tf.keras.backend.backend() == "tensorflow"
    return tf.keras.ops.convert_to_numpy(_keras_loss(tf.keras, loss, given))


def _keras_loss(keras, loss, given):
    reduction = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}
    options = {"reduction": reduction[given.get("reduction", "mean")]}
    name = next(n for n in ("logits", "probabilities") if n in given)
    values = np.asarray(given[name])
    for option in ("axis", "label_smoothing", "alpha", "gamma", "q"):
        if given.get(option) is not None:
            options[option] = given[option]
    if given.get("class_weights") is not None:  # of the focal loss
        options["alpha"] = list(given["class_weights"])
    if loss not in ("kl-divergence", "generalized-cross-entropy"):
        options["from_logits"] = name == "logits"
    truth = np.asarray(given["labels"] if "labels" in given else given["targets"])
    axis = options.get("axis", -1)
    sparse = loss == "cross-entropy" and "labels" in given and not options.get("label_smoothing")
    if sparse:
        call = keras.losses.SparseCategoricalCrossentropy
        options["ignore_class"] = given.get("ignore_index")
        options.pop("label_smoothing", None)
    elif loss == "binary-focal":
        call = keras.losses.BinaryFocalCrossentropy
        options["apply_class_balancing"] = "alpha" in options
    else:
        call = {
            "cross-entropy": keras.losses.CategoricalCrossentropy,
            "binary-cross-entropy": keras.losses.BinaryCrossentropy,
            "kl-divergence": keras.losses.KLDivergence,
            "focal": keras.losses.CategoricalFocalCrossentropy,
            "generalized-cross-entropy": keras.losses.CategoricalGeneralizedCrossEntropy,
        }[loss]
        if "labels" in given and loss in ("cross-entropy", "focal"):
            truth = np.moveaxis(np.eye(values.shape[axis])[truth.astype(int)], -1, axis)
    if loss in ("kl-divergence", "generalized-cross-entropy"):  # take the last axis only
        options.pop("axis", None)
        values = np.moveaxis(values, axis, -1)
        truth = truth if "labels" in given else np.moveaxis(truth, axis, -1)
    return call(**options)(truth, values, sample_weight=given.get("sample_weights"))


def _sklearn(loss, given):
    from sklearn.metrics import brier_score_loss, log_loss

    p, labels = np.asarray(given["probabilities"]), np.asarray(given["labels"])
    weights = given.get("sample_weights")
    if loss == "binary-cross-entropy":
        known = [0, 1]
    else:
        p = np.atleast_2d(np.moveaxis(p, given.get("axis", -1), -1))
        labels = np.atleast_1d(labels)
        known = list(range(p.shape[1]))
    if weights is not None:
        weights = np.atleast_1d(weights)
    if loss == "brier":
        return brier_score_loss(labels, p, sample_weight=weights, labels=known)
    normalize = given.get("reduction", "mean") == "mean"
    return log_loss(labels, p, normalize=normalize, sample_weight=weights, labels=known)


def ulps(dialect, expected, answer, given):
    """How far an answer is off, in units of the last place of the library's type.

    The unit is that of the loss or, for a loss below 1, of 1: such a loss is a difference of
    numbers near 1 (a sum of exponentials, 1 - p), in which the library's own order of addition,
    which depends on its processor, decides the last place. A power magnifies the last place of the
    library's own sigmoid and pow: the unit is 1/q times that where (1 - p^q)/q is computed, and
    gamma/2 times for a gamma above 2. Infinite where a shape, an infinity or a NaN differs.
    """
    expected, answer = np.asarray(expected), np.asarray(answer)
    wide, other = expected.astype(np.float64), answer.astype(np.float64)
    finite = np.isfinite(wide)
    if wide.shape != other.shape or not np.array_equal(
        wide[~finite], other[~finite], equal_nan=True
    ):
        return np.inf
    if not finite.any():
        return 0.0
    kind = np.float64 if dialect == "sklearn" else np.float32
    unit = np.spacing(np.maximum(np.abs(wide[finite]), 1).astype(kind)).astype(np.float64)
    magnified = max(1, 1 / given.get("q", 1), given.get("gamma", 2) / 2)
    return float((np.abs(wide[finite] - other[finite]) / unit).max() / magnified)
