"""Probabilities of rows of logits together with the loss of one class of each."""

import numpy as np

from service.numerics import engine
from service.numerics.arrays import Array, Floats, Integers, Scratch, in_memory, places
from service.numerics.cross_entropy import label_losses
from service.numerics.errorfree import Pair, quick_column_sums, quotient
from service.numerics.exponentials import exponentials


def labelled_softmax(
    logits: Floats, labels: Integers, scratch: Scratch
) -> tuple[Array, Array, Array]:
    """Losses -log p_y, probabilities, and 1 - p_y summed from the other classes.

    The losses are those of `cross_entropy`, to the bit; all come from the same exponentials, and
    stay in the layout that is worked in. Rows are not cut into blocks for the cache.

    Args:
        logits: (n, k), finite or -inf, a finite one in every row.
        labels: (n,) integers in 0..k-1.
        scratch: where the probabilities are put, until it is used again.

    Returns:
        (n,) losses, inf where the label's logit is -inf, (k, n) probabilities, and (n,) 1 - p_y.
    """
    room = scratch.class_first(logits)
    with np.errstate(all="ignore"):  # as in `for_each_block`
        found = exponentials(logits, 1.0, labels, room, quick_column_sums)
        losses = label_losses(found, logits, labels, temperature=1.0, bits=False)
        if engine.machine_code:
            miss = engine.machine_code.divide(found, labels)
            return losses, found.weights, miss
        ones = np.ones(len(labels))
        share = quotient(Pair(ones, np.zeros_like(ones)), found.total)
        p = np.multiply(found.weights, share, out=found.weights)
        in_memory(p)[places(p, labels)] = found.own * share
        return losses, p, found.others.high * share
