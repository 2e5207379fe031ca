"""Softmax, sigmoid, the losses, the explanation, and the evaluation of anybody's predictions."""

from typing import Any

from fastapi import APIRouter

from service import evaluation, losses
from service.api.operation import add_operation
from service.api.schemas.evaluation import EvaluateRequest, ReportAnswer
from service.api.schemas.scoring import (
    BinaryCrossEntropyRequest,
    CrossEntropyRequest,
    ExplainAnswer,
    ExplainRequest,
    LossAnswer,
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


def cross_entropy(body: CrossEntropyRequest) -> losses.LossResult:
    """Cross-entropy (negative log likelihood, log loss) and its gradient.

    Send logits, probabilities or log_probabilities, and labels or targets. With s the sample
    weights, w the class weights and t' the smoothed one-hot or target row:
    `mean = sum_i s_i sum_c w_c t'_ic (-log p_ic) / sum_i s_i (sum_c w_c t_ic) / (sum_c t_ic)`.
    Over hard labels that is PyTorch's mean. The gradient is that of the reduced loss, for what was
    sent: for logits `softmax - onehot`, scaled.
    """
    return losses.cross_entropy(**body.arguments())


def binary_cross_entropy(body: BinaryCrossEntropyRequest) -> losses.LossResult:
    """Binary cross-entropy and its gradient, any shape.

    `loss = positive_weight y (-log p) + (1 - y) (-log(1 - p))`, p the sigmoid of the logits. Its
    derivative by the logit is `p - y` (with positive_weight 1), by p it is not.
    """
    return losses.binary_cross_entropy(**body.arguments())


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


def _named(log: bool) -> str:
    return "log_probabilities" if log else "probabilities"


def add_scoring(router: APIRouter) -> None:
    """Adds the stateless calls."""
    add_operation(router, "/v1/softmax", softmax, ProbabilitiesAnswer, "scoring")
    add_operation(router, "/v1/sigmoid", sigmoid, ProbabilitiesAnswer, "scoring")
    add_operation(router, "/v1/losses/cross-entropy", cross_entropy, LossAnswer, "scoring")
    add_operation(
        router, "/v1/losses/binary-cross-entropy", binary_cross_entropy, LossAnswer, "scoring"
    )
    add_operation(router, "/v1/explain", explain, ExplainAnswer, "scoring")
    add_operation(router, "/v1/evaluate", evaluate, ReportAnswer, "evaluation")
