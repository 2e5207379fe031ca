"""Models: listing, prediction, evaluation."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from orjson import Fragment

from service import classifier, evaluation
from service.api.beside import Find
from service.api.cursor import cursor_of, number_of, position_of
from service.api.operation import add_operation
from service.api.schemas.evaluation import ReportAnswer
from service.api.schemas.models import (
    ModelAnswer,
    ModelEvaluateRequest,
    ModelsAnswer,
    ParametersAnswer,
    PredictAnswer,
    PredictRequest,
    VersionsAnswer,
)
from service.classifier.model import NAME
from service.registry import Registry

Limit = Annotated[int, Query(ge=1, le=1000, description="Entries of a page")]
After = Annotated[
    str | None, Query(description="Where the page begins, as next of the one before has it")
]
MODEL = "/v1/models/{name}"
VERSION = MODEL + "/versions/{version}"


def add_models(router: APIRouter, registry: Registry, find: Find) -> None:
    """Adds the calls on models.

    Args:
        router: takes the routes.
        registry: lists them.
        find: gives one by name and version.
    """

    def list_models(after: After = None, limit: Limit = 100) -> dict[str, Any]:
        """The models in order of their names, each in its default version.

        With their training facts and held-out metrics.
        """
        begin = None if after is None else position_of("/v1/models", after, NAME)
        page = registry.lists.models(begin, limit)
        listed = {"models": [Fragment(card) for card in page.cards]}
        return listed | next_of("/v1/models", limit, page.next)

    def show_model(name: str) -> dict[str, Any]:
        """The default version of a model: classes, features, training facts and metrics."""
        return registry.version(name).card

    def list_versions(name: str, after: After = None, limit: Limit = 100) -> dict[str, Any]:
        """The versions of a model, from the first on."""
        path = f"/v1/models/{name}/versions"
        begin = None if after is None else number_of(path, after)
        page = registry.lists.versions(name, begin, limit)
        listed = {"versions": [Fragment(card) for card in page.cards]}
        return listed | next_of(path, limit, page.next)

    def show_version(name: str, version: str) -> dict[str, Any]:
        """A version of a model, by number or alias.

        `default` is the newest version.
        """
        return registry.version(name, version).card

    def show_parameters(name: str, version: str) -> dict[str, Any]:
        """The coefficients and intercepts of a version."""
        model = find(name, version)
        return {
            "coefficients": model.coefficients,
            "intercepts": model.intercepts,
            "classes": model.classes,
            "feature_names": model.feature_names,
        }

    for path, endpoint, answer, *errors in (
        ("/v1/models", list_models, ModelsAnswer, 422, 503),
        (MODEL, show_model, ModelAnswer, 404, 503),
        (MODEL + "/versions", list_versions, VersionsAnswer, 404, 422, 503),
        (VERSION, show_version, ModelAnswer, 404, 503),
    ):
        add_operation(router, path, endpoint, answer, "models", *errors, access="score")
    path, shown = VERSION + "/parameters", ParametersAnswer
    add_operation(router, path, show_parameters, shown, "models", 404, 503, access="read")
    _add_scoring(router, find)


def _add_scoring(router: APIRouter, find: Find) -> None:
    """Adds what models do with rows."""

    def predict(name: str, body: PredictRequest) -> classifier.Prediction:
        """Class probabilities of feature rows, and the most probable class by name.

        With `abstain` the model may say that it is none of the classes, or answer with a set of
        them; the row keeps its most probable label. The bits of a row's answer do not depend on the
        rows sent along with it.
        """
        return find(name).predict(body.inputs, body.top, abstain_of(body))

    def predict_version(name: str, version: str, body: PredictRequest) -> classifier.Prediction:
        """Class probabilities of feature rows by one version of a model."""
        return find(name, version).predict(body.inputs, body.top, abstain_of(body))

    def evaluate_model(name: str, body: ModelEvaluateRequest) -> evaluation.Report:
        """The evaluation report of a model on labelled rows, log loss first."""
        return classifier.evaluate(find(name), **body.arguments())

    def evaluate_version(name: str, version: str, body: ModelEvaluateRequest) -> evaluation.Report:
        """The evaluation report of one version of a model on labelled rows."""
        return classifier.evaluate(find(name, version), **body.arguments())

    for path, endpoint, answer in (
        (MODEL + "/predict", predict, PredictAnswer),
        (MODEL + "/evaluate", evaluate_model, ReportAnswer),
        (VERSION + "/predict", predict_version, PredictAnswer),
        (VERSION + "/evaluate", evaluate_version, ReportAnswer),
    ):
        add_operation(router, path, endpoint, answer, "models", 404, access="score")


def abstain_of(body: PredictRequest) -> classifier.Abstain | None:
    """When a prediction is asked to abstain, if it is."""
    asked = body.abstain
    return None if asked is None else classifier.Abstain(**asked.arguments())


def next_of(path: str, limit: int, after: str | None) -> dict[str, str]:
    """The member that leads from a page of a list to the following one; none on the last."""
    if after is None:
        return {}
    return {"next": f"{path}?limit={limit}&after={cursor_of(path, after)}"}
