"""The models that ship: how they are trained, and how they are loaded."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.abstention import Abstain
from service.classifier.artifact import read_model, to_bytes
from service.classifier.cross_fit import held_out
from service.classifier.datasets import (
    HELD_OUT_FRACTION,
    LICENCE,
    LICENCE_URL,
    SEED,
    SHIPPED,
    SOURCES,
    Dataset,
    load_dataset,
    rank_within_class,
)
from service.classifier.distance import rounded
from service.classifier.evaluate import evaluate
from service.classifier.fit import fit
from service.classifier.held_out import SELECTIVE, HeldOut
from service.classifier.model import Model
from service.classifier.objective import Objective
from service.classifier.options import Options
from service.classifier.refine import refine
from service.classifier.rows import Array
from service.classifier.samples import samples
from service.classifier.selective import risk_coverage

DIGITS = 12  # significant digits of every stored figure
SCORE_DIGITS = 6  # of scores, whose fits are not refined
COVERAGES = (0.9, 0.95, 0.99)
SCORES_RULE = (
    "of every training row by a model of the same penalty that was fitted to the four fifths of "
    "the training rows without it"
)
FOLDS = 5
PENALTIES = (100.0, 10.0, 1.0, 0.1, 0.01)
OBJECTIVE = "sum_i loss_i + (l2 / 2) |coefficients|^2, intercepts free"
PENALTY_RULE = (
    f"the power of ten with the least mean log loss in {FOLDS}-fold cross-validation on the "
    "training rows, searched from the strongest penalty down until the log loss rises"
)
SPLIT_RULE = (
    "of every class the first rows in the order of SHA-256('{seed}/{row}') are held out, "
    "row counting from 0"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A penalty and its cross-validated log loss in nats."""

    l2: float
    log_loss: float


