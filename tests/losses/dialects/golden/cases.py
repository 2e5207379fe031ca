"""Requests to compare on: one of everything in the table, random ones, and the edges by hand."""

import itertools
import math

import numpy as np

from service.losses.dialects import SUPPORTED

INF, NAN = math.inf, math.nan
CLASSES = 3


def combinations(dialect):
    """Every loss, call, prediction, truth, option and reduction of the table; "" for no option."""
    for loss, calls in SUPPORTED[dialect].items():
        for call in calls:
            parts = call.predictions, call.truths, ("", *call.options), call.reductions
            for combination in itertools.product(*parts):
                yield loss, call, *combination


def meant(dialect, loss, given):
    """The call that a request means: the first that takes its members and all of its options."""
    options = {*given} - {"reduction", "classes"}
    for call in SUPPORTED[dialect][loss]:
        members = {*call.predictions, *call.truths}
        one_of_each = len(options & {*call.predictions}) == len(options & {*call.truths}) == 1
        needed = call.needs is None or call.needs in options
        if one_of_each and needed and options <= members | {*call.options}:
            return call
    return None


def table_cases(dialect, rng):
    """A request of random numbers for each combination."""
    for loss, call, member, truth, option, reduction in combinations(dialect):
        for more in ("", *call.options):  # labels mean the sparse loss unless they are smoothed
            names = {name for name in (option, more) if name}
            if meant(dialect, loss, {member, truth, *names}) is call:
                yield loss, _of_table(dialect, loss, call, member, truth, names, reduction, rng)
                break


def _of_table(dialect, loss, call, member, truth, names, reduction, rng):
    binary = loss.startswith("binary")
    # of Keras' binary losses each is the mean over the last axis
    samples = (2, 1) if binary and dialect in ("keras", "tensorflow") else (2,)
    axis = -1
    if "axis" in names and dialect == "sklearn":
        axis = 0
    elif "axis" in names:
        samples, axis = (2, 2), 1
        if "SparseCategorical" in call.text and dialect == "tensorflow":  # the last one only
            axis = 2
    logits = rng.normal(0, 3, (*samples, 1 if binary else CLASSES))
    if binary:
        p, logits = 1 / (1 + np.exp(-logits[..., 0])), logits[..., 0]
        labels, soft = rng.integers(0, 2, samples), rng.random(samples)
    else:
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        labels, soft = rng.integers(0, CLASSES, samples), rng.dirichlet(np.ones(CLASSES), samples)
        logits, p, soft = (np.moveaxis(rows, -1, axis) for rows in (logits, p, soft))
    predictions = {"logits": logits, "probabilities": p, "log_probabilities": np.log(p)}
    options = {
        "axis": axis,
        "class_weights": rng.uniform(0.1, 4, CLASSES).round(2),
        "sample_weights": rng.uniform(0.1, 4, samples).round(2),
        "ignore_index": int(labels.flat[0]),
        "label_smoothing": 0.1,
        "positive_weight": 2.5,
        "alpha": 0.4,
        "gamma": 1.5,
        "q": 0.3,
    }
    given = {member: predictions[member], truth: labels if truth == "labels" else soft}
    return given | {name: options[name] for name in names} | {"reduction": reduction}


def random_case(dialect, rng, rows=8):
    """A loss and its members, drawn over the losses, options and magnitudes of a dialect."""
    losses = {
        "torch": ["cross-entropy", "soft", "negative-log-likelihood", "binary", "kl-divergence"],
        "keras": KERAS,
        "tensorflow": [*KERAS, "weighted"],
        "sklearn": ["cross-entropy", "binary", "brier"],
    }[dialect]
    kind = losses[rng.integers(len(losses))]
    given = {}
    if kind != "brier":
        given["reduction"] = str(
            rng.choice(["mean", "sum"] if dialect == "sklearn" else ["mean", "sum", "none"])
        )
    if kind in ("binary", "binary-focal", "weighted"):
        return _binary(dialect, kind, rng, rows, given)
    return _categorical(dialect, kind, rng, rows, given)


KERAS = [
    "cross-entropy",
    "soft",
    "binary",
    "kl-divergence",
    "focal",
    "binary-focal",
    "generalized-cross-entropy",
]


