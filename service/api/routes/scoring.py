"""Softmax, sigmoid, information, the explanation, and the evaluation of anybody's predictions."""

from typing import Any

from fastapi import APIRouter

from service import evaluation, losses
from service.api.operation import add_operation
from service.api.schemas.evaluation import (
    CompareAnswer,
    CompareRequest,
    EvaluateRequest,
    ReportAnswer,
)
from service.api.schemas.scoring import (
    ExplainAnswer,
    ExplainRequest,
    InformationAnswer,
    InformationRequest,
    ProbabilitiesAnswer,
    SigmoidRequest,
    SoftmaxRequest,
)


def softmax(body: SoftmaxRequest) -> dict[str, Any]:
    """Probabilities of classes from logits.

    `p_c = exp(z_c / T) / sum_j exp(z_j / T)`, every entry to a few units in the last place, over
    the whole range of float64. A logit of "-Infinity" is an impossible class; exactly one
    "Infinity" in a row is a certain one.
    """
    return {_named(body.log): losses.softmax(**body.arguments())}


def sigmoid(body: SigmoidRequest) -> dict[str, Any]:
    """Probabilities of independent binary predictions from logits.

    `p = 1 / (1 + exp(-z))` for every element.
    """
    return {_named(body.log): losses.sigmoid(**body.arguments())}


def information(body: InformationRequest) -> losses.Information:
    """Entropy of a distribution; with a second one, cross-entropy and divergences.

    Weights are counts or probabilities, in arrays or by event; they are divided by their exact
    sums. Of named events the union is taken, and a missing one has weight 0.
    """
    return losses.information(**body.arguments())


def explain(body: ExplainRequest) -> losses.Explanation:
    """Every step from logits to the gradient of their cross-entropy, for one row.

    logits, shifted, exp, softmax, log_softmax, loss and gradient, as on a blackboard, with the
    formula of each.
    """
    return losses.explain(**body.arguments())


def evaluate(body: EvaluateRequest) -> evaluation.Report:
    """The evaluation report of anybody's predictions; nothing is kept.

    Log loss first, then its baselines, accuracy, Brier score, per-class figures, confusion matrix,
    calibration and the worst rows. A class absent from the data is normal.
    """
    return evaluation.evaluate(**body.arguments())


def compare(body: CompareRequest) -> evaluation.Comparison:
    """Whether a candidate has a lower log loss than a baseline on the same rows: a release gate.

    The difference of each row's losses is taken, so that what makes a row hard for both cancels.
    `better` says that all of the interval lies below -margin. Rows of the same cluster are not
    taken for independent.
    """
    return evaluation.compare(**body.arguments())


def _named(log: bool) -> str:
    return "log_probabilities" if log else "probabilities"


def add_scoring(router: APIRouter) -> None:
    """Adds the stateless calls."""
    for path, endpoint, answer, tag in (
        ("/v1/softmax", softmax, ProbabilitiesAnswer, "scoring"),
        ("/v1/sigmoid", sigmoid, ProbabilitiesAnswer, "scoring"),
        ("/v1/information", information, InformationAnswer, "scoring"),
        ("/v1/explain", explain, ExplainAnswer, "scoring"),
        ("/v1/evaluate", evaluate, ReportAnswer, "evaluation"),
        ("/v1/compare", compare, CompareAnswer, "evaluation"),
    ):
        add_operation(router, path, endpoint, answer, tag, access="score")
