"""What a loss is: its options, its reduction and its meaning. The door where input is checked."""

from service.losses.activations import sigmoid, softmax
from service.losses.binary_cross_entropy import binary_cross_entropy, binary_focal
from service.losses.catalogue import CATALOGUE, Loss
from service.losses.comparison import DialectResult, dialects_of, score
from service.losses.cross_entropy import cross_entropy, negative_log_likelihood
from service.losses.divergences import brier, entropy, js_divergence, kl_divergence
from service.losses.explanation import Explanation, explain
from service.losses.focal import focal, generalized_cross_entropy, poly_cross_entropy
from service.losses.information import Information, information
from service.losses.perplexity import perplexity
from service.losses.result import LossResult

__all__ = [
    "CATALOGUE",
    "DialectResult",
    "Explanation",
    "Information",
    "Loss",
    "LossResult",
    "binary_cross_entropy",
    "binary_focal",
    "brier",
    "cross_entropy",
    "dialects_of",
    "entropy",
    "explain",
    "focal",
    "generalized_cross_entropy",
    "information",
    "js_divergence",
    "kl_divergence",
    "negative_log_likelihood",
    "perplexity",
    "poly_cross_entropy",
    "score",
    "sigmoid",
    "softmax",
]