def _binary(dialect, kind, rng, rows, given):
    size = int(rng.integers(1, rows + 1))
    shapes = [(size,), (size, 1), (size, 3)] if dialect != "sklearn" else [(size,)]
    shape = shapes[rng.integers(len(shapes))]
    logits = rng.normal(0, rng.choice([0.5, 3, 20]), shape)
    if dialect == "sklearn" or (kind != "weighted" and rng.random() < 0.5):
        given["probabilities"] = _some_ends(1 / (1 + np.exp(-logits)), rng)
    else:
        given["logits"] = logits
    if dialect == "sklearn" or rng.random() < 0.5:
        given["labels"] = rng.integers(0, 2, shape)
    else:
        given["targets"] = rng.random(shape).round(3)
    if kind == "weighted" or (dialect == "torch" and "logits" in given and rng.random() < 0.4):
        given["positive_weight"] = round(float(rng.uniform(0.1, 9)), 2)
    if dialect in ("keras", "tensorflow") and kind != "weighted" and rng.random() < 0.4:
        given["label_smoothing"] = float(rng.choice([0.1, 0.25]))
    if kind == "binary-focal":
        _maybe(rng, given, "gamma", float(rng.choice([0, 0.5, 1, 2, 5])))
        _maybe(rng, given, "alpha", float(rng.uniform(0.1, 0.9)))
    if kind != "weighted" and (shape[-1] != 3 or dialect == "torch") and rng.random() < 0.4:
        given["sample_weights"] = rng.uniform(0.1, 4, shape).round(2)
    return ("binary-focal" if kind == "binary-focal" else "binary-cross-entropy"), given


def _categorical(dialect, kind, rng, rows, given):
    size, classes = int(rng.integers(1, rows + 1)), int(rng.choice([2, 3, 5, 17]))
    logits = rng.normal(0, rng.choice([0.5, 3, 30]), (size, classes))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    labels, soft = rng.integers(0, classes, size), rng.dirichlet(np.ones(classes), size)
    only_p = kind in ("kl-divergence", "generalized-cross-entropy")
    if dialect == "torch" and kind in ("negative-log-likelihood", "kl-divergence"):
        given["log_probabilities"] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    elif dialect == "sklearn" or (dialect != "torch" and (only_p or rng.random() < 0.5)):
        given["probabilities"] = p
    else:
        given["logits"] = logits
    hard = kind not in ("soft", "kl-divergence") and (kind != "focal" or rng.random() < 0.5)
    given["labels" if hard else "targets"] = labels if hard else soft
    if dialect == "torch" and kind != "kl-divergence":
        _maybe(rng, given, "class_weights", rng.uniform(0.1, 4, classes).round(2))
        if kind in ("cross-entropy", "soft"):
            _maybe(rng, given, "label_smoothing", float(rng.choice([0.1, 0.3, 1.0])))
    if dialect != "torch":
        _maybe(rng, given, "sample_weights", rng.uniform(0.1, 4, size).round(2))
        if kind in ("soft", "focal"):
            _maybe(rng, given, "label_smoothing", float(rng.choice([0.1, 0.3])))
    if dialect != "sklearn" and hard and kind in ("cross-entropy", "negative-log-likelihood"):
        _maybe(rng, given, "ignore_index", int(rng.integers(-1, classes)))
    if kind == "focal":
        _maybe(rng, given, "gamma", float(rng.choice([0, 0.5, 1, 2, 5])))
        name = str(rng.choice(["alpha", "class_weights"]))
        _maybe(rng, given, name, rng.uniform(0.1, 0.9, classes).round(2))
    if kind == "generalized-cross-entropy":
        _maybe(rng, given, "q", float(rng.choice([0.1, 0.5, 0.7])))
    return ("cross-entropy" if kind == "soft" else kind), given


def _maybe(rng, given, name, value):
    if rng.random() < 0.4:
        given[name] = value


def _some_ends(p, rng):
    """Some probabilities moved to 0 and 1."""
    ends = rng.random(p.shape)
    return np.where(ends < 0.1, 0.0, np.where(ends > 0.9, 1.0, p))


