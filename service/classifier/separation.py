"""Whether an optimum without penalty exists, or the classes can be told apart by a plane."""

import numpy as np

from service.classifier.objective import Objective
from service.classifier.rows import Array

LARGEST_PROGRAM = 2_000_000
"""Cells of the linear program up to which it is solved: some seconds."""


def is_separable(objective: Objective, parameters: Array, decrement: float) -> bool | None:
    """Whether some direction never raises the loss of any row and lowers that of one.

    Then the likelihood has no maximum: the parameters grow without end. Three proofs are tried,
    the cheap ones first: a small Newton decrement shows that a minimum exists; rows that are all
    on their side show that none does; a linear program decides the rest.

    Args:
        objective: without a penalty.
        parameters: where a solver stopped, shape (R, C).
        decrement: g^T H^-1 g / 2 there.

    Returns:
        The answer, or None where the linear program would be too large.

    Source: F. Bach, Electron. J. Statist. 4 (2010), 384 (self-concordance); A. Albert and
    J. Anderson, Biometrika 71 (1984), 1; K. Konis, thesis, Oxford (2007), for the program.
    """
    if _has_minimum(objective, parameters, decrement):
        return False
    if objective.targets is None and _all_on_their_side(objective, parameters):
        return True
    return _program(objective)


def _all_on_their_side(objective: Objective, parameters: Array) -> bool:
    logits, rows = objective.logits(parameters), np.arange(len(objective.labels))
    own = logits[rows, objective.labels]
    logits[rows, objective.labels] = -np.inf
    return bool((own > logits.max(axis=1)).all())


def _has_minimum(objective: Objective, parameters: Array, decrement: float) -> bool:
    """A proof by self-concordance.

    Along v, |F'''| <= R |v| F'' with |v|^2 = v^T H v at the parameters and R^2 twice the largest
    x_i^T S x_i, S the sum over the classes of the diagonal blocks of H^-1. So F rises by
    r^2 (e^-Rr + Rr - 1) / (Rr)^2 - r sqrt(g^T H^-1 g) or more at distance r, which is above 0 for
    a large r once sqrt(g^T H^-1 g) R < 1: the minimum lies within.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    (classes, columns), design = objective.shape, objective.design
    try:
        factor = cho_factor(objective.hessian(parameters), lower=True)
    except LinAlgError:
        return False
    diagonal = np.diag(factor[0])
    if diagonal.min() < 1e-7 * diagonal.max():  # an inverse without correct digits proves nothing
        scale = np.sqrt(np.einsum("ij,ij->j", design, design))
        if (diagonal.reshape(classes, columns) / scale).min() < 1e-7:
            return False
    inverse = cho_solve(factor, np.eye(classes * columns))
    blocks = inverse.reshape(classes, columns, classes, columns)
    summed = np.einsum("kckd->cd", blocks)
    reach = 2.0 * float(np.einsum("ic,cd,id->i", design, summed, design, optimize=True).max())
    return bool(2.0 * decrement * reach < 1.0)


def _program(objective: Objective) -> bool | None:
    """Maximise the sum of the margins of a direction that has no negative one, within a box."""
    from scipy.optimize import linprog

    (rows, columns), design = objective.shape, objective.design
    truth = objective.truth()
    cells = np.argwhere(truth > 0.0)
    if len(cells) * (objective.classes - 1) * rows * columns > LARGEST_PROGRAM:
        return None
    # Each (row, its class, another class) asks that the logit of its class does not fall behind.
    others = np.arange(objective.classes)
    triples = np.array([(i, y, k) for i, y in cells for k in others[others != y]])
    differences = np.zeros((len(triples), objective.classes, columns))
    index = np.arange(len(triples))
    scaled = design / np.maximum(np.abs(design).max(axis=0), np.finfo(float).tiny)
    differences[index, triples[:, 1]] = scaled[triples[:, 0]]
    differences[index, triples[:, 2]] = -scaled[triples[:, 0]]
    margins = differences[:, -rows:].reshape(len(triples), -1)
    found = linprog(-margins.sum(axis=0), -margins, np.zeros(len(triples)), bounds=(-1.0, 1.0))
    return bool(-found.fun > 1e-7 * len(triples)) if found.status == 0 else None
