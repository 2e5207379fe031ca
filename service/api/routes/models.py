"""Models: listing, prediction, evaluation."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from service import classifier, evaluation
from service.api.operation import add_operation
from service.api.schemas.evaluation import ReportAnswer
from service.api.schemas.models import (
    ModelAnswer,
    ModelEvaluateRequest,
    ModelsAnswer,
    PredictAnswer,
    PredictRequest,
)
from service.errors import Code, NotFound


def add_models(router: APIRouter, models: Mapping[str, classifier.Model]) -> None:
    """Adds the calls on models.

    Args:
        router: takes the routes.
        models: by name.
    """

    def find(name: str) -> classifier.Model:
        if name not in models:
            known = ", ".join(models)
            raise NotFound(Code.UNKNOWN_MODEL, f"there is no model of that name; there is {known}")
        return models[name]

    def list_models() -> dict[str, Any]:
        """The models, with their training facts and held-out metrics."""
        return {"models": [_described(model) for model in models.values()]}

    def show_model(name: str) -> dict[str, Any]:
        """A model: classes, features, data, split, training facts and metrics."""
        return _described(find(name))

    def predict(name: str, body: PredictRequest) -> classifier.Prediction:
        """Class probabilities of feature rows, and the most probable class by name.

        With `abstain` the model may say that it is none of the classes, or answer with a set of
        them; the row keeps its most probable label. The bits of a row's answer do not depend on the
        rows sent along with it.
        """
        asked = body.abstain
        abstain = None if asked is None else classifier.Abstain(**asked.arguments())
        return find(name).predict(body.inputs, body.top, abstain)

    def evaluate_model(name: str, body: ModelEvaluateRequest) -> evaluation.Report:
        """The evaluation report of a model on labelled rows, log loss first."""
        return classifier.evaluate(find(name), **body.arguments())

    add_operation(router, "/v1/models", list_models, ModelsAnswer, "models")
    add_operation(router, "/v1/models/{name}", show_model, ModelAnswer, "models", 404)
    add_operation(router, "/v1/models/{name}/predict", predict, PredictAnswer, "models", 404)
    add_operation(router, "/v1/models/{name}/evaluate", evaluate_model, ReportAnswer, "models", 404)


def _described(model: classifier.Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "classes": model.classes,
        "features": model.feature_names,
        **model.metadata,
    }