_ROWS = [[0.0, -40.0], [0.0, -INF], [-INF, 0.0], [INF, 0.0], [-INF, -INF], [NAN, 0.0]]
_HARD = [0, 0, 0, 0, 0, 0]
_SOFT = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [1.0, 0.0]]
_P = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.4], [0.9999999999, 1e-10], [0.3, 0.7]]
_P_HARD = [0, 0, 1, 1, 0]
_P_SOFT = [[1.0, 0.0], [1.0, 0.0], [0.2, 0.8], [0.0, 1.0], [0.5, 0.5]]
_CE, _BCE, _KL = "cross-entropy", "binary-cross-entropy", "kl-divergence"
_X = [-10.0, -20.0, -5.0, 10.0, -200.0, INF, -INF, INF, -INF, NAN]
_Y = [0, 0, 0, 1, 1, 1, 0, 0, 1, 1]
_ENDS = [0.0, 1.0, 0.0, 1.0, 1e-10, 0.5]
_ENDS_Y = [1, 0, 0, 1, 1, 1]
_LABELLED = {"logits": [[0.5, 2.0, -1.0], [1.0, 0.0, 3.0]], "labels": [2, 0]}
_CUBE = [[[0.2, 0.5, 0.1], [0.3, 0.2, 0.2]], [[0.5, 0.3, 0.7], [0.3, 0.3, 0.4]]]  # (2, 2, 3)

