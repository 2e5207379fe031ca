"""Which members each loss takes: the one list that functions, catalogue and calls go by."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from service.errors import Code, Fault, InvalidInput
from service.losses.result import Normalize, Numbers, Reduction, Unit, ZeroProbability
from service.losses.truth import Label, Labels

INPUTS = ("logits", "probabilities", "log_probabilities")
TRUTHS = ("labels", "targets")
_REDUCED = ("sample_weights", "reduction", "gradient")
_ROWS = ("axis", "temperature", "normalize")
_LABELS = ("labels", "classes", "ignore_index", "class_weights")
_POLICY = ("zero_probability", "clip")
_SOFT = ("targets", "label_smoothing")
_FULL = (*INPUTS, *_LABELS, *_SOFT, *_REDUCED, *_ROWS, *_POLICY)
_DIVERGENCE = (*INPUTS, *_LABELS, *_SOFT, *_REDUCED, *_ROWS)
_BINARY = (*INPUTS, "labels", "ignore_index", "positive_weight", *_SOFT, *_REDUCED, *_POLICY)

MEMBERS: Mapping[str, tuple[str, ...]] = {
    "cross-entropy": ("z_loss", "unit", *_FULL),
    "negative-log-likelihood": ("unit", *INPUTS, *_LABELS, *_REDUCED, *_ROWS, *_POLICY),
    "binary-cross-entropy": ("unit", *_BINARY),
    "focal": ("gamma", "unit", *_FULL),
    "binary-focal": ("gamma", "unit", *_BINARY),
    "poly-1-cross-entropy": ("epsilon", *_FULL),
    "generalized-cross-entropy": ("q", *_FULL),
    "kl-divergence": ("unit", *_DIVERGENCE),
    "js-divergence": ("unit", *_DIVERGENCE),
    "entropy": ("unit", *INPUTS, *_REDUCED, *_ROWS),
    "brier": _DIVERGENCE,
    "perplexity": tuple(name for name in _FULL if name != "reduction"),
}
"""By loss: its own members and those that it shares."""


_NUMBERS = (*INPUTS, "targets", "class_weights", "sample_weights")
_ARRAYS = (*_NUMBERS, "labels")


def check_members(loss: str, given: Mapping[str, Any]) -> None:
    """Refuses what a loss does not take, rather than leave it unread or convert it.

    Args:
        loss: its name in the catalogue.
        given: its arguments by name.

    Raises:
        InvalidInput: naming each such member.
        TypeError: what is to be an array is none, or none of real numbers.
    """
    taken = MEMBERS[loss]
    faults = [
        Fault(f"/{name}", Code.UNKNOWN_MEMBER, f"{loss} has no {name}; it takes {', '.join(taken)}")
        for name in given
        if name not in taken
    ]
    if faults:
        raise InvalidInput(faults)
    for name in _ARRAYS:
        value = given.get(name)
        if value is None or (name == "class_weights" and isinstance(value, Mapping)):
            continue
        if not isinstance(value, np.ndarray | np.generic):
            raise TypeError(f"{name} is a {type(value).__name__}; losses take NumPy arrays")
        if name in _NUMBERS and value.dtype.kind not in "biuf":
            raise TypeError(f"{name} is an array of {value.dtype}; losses take real numbers")


class ClassMembers(TypedDict, total=False):
    """The arguments that losses over K classes share.

    Exactly one of `logits`, `probabilities`, `log_probabilities` is given, and exactly one of
    `labels` and `targets`.

    Attributes:
        logits: (..., K) raw scores; -Infinity is an impossible class, one +Infinity a certain one.
        probabilities: (..., K), instead of logits.
        log_probabilities: (..., K), instead of logits.
        labels: (...) class indices, or names where `classes` are given.
        targets: (..., K) rows of probabilities, instead of labels.
        classes: K names in column order.
        class_weights: w, (K,) or by class name (1 for a class not named), >= 0.
        sample_weights: s, (...), >= 0; a sample of weight 0 is left out unread.
        ignore_index: the label, or labels, of samples to leave out unread; they may be names of
            no class.
        label_smoothing: t' = (1 - label_smoothing) t + label_smoothing / K; in [0, 1].
        reduction: `"mean"` (default), `"sum"` or `"none"`.
        gradient: whether to compute that of the reduced loss (of the sum under `"none"`).
        unit: `"nat"` (default) or `"bit"`.
        axis: of the classes; the last one by default.
        temperature: > 0, divides the logits.
        zero_probability: where the true class has probability 0, the loss is `"infinite"`
            (default), or is bounded (`"clip"`), or the input is refused (`"reject"`).
        clip: the smallest probability under `"clip"`, in (0, 1); 2^-52 by default.
        normalize: rows whose sum is off 1 are refused (`"reject"`, default), divided by it
            (`"renormalize"`) or taken as they are (`"off"`).
    """

    logits: Numbers | None
    probabilities: Numbers | None
    log_probabilities: Numbers | None
    labels: npt.NDArray[Any] | None
    targets: Numbers | None
    classes: Sequence[Label] | None
    class_weights: Numbers | Mapping[str, float] | None
    sample_weights: Numbers | None
    ignore_index: Labels | None
    label_smoothing: float
    reduction: Reduction
    gradient: bool
    unit: Unit
    axis: int
    temperature: float
    zero_probability: ZeroProbability
    clip: float
    normalize: Normalize


class BinaryMembers(TypedDict, total=False):
    """The arguments that binary losses share.

    Exactly one of `logits`, `probabilities`, `log_probabilities` is given, and exactly one of
    `labels` and `targets`.

    Attributes:
        logits: any shape; an Infinity of either sign is a certain prediction.
        probabilities: of the positive class, instead of logits.
        log_probabilities: of the positive class, instead of logits.
        labels: the same shape, 0/1 or booleans.
        targets: the same shape, numbers in [0, 1], instead of labels.
        positive_weight: >= 0; scales the loss of what is positive, never enters the denominator.
        sample_weights: s, the same shape, >= 0; a sample of weight 0 is left out unread.
        ignore_index: the label, or labels, of samples to leave out unread.
        label_smoothing: y' = (1 - label_smoothing) y + label_smoothing / 2; in [0, 1].
        reduction: `"mean"` (default), `"sum"` or `"none"`.
        gradient: whether to compute that of the reduced loss (of the sum under `"none"`).
        unit: `"nat"` (default) or `"bit"`.
        zero_probability: where what is true has probability 0, the loss is `"infinite"`
            (default), or is bounded (`"clip"`), or the input is refused (`"reject"`).
        clip: the smallest probability under `"clip"`, in (0, 1); 2^-52 by default.
    """

    logits: Numbers | None
    probabilities: Numbers | None
    log_probabilities: Numbers | None
    labels: npt.NDArray[Any] | None
    targets: Numbers | None
    positive_weight: float
    sample_weights: Numbers | None
    ignore_index: int | Sequence[int] | None
    label_smoothing: float
    reduction: Reduction
    gradient: bool
    unit: Unit
    zero_probability: ZeroProbability
    clip: float
