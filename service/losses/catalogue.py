"""Every loss that is served: its formula, its range, and what other libraries call it."""

from collections.abc import Callable
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
        equivalents: by library, the call that means the same, or "" where there is none.
    """

    name: str
    function: Callable[..., LossResult]
    formula: str
    range: str
    units: tuple[str, ...]
    equivalents: dict[str, str]

    @property
    def members(self) -> tuple[str, ...]:
        """The arguments it takes, its own and those that losses share."""
        return MEMBERS[self.name]


def _equivalents(
    torch: str = "", keras: str = "", sklearn: str = "", optax: str = ""
) -> dict[str, str]:
    return {"torch": torch, "keras": keras, "sklearn": sklearn, "optax": optax}


CATALOGUE = (
    Loss(
        "cross-entropy",
        cross_entropy,
        "sum_c w_c t_c (-log p_c) + z_loss (log sum_c exp z_c)^2",
        "[0, Infinity]",
        ("nat", "bit"),
        _equivalents(
            "nn.functional.cross_entropy",
            "losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy",
            "metrics.log_loss",
            "softmax_cross_entropy, softmax_cross_entropy_with_integer_labels",
        ),
    ),
    Loss(
        "negative-log-likelihood",
        negative_log_likelihood,
        "-w_y log p_y",
        "[0, Infinity]",
        ("nat", "bit"),
        _equivalents("nn.functional.nll_loss"),
    ),
    Loss(
        "binary-cross-entropy",
        binary_cross_entropy,
        "positive_weight y (-log p) + (1 - y) (-log(1 - p))",
        "[0, Infinity]",
        ("nat", "bit"),
        _equivalents(
            "nn.functional.binary_cross_entropy_with_logits, nn.functional.binary_cross_entropy",
            "losses.BinaryCrossentropy",
            "metrics.log_loss",
            "sigmoid_binary_cross_entropy",
        ),
    ),
    Loss(
        "focal",
        focal,
        "sum_c w_c t_c (1 - p_c)^gamma (-log p_c)",
        "[0, Infinity]",
        ("nat",),
        _equivalents(keras="losses.CategoricalFocalCrossentropy"),
    ),
    Loss(
        "binary-focal",
        binary_focal,
        "positive_weight y (1 - p)^gamma (-log p) + (1 - y) p^gamma (-log(1 - p))",
        "[0, Infinity]",
        ("nat",),
        _equivalents(
            "torchvision.ops.sigmoid_focal_loss",
            "losses.BinaryFocalCrossentropy",
            optax="sigmoid_focal_loss",
        ),
    ),
    Loss(
        "poly-1-cross-entropy",
        poly_cross_entropy,
        "sum_c w_c t_c (-log p_c + epsilon (1 - p_c))",
        "[0, Infinity]",
        ("nat",),
        _equivalents(optax="poly_loss_cross_entropy"),
    ),
    Loss(
        "generalized-cross-entropy",
        generalized_cross_entropy,
        "sum_c w_c t_c (1 - p_c^q) / q",
        "[0, 1 / q]",
        (),
        _equivalents(keras="losses.CategoricalGeneralizedCrossEntropy"),
    ),
    Loss(
        "kl-divergence",
        kl_divergence,
        "sum_c [t_c log(t_c / p_c) - t_c + p_c]",
        "[0, Infinity]",
        ("nat", "bit"),
        _equivalents(
            'nn.functional.kl_div with reduction="batchmean"',
            "losses.KLDivergence",
            optax="kl_divergence",
        ),
    ),
    Loss(
        "js-divergence",
        js_divergence,
        "KL(t, m) / 2 + KL(p, m) / 2 with m = (t + p) / 2",
        "[0, log 2]",
        ("nat", "bit"),
        _equivalents(),
    ),
    Loss(
        "entropy",
        entropy,
        "sum_c p_c (-log p_c)",
        "[0, log K]",
        ("nat", "bit"),
        _equivalents(),
    ),
    Loss(
        "brier",
        brier,
        "sum_c (p_c - t_c)^2",
        "[0, 2]",
        (),
        _equivalents(sklearn="metrics.brier_score_loss (half of it for two classes)"),
    ),
    Loss(
        "perplexity",
        perplexity,
        "exp(mean of -log p_y)",
        "[1, Infinity]",
        (),
        _equivalents(),
    ),
)
