"""The whole pipeline for one row, step by step, as on a blackboard."""

from dataclasses import dataclass

import numpy as np

from service.errors import Code, InvalidInput
from service.losses.activations import softmax
from service.losses.cross_entropy import cross_entropy
from service.losses.options import exactly_one
from service.losses.reader import target_rows
from service.losses.result import Array, Numbers
from service.losses.rows import Rows
from service.losses.truth import check_shape, class_indices


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every step from logits to the gradient of their cross-entropy.

    The steps after the shift are the textbook's, rounded at each one; `log_softmax`, `loss` and
    `gradient` are computed to full accuracy, so that they stay right where the textbook's
    intermediate results have lost their digits.

    Attributes:
        logits: z, (K,).
        maximum: m = max(z).
        shifted: z - m.
        exp: exp(z - m).
        exp_sum: their sum.
        softmax: p.
        log_softmax: log p.
        target: t, the one-hot row of the label, or the target.
        loss: -sum t log p.
        gradient: p - t for the logits.
        predicted: the index of the largest logit.
        uniform_baseline: log K, the loss of knowing nothing.
        formulas: what each step is, in words of mathematics.
    """

    logits: Array
    maximum: float
    shifted: Array
    exp: Array
    exp_sum: float
    softmax: Array
    log_softmax: Array
    target: Array
    loss: float
    gradient: Array
    predicted: int
    uniform_baseline: float
    formulas: dict[str, str]


FORMULAS = {
    "logits": "z",
    "maximum": "m = max(z)",
    "shifted": "z - m",
    "exp": "exp(z - m)",
    "exp_sum": "S = sum(exp(z - m))",
    "softmax": "p = exp(z - m) / S",
    "log_softmax": "log p = (z - m) - log S",
    "target": "t, one-hot for a label",
    "loss": "-sum(t * log p)",
    "gradient": "dloss/dz = p - t",
    "predicted": "argmax(z)",
    "uniform_baseline": "log K",
}


def explain(
    logits: Numbers, *, label: int | None = None, target: Numbers | None = None
) -> Explanation:
    """Computes every step for one row of logits.

    Args:
        logits: (K,).
        label: the class index, 0..K-1.
        target: (K,) probabilities, instead of a label.

    Raises:
        InvalidInput: more than one row, or what `cross_entropy` refuses.
    """
    if logits.ndim != 1 or logits.size == 0:
        raise InvalidInput.at(
            "/logits", Code.SHAPE_MISMATCH, "logits is one row of at least one number here"
        )
    exactly_one(label=label, target=target)
    if label is not None:
        index = class_indices("label", np.array(label), None, logits.size, None)
        truth = np.zeros(logits.size)
        truth[index] = 1.0
    else:
        truth = _target(np.asarray(target), logits.shape)
    result = cross_entropy(
        logits=logits,
        labels=None if label is None else np.array(label),
        targets=target,
        gradient=True,
    )
    values = logits.astype(np.float64)
    maximum = float(values.max())
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite or overflowing shift is right
        shifted = np.where(values == maximum, 0.0, values - maximum)
    exponentials = np.exp(shifted)
    return Explanation(
        logits=values,
        maximum=maximum,
        shifted=shifted,
        exp=exponentials,
        exp_sum=float(exponentials.sum()),
        softmax=softmax(logits),
        log_softmax=softmax(logits, log=True),
        target=truth,
        loss=float(result.loss),
        gradient=np.asarray(result.gradient),
        predicted=int(values.argmax()),
        uniform_baseline=result.uniform_baseline,
        formulas=FORMULAS,
    )


def _target(target: Numbers, shape: tuple[int, ...]) -> Array:
    check_shape("target", target, shape, "the row of logits")
    rows, _ = target_rows(Rows.of("target", target), slice(0, 1), "reject")
    return rows.reshape(-1)
