"""The held-out scores of a fit: from a validation part, or from the training rows fold by fold."""

import numpy as np

from service.classifier.datasets import rank_within_class
from service.classifier.distance import Distance, fit_distance
from service.classifier.fit import fit_samples
from service.classifier.held_out import MOST_ROWS, HeldOut, held_out_scores
from service.classifier.options import Options
from service.classifier.rows import Array
from service.classifier.samples import Samples
from service.errors import Code, InvalidInput

FOLDS = 5


def held_out(
    training: Samples,
    validation: Samples | None,
    options: Options,
    parameters: tuple[Array, Array],
    temperature: float = 1.0,
    threads: int = 1,
) -> HeldOut:
    """What levels of abstention are found by, as `options.abstention` says.

    Rows count once each, whatever their weight: the levels speak of rows.

    Args:
        training: the rows of the fit, without class weights.
        validation: rows that the fit has not seen, or None.
        options: of the fit.
        parameters: coefficients and intercepts of the fit, temperature divided in.
        temperature: for the fits of the folds.
        threads: how many work at the same time.

    Returns:
        Scores of at most 10,000 rows, evenly spread, and the distance from the training rows.

    Raises:
        InvalidInput: no labels, no validation rows, or a class of a single row.
    """
    if training.targets is not None:
        detail = "abstention needs labels: a row of targets is neither right nor wrong"
        raise InvalidInput.at("/options/abstention", Code.INVALID_OPTION, detail)
    distance = fit_distance(training)
    if options.abstention == "cross-fit":
        scores, wrong = _cross_fitted(training, options, temperature, distance, threads)
    elif validation is None:
        detail = "validation_fraction leaves no row to abstain by"
        raise InvalidInput.at("/options/validation_fraction", Code.INVALID_OPTION, detail)
    else:
        scores, wrong = _scored(validation, *parameters, distance)
    count = len(wrong)
    kept = np.arange(min(count, MOST_ROWS)) * count // min(count, MOST_ROWS)
    return HeldOut(str(options.abstention), scores[kept], wrong[kept], distance)


def _scored(
    rows: Samples, coefficients: Array, intercepts: Array, distance: Distance | None
) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    logits = rows.logits(coefficients, intercepts)
    return held_out_scores(logits, rows.inputs, rows.labels, distance)


def _cross_fitted(
    rows: Samples, options: Options, temperature: float, whole: Distance | None, threads: int
) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Every row scored by a model that was fitted to the four fifths without it."""
    if np.bincount(rows.labels, minlength=rows.classes).min() < 2:
        detail = "cross-fit needs two rows or more of every class: each fold is left out once"
        raise InvalidInput.at("/options/abstention", Code.INVALID_OPTION, detail)
    fold = rank_within_class(rows.labels, options.seed) % FOLDS
    scores, wrong = np.empty((0, 0)), np.empty(len(fold), dtype=np.bool_)
    for number in range(FOLDS):
        part, rest = fold == number, rows.rows(fold != number)
        if not part.any():
            continue
        found = fit_samples(rest.weighed(options), options, threads=threads)
        parameters = found.coefficients / temperature, found.intercepts / temperature
        distance = None if whole is None else fit_distance(rest)
        scored, wrong[part] = _scored(rows.rows(part), *parameters, distance)
        if not scores.size:
            scores = np.empty((len(fold), scored.shape[1]))
        scores[part] = scored
    return scores, wrong
