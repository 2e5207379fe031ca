"""Prediction sets that hold the true class as often as asked: split conformal prediction."""

import math

import numpy as np

from service.classifier.rows import Array
from service.numerics import row_sums


def quantile(scores: Array, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest score of n, infinite where n is too small.

    The score of another row of the same distribution lies at or below it with a probability of at
    least `coverage`, and of at most coverage + 1 / (n + 1) where no two scores are equal.

    Args:
        scores: shape (n,).
        coverage: 1 - alpha, between 0 and 1.

    Returns:
        The score.

    Source: V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World (2005), 4.
    """
    # 0.95 is no binary number: without rounding, 20 x 0.95 could count as 19 and a little.
    rank = math.ceil(round((len(scores) + 1) * coverage, 9))
    return math.inf if rank > len(scores) else float(np.partition(scores, rank - 1)[rank - 1])


def lac_scores(probabilities: Array) -> Array:
    """The score of every class by LAC, 1 - p; of the most probable one without cancellation.

    Args:
        probabilities: shape (N, K).

    Returns:
        Shape (N, K), in [0, 1].

    Source: M. Sadinle, J. Lei and L. Wasserman, Least ambiguous set-valued classifiers with bounded
    error levels, JASA 114 (2019).
    """
    scores = 1.0 - probabilities
    top = probabilities.argmax(axis=1)[:, None]
    np.put_along_axis(scores, top, others(probabilities)[:, None], axis=1)
    return scores


def aps_scores(probabilities: Array) -> Array:
    """The score of every class by APS, less 1: minus the mass of the classes less probable than it.

    The usual score is the mass of the classes down to this one, itself included. It is 1 to the
    last digit for many classes of a sure prediction; what it lacks of 1 keeps its digits. Of
    equally probable classes the earlier one counts as the more probable.

    Args:
        probabilities: shape (N, K).

    Returns:
        Shape (N, K), in [-1, 0].

    Source: Y. Romano, M. Sesia and E. Candès, Classification with valid and adaptive coverage,
    NeurIPS (2020), without the randomisation.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, ::-1]
    rising = np.take_along_axis(probabilities, order, axis=1)
    rising[:, -1] = 0.0  # the most probable class is below none
    less = np.cumsum(np.roll(rising, 1, axis=1), axis=1)
    scores = np.empty_like(probabilities)
    np.put_along_axis(scores, order, -np.minimum(less, 1.0), axis=1)
    return scores


def others(probabilities: Array) -> Array:
    """1 - the largest probability of every row, as the sum of the others, shape (N,)."""
    rest = probabilities.copy()
    np.put_along_axis(rest, probabilities.argmax(axis=1)[:, None], 0.0, axis=1)
    return row_sums(rest)
