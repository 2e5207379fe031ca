"""Every loss that is served: its formula, its range, and what other libraries call it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.losses.binary_cross_entropy import binary_cross_entropy, binary_focal
from service.losses.cross_entropy import cross_entropy, negative_log_likelihood
from service.losses.divergences import brier, entropy, js_divergence, kl_divergence
from service.losses.focal import focal, generalized_cross_entropy, poly_cross_entropy
from service.losses.members import MEMBERS
from service.losses.perplexity import perplexity
from service.losses.result import LossResult


@dataclass(frozen=True, slots=True)
class Loss:
    """An entry of the catalogue.

    Attributes:
        name: in the path of its call.
        function: computes it; its keyword arguments are the members of the call.
        formula: of one sample, before its weight.
        range: of the loss of one sample.
        units: of the loss; none for a pure number.
        equivalents: by library that has it, the calls that mean the same, within their rounding and
            under their names, such as `alpha`.
        note: on what its members leave out, where that may surprise.
    """

    name: str
    function: Callable[..., LossResult]
    formula: str
    range: str
    units: tuple[str, ...]
    equivalents: Mapping[str, str]
    note: str = ""

    @property
    def members(self) -> tuple[str, ...]:
        """The arguments it takes, its own and those that losses share."""
        return MEMBERS[self.name]


CATALOGUE = (
    Loss(
        "cross-entropy",
        cross_entropy,
        "sum_c w_c t_c (-log p_c) + z_loss (log sum_c exp z_c)^2",
        "[0, Infinity]",
        ("nat", "bit"),
        {
            "torch": "nn.functional.cross_entropy",
            "keras": "losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy",
            "tensorflow": "nn.softmax_cross_entropy_with_logits, "
            "nn.sparse_softmax_cross_entropy_with_logits",
            "sklearn": "metrics.log_loss",
            "optax": "softmax_cross_entropy, softmax_cross_entropy_with_integer_labels",
        },
        note="z_loss is a square of nats, and needs logits.",
    ),
    Loss(
        "negative-log-likelihood",
        negative_log_likelihood,
        "-w_y log p_y",
        "[0, Infinity]",
        ("nat", "bit"),
        {
            "torch": "nn.functional.nll_loss (of log_softmax)",
            "keras": "losses.SparseCategoricalCrossentropy",
            "tensorflow": "nn.sparse_softmax_cross_entropy_with_logits",
            "sklearn": "metrics.log_loss",
            "optax": "softmax_cross_entropy_with_integer_labels",
        },
    ),
    Loss(
        "binary-cross-entropy",
        binary_cross_entropy,
        "positive_weight y (-log p) + (1 - y) (-log(1 - p))",
        "[0, Infinity]",
        ("nat", "bit"),
        {
            "torch": "nn.functional.binary_cross_entropy_with_logits, "
            "nn.functional.binary_cross_entropy",
            "keras": "losses.BinaryCrossentropy",
            "tensorflow": "nn.sigmoid_cross_entropy_with_logits, "
            "nn.weighted_cross_entropy_with_logits",
            "sklearn": "metrics.log_loss",
            "optax": "sigmoid_binary_cross_entropy",
        },
    ),
    Loss(
        "focal",
        focal,
        "sum_c w_c t_c (1 - p_c)^gamma (-log p_c)",
        "[0, Infinity]",
        ("nat", "bit"),
        {
            "keras": "losses.CategoricalFocalCrossentropy",
            "tensorflow": "keras.losses.CategoricalFocalCrossentropy",
        },
    ),
    Loss(
        "binary-focal",
        binary_focal,
        "positive_weight y (1 - p)^gamma (-log p) + (1 - y) p^gamma (-log(1 - p))",
        "[0, Infinity]",
        ("nat", "bit"),
        {
            "torch": "torchvision.ops.sigmoid_focal_loss",
            "keras": "losses.BinaryFocalCrossentropy",
            "tensorflow": "keras.losses.BinaryFocalCrossentropy",
            "optax": "sigmoid_focal_loss",
        },
    ),
    Loss(
        "poly-1-cross-entropy",
        poly_cross_entropy,
        "sum_c w_c t_c (-log p_c + epsilon (1 - p_c))",
        "[0, Infinity]",
        ("nat",),
        {"optax": "poly_loss_cross_entropy"},
        note="In nats alone: 1 - p has no unit, and epsilon would weigh it otherwise beside bits.",
    ),
    Loss(
        "generalized-cross-entropy",
        generalized_cross_entropy,
        "sum_c w_c t_c (1 - p_c^q) / q",
        "[0, 1 / q]",
        (),
        {
            "keras": "losses.CategoricalGeneralizedCrossEntropy",
            "tensorflow": "keras.losses.CategoricalGeneralizedCrossEntropy",
        },
        note="A power and no logarithm, and so a pure number.",
    ),
    Loss(
        "kl-divergence",
        kl_divergence,
        "sum_c [t_c log(t_c / p_c) - t_c + p_c]",
        "[0, Infinity]",
        ("nat", "bit"),
        {
            "torch": 'nn.functional.kl_div (of log_softmax, with reduction="batchmean")',
            "keras": "losses.KLDivergence",
            "tensorflow": "keras.losses.KLDivergence",
            "scipy": "special.kl_div (summed over the classes), stats.entropy (with qk)",
            "torchmetrics": "functional.regression.kl_divergence",
            "optax": "kl_divergence",
        },
    ),
    Loss(
        "js-divergence",
        js_divergence,
        "KL(t, m) / 2 + KL(p, m) / 2 with m = (t + p) / 2",
        "[0, log 2]",
        ("nat", "bit"),
        {
            "scipy": "spatial.distance.jensenshannon (squared)",
            "torchmetrics": "functional.regression.jensen_shannon_divergence",
        },
    ),
    Loss(
        "entropy",
        entropy,
        "sum_c p_c (-log p_c)",
        "[0, log K]",
        ("nat", "bit"),
        {
            "torch": "distributions.Categorical.entropy",
            "scipy": "stats.entropy, special.entr (summed over the classes)",
        },
    ),
    Loss(
        "brier",
        brier,
        "sum_c (p_c - t_c)^2",
        "[0, 2]",
        (),
        {"sklearn": "metrics.brier_score_loss (half of it for two classes)"},
    ),
    Loss(
        "perplexity",
        perplexity,
        "exp(mean of -log p_y)",
        "[1, Infinity]",
        (),
        {"torchmetrics": "functional.text.perplexity"},
        note="Of the mean alone: there is no reduction.",
    ),
)
