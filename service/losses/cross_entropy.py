"""Categorical cross-entropy: the negative log likelihood of labels, or of soft targets."""

from functools import partial
from typing import Unpack

from service.errors import Code, InvalidInput
from service.losses.categorical import Categorical
from service.losses.members import ClassMembers, check_members
from service.losses.options import within
from service.losses.pipeline import class_loss
from service.losses.result import LossResult
from service.losses.z_loss import WithZLoss


def cross_entropy(*, z_loss: float = 0.0, **members: Unpack[ClassMembers]) -> LossResult:
    """Cross-entropy of predictions over K classes with what is true.

        t'_i    = (1 - label_smoothing) t_i + label_smoothing / K
        loss_i  = s_i (sum_c w_c t'_ic (-log p_ic) + z_loss (log sum_c exp(z_ic))^2)
        mean    = sum_i loss_i / sum_i s_i (sum_c w_c t_ic) / (sum_c t_ic)

    where t_i is the one-hot row of the label, or the target row; p = softmax(z), z the logits
    divided by the temperature. The gradient is that of the reduced loss (of the sum under
    `"none"`).

    Args:
        z_loss: weight >= 0 of the term that keeps the logits from drifting; needs logits and nats.
        **members: see `ClassMembers`.

    Returns:
        The loss with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.

    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, 6.2.2; the mean over hard labels is
    that of torch.nn.functional.cross_entropy. The z-loss is that of Chowdhery et al., "PaLM", 2022.
    """
    check_members("cross-entropy", members)
    within("z_loss", z_loss, 0, float("inf"), high_open=True)
    if z_loss and members.get("logits") is None:
        text = "z_loss is a term of the logits, which probabilities have lost"
        raise InvalidInput.at("/z_loss", Code.CONFLICTING_MEMBERS, text)
    if z_loss and members.get("unit", "nat") != "nat":
        text = "z_loss is a square of nats, which is no amount of bits"
        raise InvalidInput.at("/z_loss", Code.CONFLICTING_MEMBERS, text)
    kind = partial(WithZLoss, z_loss=z_loss) if z_loss else Categorical
    return class_loss(kind, **members)


def negative_log_likelihood(**members: Unpack[ClassMembers]) -> LossResult:
    """Negative log likelihood of hard labels: cross-entropy without smoothing or soft targets.

        loss_i = s_i w_y (-log p_iy)

    Args:
        **members: see `ClassMembers`; `targets` and `label_smoothing` do not exist here.

    Returns:
        The loss with its counts, baseline and gradient.

    Raises:
        InvalidInput: naming the first bad cell of each offending member.
    """
    check_members("negative-log-likelihood", members)
    return class_loss(Categorical, **members)
