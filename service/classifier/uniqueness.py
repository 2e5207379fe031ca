"""Whether the features of a fit without penalty leave its parameters one choice."""

import numpy as np
import numpy.typing as npt

MOST_FEATURES = 500
"""Up to which the rank is computed: some seconds."""
ROUNDING = 1e-12


def is_unique(inputs: npt.NDArray[np.floating], intercept: bool) -> bool | None:
    """Whether no feature is constant or a combination of the others.

    Otherwise other parameters have the likelihood of the optimum too.

    Args:
        inputs: feature rows, shape (N, D), finite.
        intercept: whether the model has one, which a constant feature repeats.

    Returns:
        The answer; None with more than `MOST_FEATURES`.
    """
    rows, width = inputs.shape
    if width > MOST_FEATURES:
        return None
    design = inputs.astype(np.float64)
    scales = np.abs(design).max(axis=0, initial=0.0)
    if not scales.all():
        return False
    design = design / scales
    if intercept:
        design -= design.mean(axis=0)
    lengths = np.sqrt((design**2).sum(axis=0))
    if (lengths <= ROUNDING * np.sqrt(rows)).any():
        return False
    return bool(np.linalg.matrix_rank(design / lengths) == width)
