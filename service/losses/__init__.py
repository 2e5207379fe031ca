"""What a loss is: its options, its reduction and its meaning. The door where input is checked."""

from service.losses.activations import sigmoid, softmax
from service.losses.binary_cross_entropy import binary_cross_entropy
from service.losses.cross_entropy import cross_entropy
from service.losses.explanation import Explanation, explain
from service.losses.result import LossResult

__all__ = [
    "Explanation",
    "LossResult",
    "binary_cross_entropy",
    "cross_entropy",
    "explain",
    "sigmoid",
    "softmax",
]