def train_shipped(directory: Path) -> list[Path]:
    """Train the shipped models and write their files.

    Args:
        directory: where to write; made if absent.

    Returns:
        The files, one for each model.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in SOURCES:
        path = directory / f"{name}.safetensors"
        path.write_bytes(to_bytes(train(load_dataset(name))))
        paths.append(path)
    return paths


def shipped_models() -> dict[str, Model]:
    """The models that ship, by name.

    Returns:
        Fresh, read-only models.
    """
    return {name: read_model(SHIPPED / f"{name}.safetensors") for name in SOURCES}


def train(data: Dataset) -> Model:
    """Fit a data set's training rows and judge the model by its held-out rows.

    Args:
        data: the data set.

    Returns:
        Version 1 of the model, its parameters rounded to 12 significant digits.
    """
    candidates = penalty_search(data)
    l2 = min(candidates, key=lambda candidate: candidate.log_loss).l2
    inputs, labels = data.inputs[~data.held_out], data.labels[~data.held_out]
    size = len(data.classes)
    found = fit(inputs, labels, classes=size, options=_exact(l2))
    objective = Objective(inputs, labels, np.ones(len(labels)), size, l2)
    parameters, gradient_norm = refine(
        objective, np.column_stack([found.coefficients, found.intercepts]), DIGITS
    )
    training = {
        "objective": OBJECTIVE,
        "l2": l2,
        "l2_rule": PENALTY_RULE,
        "l2_candidates": [
            {"l2": candidate.l2, "log_loss": _stored(candidate.log_loss, 6)}
            for candidate in candidates
        ],
        "objective_value": _stored(found.objective),
        "gradient_norm": _stored(gradient_norm, 3),
        "log_likelihood": _stored(found.log_likelihood),
        "null_log_likelihood": _stored(found.null_log_likelihood),
        "significant_digits": DIGITS,
    }
    model = _model(data, parameters, {}, _held_out(inputs, labels, l2, parameters))
    facts = {
        "data": _data_facts(data),
        "split": {
            "rule": SPLIT_RULE,
            "seed": SEED,
            "held_out_fraction": HELD_OUT_FRACTION,
            "training_rows": int((~data.held_out).sum()),
            "held_out_rows": int(data.held_out.sum()),
        },
        "training": training,
        "metrics": {
            "training": _figures(model, data, ~data.held_out),
            "held_out": _figures(model, data, data.held_out),
            "abstention": _abstention(model, data),
        },
    }
    return _model(data, parameters, facts, model.held_out)


def penalty_search(data: Dataset) -> list[Candidate]:
    """Cross-validate penalties on the training rows, the strongest first, until they get worse.

    Args:
        data: the data set; its held-out rows are not read.

    Returns:
        The penalties that were tried, in order; folds are stratified by the split's seed.
    """
    inputs, labels = data.inputs[~data.held_out], data.labels[~data.held_out]
    fold = rank_within_class(labels, SEED) % FOLDS
    candidates: list[Candidate] = []
    for l2 in PENALTIES:
        total = 0.0
        for number in range(FOLDS):
            rest, part = fold != number, fold == number
            found = fit(inputs[rest], labels[rest], classes=len(data.classes), options=_exact(l2))
            parameters = np.column_stack([found.coefficients, found.intercepts])
            unpenalised = Objective(
                inputs[part], labels[part], np.ones(part.sum()), len(data.classes), 0.0
            )
            total += unpenalised.value_and_gradient(parameters)[0]
        candidates.append(Candidate(l2, total / len(labels)))
        if len(candidates) > 1 and candidates[-1].log_loss > candidates[-2].log_loss:
            break
    return candidates


def _exact(l2: float) -> Options:
    """A fit to the last digit, so that the stored digits are the same on every machine."""
    return Options(l2=l2, solver="newton-cholesky", tolerance=0.0)


def _held_out(inputs: Array, labels: npt.NDArray[np.intp], l2: float, parameters: Array) -> HeldOut:
    """Scores of the training rows by models that were fitted to the others."""
    options = Options(l2=l2, tolerance=1e-12, seed=SEED, abstention="cross-fit")
    rows = samples(inputs, labels, classes=len(parameters))
    found = held_out(rows, None, options, (parameters[:, :-1], parameters[:, -1]))
    return replace(found, scores=rounded(found.scores, SCORE_DIGITS))


def _abstention(model: Model, data: Dataset) -> dict[str, Any]:
    """How the levels that the training rows give hold on the held-out rows."""
    assert model.held_out is not None
    inputs, labels = data.inputs[data.held_out], data.labels[data.held_out]
    truth, coverage = [data.classes[index] for index in labels], {}
    for level in COVERAGES:
        sets = model.predict(inputs, abstain=Abstain(method="lac", coverage=level)).prediction_sets
        inside = [name in chosen for name, chosen in zip(truth, sets or (), strict=True)]
        coverage[str(level)] = _stored(float(np.mean(inside)), 6)
    curves = {
        method: risk_coverage(model.held_out.of(method), model.held_out.wrong).aurc
        for method in SELECTIVE
    }
    return {
        "scores": SCORES_RULE,
        "rows": len(model.held_out.wrong),
        "aurc": {method: _stored(area, 6) for method, area in curves.items()},
        "lac_coverage_on_held_out_rows": coverage,
    }


def _model(
    data: Dataset,
    parameters: np.ndarray[Any, Any],
    metadata: dict[str, Any],
    held_out: HeldOut | None,
) -> Model:
    return Model(
        name=data.name,
        version=1,
        classes=data.classes,
        feature_names=data.feature_names,
        coefficients=parameters[:, :-1],
        intercepts=parameters[:, -1],
        metadata=metadata,
        held_out=held_out,
    )


def _data_facts(data: Dataset) -> dict[str, Any]:
    source = data.source
    return {
        "title": source.title,
        "attribution": source.attribution,
        "licence": LICENCE,
        "licence_url": LICENCE_URL,
        "url": source.url,
        "doi": source.doi,
        "note": source.note,
        "feature_unit": source.feature_unit,
        "rows": len(data.labels),
        "sha256": data.sha256,
    }


def _figures(model: Model, data: Dataset, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    labels = np.array(data.classes)[data.labels[rows]]
    report = evaluate(model, data.inputs[rows], labels)
    figures = ("log_loss", "uniform_baseline", "prior_baseline", "skill", "accuracy", "brier")
    return {"rows": int(rows.sum())} | {name: _stored(getattr(report, name)) for name in figures}


def _stored(value: float, digits: int = DIGITS) -> float:
    """A figure to so many significant digits, so that a rebuild elsewhere writes the same."""
    return float(f"{value:.{digits - 1}e}")
