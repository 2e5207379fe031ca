"""Which calls of which libraries are reproduced, and what they take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.losses.dialects import keras, keras_binary, sklearn, tensorflow, torch
from service.losses.dialects.given import Given
from service.losses.members import TRUTHS
from service.losses.result import DialectLoss

DIALECTS = ("torch", "keras", "sklearn", "tensorflow")
Compute = Callable[[Given], DialectLoss]


@dataclass(frozen=True, slots=True)
class Call:
    """A library's call, and what it takes under Xent's names.

    Attributes:
        text: the call.
        predictions: which members it takes as the prediction.
        truths: which members it takes as what is true.
        options: which options it takes; label names (`classes`) become indices for every call.
        compute: what reproduces it.
        needs: an option without which another call is meant.
        reductions: the words it has an answer to.
    """

    text: str
    predictions: tuple[str, ...]
    truths: tuple[str, ...]
    options: tuple[str, ...]
    compute: Compute
    needs: str | None = None
    reductions: tuple[str, ...] = ("mean", "sum", "none")


_L, _P, _LP = ("logits",), ("probabilities",), ("log_probabilities",)
_EITHER = ("logits", "probabilities")
_NLL_OPTIONS = ("axis", "class_weights", "ignore_index")
_NLL = Call(
    "F.nll_loss(weight, ignore_index, reduction)", _LP, ("labels",), _NLL_OPTIONS, torch.nll_loss
)


def _keras_calls(
    module: str,
    sparse: Compute,
    binary: Compute,
    binary_focal: Compute,
    generalized: Compute,
) -> dict[str, tuple[Call, ...]]:
    def call(
        text: str,
        predictions: tuple[str, ...],
        truths: tuple[str, ...],
        options: tuple[str, ...],
        compute: Compute,
    ) -> Call:
        return Call(f"{module}.{text}", predictions, truths, options, compute)

    dense = "CategoricalCrossentropy(from_logits, label_smoothing, axis, reduction)"
    smooth = ("axis", "sample_weights", "label_smoothing")
    return {
        "cross-entropy": (
            call(
                "SparseCategoricalCrossentropy(from_logits, ignore_class, axis, reduction)",
                _EITHER, ("labels",), ("axis", "sample_weights", "ignore_index"), sparse,
            ),
            call(dense, _EITHER, TRUTHS, smooth, keras.dense),
        ),
        "binary-cross-entropy": (
            call(
                "BinaryCrossentropy(from_logits, label_smoothing, reduction)",
                _EITHER, TRUTHS, ("sample_weights", "label_smoothing"), binary,
            ),
        ),
        "kl-divergence": (
            call(
                "KLDivergence(reduction)",
                _P, ("targets",), ("axis", "sample_weights"), keras.kl_divergence,
            ),
        ),
        "focal": (
            call(
                "CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis, "
                "reduction)",
                _EITHER, TRUTHS, (*smooth, "class_weights", "alpha", "gamma"), keras.focal,
            ),
        ),
        "binary-focal": (
            call(
                "BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, from_logits, "
                "label_smoothing, reduction)",
                _EITHER, TRUTHS, ("sample_weights", "label_smoothing", "alpha", "gamma"),
                binary_focal,
            ),
        ),
        "generalized-cross-entropy": (
            call(
                "CategoricalGeneralizedCrossEntropy(q, reduction)",
                _P, ("labels",), ("axis", "sample_weights", "q"), generalized,
            ),
        ),
    }  # fmt: skip


_TENSORFLOW = _keras_calls(
    "tf.keras.losses",
    tensorflow.sparse,
    tensorflow.binary,
    tensorflow.binary_focal,
    tensorflow.generalized,
)
_WEIGHTED = Call(
    "tf.nn.weighted_cross_entropy_with_logits(pos_weight), then tf.reduce_mean or tf.reduce_sum",
    _L,
    TRUTHS,
    ("positive_weight",),
    tensorflow.weighted,
    needs="positive_weight",
)
SUPPORTED: Mapping[str, Mapping[str, tuple[Call, ...]]] = {
    "torch": {
        "cross-entropy": (
            Call(
                "F.cross_entropy(weight, ignore_index, reduction, label_smoothing)",
                _L, ("labels",), ("axis", "class_weights", "ignore_index", "label_smoothing"),
                torch.cross_entropy,
            ),
            Call(
                "F.cross_entropy(weight, reduction, label_smoothing), floating targets",
                _L, ("targets",), ("axis", "class_weights", "label_smoothing"),
                torch.soft_cross_entropy,
            ),
            _NLL,
        ),
        "negative-log-likelihood": (
            _NLL,
            Call(
                "F.nll_loss(weight, ignore_index, reduction) of F.log_softmax",
                _L, ("labels",), _NLL_OPTIONS, torch.nll_loss,
            ),
        ),
        "binary-cross-entropy": (
            Call(
                "F.binary_cross_entropy_with_logits(weight, reduction, pos_weight)",
                _L, TRUTHS, ("sample_weights", "positive_weight"), torch.bce_with_logits,
            ),
            Call(
                "F.binary_cross_entropy(weight, reduction)",
                _P, TRUTHS, ("sample_weights",), torch.bce,
            ),
        ),
        "kl-divergence": (
            Call("F.kl_div(reduction)", _LP, ("targets",), ("axis",), torch.kl_div),
            Call(
                "F.kl_div(reduction) of F.log_softmax", _L, ("targets",), ("axis",), torch.kl_div
            ),
        ),
    },
    "keras": _keras_calls(
        "keras.losses", keras.sparse, keras_binary.binary, keras_binary.binary_focal,
        keras.generalized,
    ),
    "sklearn": {
        "cross-entropy": (
            Call(
                "log_loss(normalize, sample_weight, labels=range(K))",
                _P, ("labels",), ("axis", "sample_weights"), sklearn.log_loss,
                reductions=("mean", "sum"),
            ),
        ),
        "binary-cross-entropy": (
            Call(
                "log_loss(normalize, sample_weight, labels=[0, 1])",
                _P, ("labels",), ("sample_weights",), sklearn.binary_log_loss,
                reductions=("mean", "sum"),
            ),
        ),
        "brier": (
            Call(
                "brier_score_loss(sample_weight, labels=range(K))",
                _P, ("labels",), ("axis", "sample_weights"), sklearn.brier_score_loss,
                reductions=("mean",),
            ),
        ),
    },
    "tensorflow": {
        **_TENSORFLOW,
        "binary-cross-entropy": (*_TENSORFLOW["binary-cross-entropy"], _WEIGHTED),
    },
}  # fmt: skip
"""Dialect, loss, and the calls among which the members choose; the first that fits is meant."""
