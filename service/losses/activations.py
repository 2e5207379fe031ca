"""Softmax and sigmoid of checked input."""

import math

import numpy as np

from service import numerics
from service.errors import Code, InvalidInput, cell
from service.losses.options import within
from service.losses.reader import refuse, row_numbers
from service.losses.result import Numbers
from service.losses.rows import Rows, certain, finite, floating, logit_fault


def softmax(
    logits: Numbers, *, temperature: float = 1.0, axis: int = -1, log: bool = False
) -> Numbers:
    """p_c = exp(z_c / T) / sum_j exp(z_j / T), or its logarithm.

    Args:
        logits: (..., K); -Infinity is an impossible class, one +Infinity a certain one.
        temperature: T > 0.
        axis: of the classes.
        log: whether to answer with log p.

    Returns:
        Probabilities, or their logarithms, in the shape and dtype of `logits`.

    Raises:
        InvalidInput: a NaN, two +Infinity in a row, a row without a possible class.

    Source: Blanchard, Higham, Higham, IMA J. Numer. Anal. 41(4), 2021.
    """
    within("temperature", temperature, 0, math.inf, low_open=True, high_open=True)
    rows = Rows.of("logits", logits, axis)
    answer = np.empty(rows.array.shape, rows.array.dtype)
    function = numerics.log_softmax if log else numerics.softmax
    for selection in numerics.row_blocks(rows.size, rows.classes):
        block = rows.array[selection].astype(np.float64, copy=False)
        if not finite(block):
            refuse(logit_fault(rows, row_numbers(selection), block))
            block = certain(block)
        with np.errstate(over="ignore"):  # a logarithm may be beyond the dtype that was sent
            answer[selection] = function(block, temperature)
    return rows.restore(answer)


def sigmoid(logits: Numbers, *, log: bool = False) -> Numbers:
    """1 / (1 + exp(-z)) of every element, or its logarithm.

    Args:
        logits: any shape; the infinities are certain.
        log: whether to answer with the logarithm.

    Returns:
        Probabilities of the positive class, or their logarithms, in the shape and dtype sent.

    Raises:
        InvalidInput: a NaN.

    Source: Mächler, "Accurately computing log(1 - exp(-|a|))", 2012.
    """
    logits = floating(logits)
    bad = np.argwhere(np.isnan(logits))
    if bad.size:
        pointer, name = cell("logits", *(int(i) for i in bad[0]))
        raise InvalidInput.at(pointer, Code.NAN_VALUE, f"{name} is NaN")
    values = logits.astype(np.float64, copy=False)
    answer = numerics.log_sigmoid(values) if log else numerics.sigmoid(values)
    return answer.astype(logits.dtype, copy=False)
