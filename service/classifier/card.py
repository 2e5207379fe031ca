"""The card of a trained model: what was minimised, how well, and what it is worth."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from service.classifier.inference import CONFIDENCE, Inference
from service.classifier.model import Model
from service.classifier.options import Options
from service.classifier.prediction import Label
from service.classifier.trace import Step
from service.classifier.train import Trained

OBJECTIVE = (
    "sum_i s_i w_i loss_i + (l2 / 2) |coefficients|^2 + l1 |coefficients|_1, intercepts free"
)


def card(trained: Trained, options: Options) -> dict[str, Any]:
    """What is kept with a trained model, as JSON has it: no NaN, but its name.

    Args:
        trained: the model and its report.
        options: that it was trained with.

    Returns:
        `data`, `training`, `fit`, `curve`, `log_loss`, `baselines`, and where they were asked for
        `calibration` and `statistics`.
    """
    fit, parts, model = trained.fit, trained.parts, trained.model
    given = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    found: dict[str, Any] = {
        "data": {
            part: {"rows": figures.rows, "weight": figures.weight}
            for part, figures in parts.items()
        },
        "training": {
            "objective": OBJECTIVE,
            "options": {name: value for name, value in given.items() if value is not None},
        },
        "fit": {
            field.name: getattr(fit, field.name)
            for field in dataclasses.fields(fit)
            if field.name not in ("coefficients", "intercepts", "curve")
            and getattr(fit, field.name) is not None
        },
        "curve": _curve(fit.curve),
        "log_loss": {part: figures.log_loss for part, figures in parts.items()},
        "baselines": {
            "uniform": trained.uniform_baseline,
            "prior": {part: figures.prior_baseline for part, figures in parts.items()},
        },
    }
    if trained.calibration is not None:
        found["calibration"] = dataclasses.asdict(trained.calibration)
    if trained.inference is not None:
        found["statistics"] = _statistics(
            trained.inference, model.classes, [*model.feature_names, "intercept"]
        )
    spelled: dict[str, Any] = _spelled(found)
    return spelled


def imported(**facts: Any) -> dict[str, Any]:
    """What is kept with a model that was fitted elsewhere."""
    return {"training": {"imported": True, **facts}}


def _curve(steps: tuple[Step, ...]) -> dict[str, list[float]]:
    """The steps by column, without those that hold nothing."""
    columns = {f.name: [getattr(step, f.name) for step in steps] for f in dataclasses.fields(Step)}
    return {name: column for name, column in columns.items() if column[0] is not None}


def _statistics(found: Inference, classes: tuple[Label, ...], columns: list[str]) -> dict[str, Any]:
    """Per class against the reference class and per feature, the intercept last."""
    names = ("deviance", "aic", "bic", "mcfadden_r2", "parameters")
    return {
        "reference_class": classes[found.reference],
        "confidence": CONFIDENCE,
        **{name: getattr(found, name) for name in names},
        "classes": [
            {
                "class": name,
                "coefficients": [
                    _line(found, row, column, columns[column])
                    for column in range(found.coefficients.shape[1])
                ],
            }
            for row, name in enumerate(classes)
            if row != found.reference
        ],
    }


def _line(found: Inference, row: int, column: int, name: str) -> dict[str, Any]:
    place = row, column
    return {
        "feature": name,
        "coefficient": found.coefficients[place],
        "standard_error": found.standard_errors[place],
        "z": found.z[place],
        "p_value": found.p_values[place],
        "confidence_interval": [found.lower[place], found.upper[place]],
    }


def _spelled(value: Any) -> Any:
    """The value with Python's own numbers, and names for those that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(name): _spelled(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(member) for member in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0.0 else "-Infinity"
    return value


def described(model: Model, **kept: Any) -> dict[str, Any]:
    """What a version is, as it is answered and listed; `kept` is known of its file."""
    return {
        "name": model.name,
        "version": model.version,
        **kept,
        "classes": model.classes,
        "features": model.feature_names,
        **model.metadata,
    }