_ANY = [
    (_CE, {"logits": _ROWS, "labels": _HARD, "reduction": "none"}),
    (_CE, {"logits": _ROWS, "targets": _SOFT, "reduction": "none"}),
    (_CE, {"logits": _ROWS[:1], "labels": [0]}),
    (_CE, {"logits": _ROWS[:2], "labels": [1, 1], "reduction": "none"}),
    (_CE, {"logits": _ROWS[:2], "targets": _SOFT[:2], "label_smoothing": 0.1}),
    (_CE, {"logits": [[0.0, 1.0], [0.0, 2.0]], "labels": [-1, -1], "ignore_index": -1}),
    (_CE, {**_LABELLED, "ignore_index": 0, "reduction": "none"}),
    (_CE, {**_LABELLED, "ignore_index": 0, "reduction": "sum"}),
    (_CE, {**_LABELLED, "labels": [-100, 0]}),
    (_CE, {**_LABELLED, "labels": [-100, -100]}),
    (_CE, {**_LABELLED, "labels": [3, 0]}),
    (_CE, {"logits": [0.0, 1.0, 2.0], "labels": 1}),
    (_CE, {"logits": [0.0, 1.0, 2.0], "targets": [0.1, 0.2, 0.7], "reduction": "none"}),
    (_CE, {"logits": [[1e308, -1e308]], "labels": [0]}),
    (_CE, {"logits": [[1e20, -1e20]], "labels": [1]}),
    (_CE, {"logits": [[1e8, 1e8 + 1]], "labels": [0]}),
    (_CE, {"logits": np.zeros((0, 3)), "labels": np.zeros(0, int)}),
    (_CE, {"logits": np.zeros((0, 3)), "labels": np.zeros(0, int), "reduction": "sum"}),
    (_CE, {"logits": np.zeros((0, 3)), "labels": np.zeros(0, int), "reduction": "none"}),
    (_CE, {"logits": np.zeros((0, 3)), "targets": np.zeros((0, 3))}),
    (_CE, {"logits": _CUBE, "targets": _CUBE, "axis": 1, "reduction": "none"}),
    (_CE, {"logits": _CUBE, "targets": _CUBE, "axis": 1, "label_smoothing": 0.3}),
    (_CE, {"logits": _CUBE, "labels": [[0, 1, 1], [1, 0, 0]], "axis": 1}),
    (_BCE, {"logits": _X, "labels": _Y, "reduction": "none"}),
    (_BCE, {"logits": [[x] for x in _X], "labels": [[y] for y in _Y], "reduction": "none"}),
    (_BCE, {"logits": [[x] for x in _X[:5]], "labels": [[y] for y in _Y[:5]]}),
    (_BCE, {"probabilities": [[p] for p in _ENDS], "labels": [[y] for y in _ENDS_Y]}),
    (_BCE, {"probabilities": np.zeros(0), "labels": np.zeros(0, int)}),
    (_BCE, {"probabilities": np.zeros((0, 1)), "labels": np.zeros((0, 1), int)}),
    (_BCE, {"probabilities": [1.5, 0.5], "labels": [1, 0]}),
    (_BCE, {"probabilities": [NAN, 0.5], "labels": [1, 0]}),
    (_BCE, {"probabilities": [0.2, 0.5], "targets": [1.5, 0.0]}),
    (_BCE, {"probabilities": 0.2, "targets": 1.0}),
]
_KERAS = [
    *_ANY,
    *((_CE, {"probabilities": _P, "labels": _P_HARD, "reduction": r}) for r in ("mean", "none")),
    *((_CE, {"probabilities": _P, "targets": _P_SOFT, "reduction": r}) for r in ("mean", "none")),
    (_CE, {"probabilities": [[0.0, 0.0]], "labels": [0]}),
    (_CE, {"probabilities": [[0.0, 0.0]], "targets": [[1.0, 0.0]]}),
    (_CE, {"probabilities": [[0.2, 0.8], [NAN, 0.4]], "labels": [0, -1], "ignore_index": -1}),
    (_CE, {"probabilities": _P, "labels": [0, -1, 1, -1, 0], "ignore_index": -1,
           "sample_weights": [1.0, 2.0, 3.0, 4.0, 5.0]}),
    (_CE, {"probabilities": [[0.2, 0.8]] * 2, "labels": [0, 1], "sample_weights": [0.0, 0.0]}),
    (_CE, {"probabilities": [0.2, 0.8], "labels": 1, "sample_weights": 2.0}),
    (_CE, {"probabilities": [0.2, 0.8], "labels": -1, "ignore_index": -1}),
    (_CE, {"probabilities": [[0.3], [0.4]], "labels": [0, 0]}),
    (_CE, {"probabilities": _P, "labels": _P_HARD, "label_smoothing": 0.1}),
    (_CE, {"probabilities": np.zeros((2, 0, 3)), "labels": np.zeros((2, 0), int)}),
    *((_BCE, {"probabilities": _ENDS, "labels": _ENDS_Y, "reduction": r,
              "sample_weights": [1.0, 2.0, 6.0, 1.0, 1.0, 3.0]}) for r in ("mean", "sum", "none")),
    (_BCE, {"probabilities": [[0.1, 0.2]] * 3, "labels": [[1, 0]] * 3, "reduction": "none"}),
    (_BCE, {"probabilities": [[0.1, 0.2]] * 3, "labels": [[1, 0]] * 3,
            "sample_weights": [[1.0, 1.0]] * 3}),
    (_BCE, {"probabilities": [0.1], "labels": [1], "sample_weights": [3.0]}),
    (_BCE, {"probabilities": [[0.1], [0.3]], "labels": [[1], [0]], "sample_weights": [[3.0], [1.0]],
            "reduction": "none"}),
    (_KL, {"probabilities": [[0.3, 0.7, 0.0], [1.0, 0.0, 0.0]],
           "targets": [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], "reduction": "none"}),
    ("focal", {"probabilities": _P, "labels": _P_HARD, "reduction": "none"}),
    ("focal", {"logits": [[30.0, -30.0]], "labels": [0]}),
    ("binary-focal", {"probabilities": [[p] for p in _ENDS], "labels": [[y] for y in _ENDS_Y],
                      "reduction": "none"}),
    ("generalized-cross-entropy", {"probabilities": _P, "labels": _P_HARD, "reduction": "none"}),
]  # fmt: skip
EDGES = {
    "torch": [
        *_ANY,
        (_CE, {**_LABELLED, "labels": [1, 1], "class_weights": [1.0, 0.0, 1.0]}),
        (_CE, {"logits": [[0.0, 1.0, -INF]], "labels": [1], "class_weights": [1.0, 1.0, 0.0],
               "label_smoothing": 0.1}),
        (_CE, {"logits": _ROWS[:2], "labels": [0, 0], "label_smoothing": 0.1, "reduction": "none"}),
        (_CE, {"logits": [[NAN, 0.0], [0.0, 1.0]], "labels": [-100, 0], "label_smoothing": 0.1}),
        (_CE, {**_LABELLED, "class_weights": [0.5, 1.0, 4.0], "label_smoothing": 0.2,
               "ignore_index": 0}),
        (_CE, {"logits": [[0.5, 2.0, -1.0], [1.0, 0.0, 3.0]], "targets": [[1, 0, 0], [0, 0, 1]],
               "class_weights": [0.5, 1.0, 4.0]}),
        (_CE, {"logits": [0.0, 1.0, 2.0], "labels": 1, "class_weights": [1.0, 2.0, 3.0],
               "reduction": "none"}),
        ("negative-log-likelihood", {"log_probabilities": [[-1.0, -2.0, -INF], [0.5, -1.0, -2.0]],
                                     "labels": [2, 0], "reduction": "none"}),
        (_BCE, {"probabilities": _ENDS, "labels": _ENDS_Y, "reduction": "none"}),
        (_BCE, {"probabilities": [0.3, 0.2], "labels": [1, 0], "sample_weights": [0.5, 0.0]}),
        (_BCE, {"logits": _X, "labels": _Y, "positive_weight": 3.0, "reduction": "none"}),
        (_KL, {"log_probabilities": [[-1.0, -2.0, -INF]], "targets": [[0.5, 0.5, 0.0]],
               "reduction": "none"}),
        (_KL, {"log_probabilities": [[-1.0, -2.0, -INF]], "targets": [[0.5, 0.4, 0.1]]}),
        (_KL, {"log_probabilities": [[-1.0, -2.0, -1.0]], "targets": [[0.5, 0.5, 0.0]]}),
        (_KL, {"log_probabilities": np.zeros((0, 3)), "targets": np.zeros((0, 3))}),
    ],
    "keras": _KERAS,
    "tensorflow": [
        *_KERAS,
        (_BCE, {"logits": _X, "labels": _Y, "positive_weight": 3.0, "reduction": "none"}),
        (_BCE, {"logits": np.zeros(0), "labels": np.zeros(0, int), "positive_weight": 3.0}),
    ],
    "sklearn": [
        (_CE, {"probabilities": _P, "labels": _P_HARD}),
        (_CE, {"probabilities": _P, "labels": _P_HARD, "reduction": "sum"}),
        (_CE, {"probabilities": _P, "labels": _P_HARD, "sample_weights": [1.0, 0.0, 2.0, 3.0, 0.5],
               "reduction": "sum"}),
        (_CE, {"probabilities": _P, "labels": _P_HARD, "sample_weights": [0.0] * 5}),
        (_CE, {"probabilities": [[NAN, 1.0]], "labels": [0]}),
        (_CE, {"probabilities": [[1.5, -0.5]], "labels": [0]}),
        (_CE, {"probabilities": [[1.0]], "labels": [0]}),
        (_CE, {"probabilities": [[0.5, 0.5]], "labels": [2]}),
        (_CE, {"probabilities": np.zeros((0, 2)), "labels": np.zeros(0, int)}),
        (_CE, {"probabilities": [0.2, 0.8], "labels": 1}),
        (_BCE, {"probabilities": _ENDS, "labels": _ENDS_Y}),
        (_BCE, {"probabilities": _ENDS, "labels": _ENDS_Y, "reduction": "sum"}),
        *(
            (loss, {"probabilities": np.asarray(_P[2:], dtype), "labels": _P_HARD[2:]})
            for dtype in ("float32", "float16")
            for loss in (_CE, "brier")
        ),
        (_BCE, {"probabilities": np.asarray(_ENDS, "float32"), "labels": _ENDS_Y}),
        ("brier", {"probabilities": _P, "labels": _P_HARD}),
        ("brier", {"probabilities": [[0.2, 0.3, 0.5]], "labels": [1]}),
        ("brier", {"probabilities": _P, "labels": _P_HARD, "sample_weights": [0.0] * 5}),
    ],
}  # fmt: skip
