"""Train a named model: names to indices, parts held out, temperature, statistics, report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from service.classifier.blas import one_blas_thread
from service.classifier.cross_fit import held_out as scores_of
from service.classifier.fit import Fit, fit_samples
from service.classifier.inference import Inference, infer
from service.classifier.model import Model
from service.classifier.options import Options
from service.classifier.parts import Part, judge, log_loss, split, truth_of
from service.classifier.rows import Array
from service.classifier.samples import Samples, class_weights_by_index, samples
from service.classifier.trace import Tell
from service.errors import Code, InvalidInput
from service.evaluation.temperature import Calibration, fit_temperature
from service.losses.truth import Indices, Label, class_indices


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model and how it came about.

    Attributes:
        model: with the temperature divided into its parameters, and the held-out scores that
            `abstention` asks for.
        fit: how well the optimum was reached, before the temperature.
        parts: `train`, and `validation` and `test` where they hold rows.
        uniform_baseline: ln K.
        calibration: the temperature, where asked for.
        inference: the statistics, where asked for.
    """

    model: Model
    fit: Fit
    parts: Mapping[str, Part]
    uniform_baseline: float
    calibration: Calibration | None
    inference: Inference | None


@one_blas_thread()
def train(
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    targets: npt.ArrayLike | None = None,
    sample_weights: npt.ArrayLike | None = None,
    classes: Sequence[Label] | None = None,
    feature_names: Sequence[str] | None = None,
    options: Options | None = None,
    initial: Model | None = None,
    name: str = "model",
    version: int = 1,
    tell: Tell | None = None,
    threads: int = 1,
) -> Trained:
    """Train a model on a part of the rows and judge it by the others.

    Args:
        inputs: feature rows, shape (N, D), finite.
        labels: class names, shape (N,), all strings or all integers; or
        targets: shape (N, K), >= 0: probabilities, or counts of so many labels.
        sample_weights: shape (N,), >= 0; all 1 when absent. Rows of weight 0 are not read.
        classes: K names in column order; None is the labels' sorted names, or 0..K-1.
        feature_names: D names; None is x0, x1, ...
        options: see `Options`.
        initial: a model of the same classes and number of features to start from.
        name: of the model.
        version: of the model.
        tell: is called with every step of the fit as it is made.
        threads: how many work at the same time; changes no bit.

    Returns:
        The model and its report.

    Raises:
        InvalidInput: the data or an option means nothing.
    """
    options = options or Options()
    names, indices = _named(labels, targets, classes)
    options = _by_index(options, names)
    rows = samples(
        inputs, indices, targets=targets, classes=len(names), sample_weights=sample_weights
    )
    parts = split(rows, options)
    training = parts["train"].weighed(options)
    start = None if initial is None else _start(initial, names, training.inputs.shape[1])
    held_out = parts.get("validation")

    found = fit_samples(
        training,
        options,
        start=start,
        watch=None if held_out is None else partial(log_loss, held_out),
        tell=tell,
        threads=threads,
    )
    calibration = _calibration(held_out, found, options)
    temperature = 1.0 if calibration is None else calibration.temperature
    coefficients, intercepts = found.coefficients / temperature, found.intercepts / temperature
    width = training.inputs.shape[1]
    kept = None
    if options.abstention is not None:
        parameters = coefficients, intercepts
        kept = scores_of(parts["train"], held_out, options, parameters, temperature, threads)
    return Trained(
        model=Model(
            name=name,
            version=version,
            classes=names,
            feature_names=tuple(feature_names or (f"x{column}" for column in range(width))),
            coefficients=coefficients,
            intercepts=intercepts,
            held_out=kept,
        ),
        fit=found,
        parts=judge(parts, coefficients, intercepts),
        uniform_baseline=math.log(len(names)),
        calibration=calibration,
        inference=_inference(training, found, options, names),
    )


def _calibration(held_out: Samples | None, found: Fit, options: Options) -> Calibration | None:
    if options.calibrate is None:
        return None
    if held_out is None:
        detail = "validation_fraction leaves no row to calibrate by"
        raise InvalidInput.at("/options/validation_fraction", Code.INVALID_OPTION, detail)
    logits = held_out.logits(found.coefficients, found.intercepts)
    return fit_temperature(logits, truth_of(held_out), held_out.weights)


def _named(
    labels: npt.ArrayLike | None,
    targets: npt.ArrayLike | None,
    classes: Sequence[Label] | None,
) -> tuple[tuple[Label, ...], Indices | None]:
    """The class names in column order and the labels as their indices."""
    if labels is None:
        shape = np.shape(np.asarray(targets))
        width = shape[1] if len(shape) == 2 else 0
        return tuple(range(width) if classes is None else classes), None
    given = np.asarray(labels)
    if given.ndim != 1:
        detail = "labels must be one name for every row"
        raise InvalidInput.at("/labels", Code.SHAPE_MISMATCH, detail)
    if classes is None:
        found = set(given.tolist())
        if {type(label) for label in found} not in ({str}, {int}):
            detail = "labels must be all strings or all integers"
            raise InvalidInput.at("/labels", Code.NOT_A_LABEL, detail)
        classes = sorted(found)
    names = tuple(classes)
    return names, class_indices("labels", given, None, len(names), names)


def _by_index(options: Options, names: tuple[Label, ...]) -> Options:
    """The options with class weights in class order, and a reference class that exists."""
    reference = options.reference_class
    if reference is not None and reference not in names:
        detail = "reference_class is none of the classes"
        raise InvalidInput.at("/options/reference_class", Code.UNKNOWN_LABEL, detail)
    weights = options.class_weights
    if not isinstance(weights, Mapping):
        return options
    return replace(
        options, class_weights=class_weights_by_index(weights, names, len(names)).tolist()
    )


def _start(initial: Model, names: tuple[Label, ...], width: int) -> tuple[Array, Array]:
    coefficients, intercepts = initial.coefficients, initial.intercepts
    if initial.classes != names or coefficients.shape[1] != width:
        detail = "initial_version must be a model of the same classes and number of features"
        raise InvalidInput.at("/options/initial_version", Code.SHAPE_MISMATCH, detail)
    if len(names) == 2 and len(coefficients) == 2:
        return np.diff(coefficients, axis=0), np.diff(intercepts)
    return coefficients, intercepts


def _inference(
    rows: Samples, found: Fit, options: Options, names: tuple[Label, ...]
) -> Inference | None:
    if not options.statistics:
        return None
    if found.separable:
        detail = "the classes are separable: without a penalty there is no finite optimum"
        raise InvalidInput.at("/options/statistics", Code.INVALID_OPTION, detail)
    parameters = found.coefficients
    if options.intercept:
        parameters = np.column_stack([parameters, found.intercepts])
    reference = 0 if options.reference_class is None else names.index(options.reference_class)
    likelihoods = found.log_likelihood, found.null_log_likelihood
    return infer(rows.objective(options), parameters, *likelihoods, reference)
