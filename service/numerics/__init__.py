"""Arrays in, arrays out: the arithmetic of softmax, cross-entropy and exact sums.

No validation of meaning and no state: the kernels trust their caller.
"""

from service.numerics.affine import Linear, linear
from service.numerics.arrays import Array, Scratch, by_class, in_memory, places, row_blocks
from service.numerics.binary import binary_cross_entropy, log_sigmoid, shares, sigmoid, softplus
from service.numerics.categorical import log_softmax, logsumexp, softmax
from service.numerics.cross_entropy import cross_entropy, soft_cross_entropy
from service.numerics.divergence import (
    entropy_from_logs,
    expm1_minus,
    jensen_shannon,
    kullback_leibler,
    row_sums,
)
from service.numerics.doubled import (
    Chances,
    chances,
    chances_of_logs,
    complement,
    shares_of_weights,
    through_softmax,
)
from service.numerics.engine import arithmetic, compile_loops
from service.numerics.errorfree import (
    Pair,
    as_pair,
    column_sums,
    minus,
    pair_product,
    plain_sums,
    ratio,
    times_over,
    two_product,
    two_sum,
)
from service.numerics.exact import ExactSum
from service.numerics.labelled import labelled_softmax
from service.numerics.logarithms import in_bits, log1mexp

__all__ = [
    "Array",
    "Chances",
    "ExactSum",
    "Linear",
    "Pair",
    "Scratch",
    "arithmetic",
    "as_pair",
    "binary_cross_entropy",
    "by_class",
    "chances",
    "chances_of_logs",
    "column_sums",
    "compile_loops",
    "complement",
    "cross_entropy",
    "entropy_from_logs",
    "expm1_minus",
    "in_bits",
    "in_memory",
    "jensen_shannon",
    "kullback_leibler",
    "labelled_softmax",
    "linear",
    "log1mexp",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "minus",
    "pair_product",
    "places",
    "plain_sums",
    "ratio",
    "row_blocks",
    "row_sums",
    "shares",
    "shares_of_weights",
    "sigmoid",
    "soft_cross_entropy",
    "softmax",
    "softplus",
    "through_softmax",
    "times_over",
    "two_product",
    "two_sum",
]
