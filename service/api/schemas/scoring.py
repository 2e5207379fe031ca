"""Softmax, sigmoid, the losses and the explanation."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.types import (
    Answer,
    Label,
    Listed,
    Number,
    Numbers,
    Request,
    Row,
    Weights,
)

Logits = Annotated[Numbers, Field(description="Raw scores, shape (..., K); one row may be (K,)")]
Probabilities = Annotated[
    Numbers | None, Field(description="Rows of probabilities, shape (..., K)")
]
LogProbabilities = Annotated[Numbers | None, Field(description="Rows of natural log-probabilities")]
SampleWeights = Annotated[
    Numbers | None,
    Field(description="Weight of each sample, >= 0; one of weight 0 is left out unread"),
]
Temperature = Annotated[float, Field(gt=0, description="Divides the logits")]
Axis = Annotated[int, Field(description="The class axis; 1 is the layout of PyTorch")]
Log = Annotated[bool, Field(description="Whether to answer with logarithms")]
Classes = Annotated[
    Listed[Label] | None, Field(description="Class names in column order; labels are then names")
]
Smoothing = Annotated[
    float, Field(ge=0, le=1, description="Share of every label spread evenly over the classes")
]
Ignore = Annotated[
    Label | Listed[Label] | None,
    Field(
        description="The label, or labels, of samples to leave out unread; where classes are sent "
        "these may be names, of a class or of none"
    ),
]
Gradient = Annotated[bool, Field(description="Whether to answer with the gradient")]
Clip = Annotated[
    float, Field(gt=0, lt=1, description='Smallest probability under zero_probability "clip"')
]
Reduction = Annotated[
    Literal["mean", "sum", "none"], Field(description="How the losses of samples are put together")
]
Unit = Annotated[Literal["nat", "bit"], Field(description="Unit of loss and gradient")]
ZeroProbability = Annotated[
    Literal["infinite", "clip", "reject"],
    Field(description="Where what is true has probability 0: an infinite loss, a bound, or a 422"),
]
Normalize = Annotated[
    Literal["reject", "renormalize", "off"],
    Field(description="Rows whose sum is off 1: refused, divided by it, or taken as they are"),
]


class SoftmaxRequest(Request):
    """Logits to be turned into probabilities."""

    logits: Logits
    temperature: Temperature = 1.0
    axis: Axis = -1
    log: Log = False


class SigmoidRequest(Request):
    """Logits of independent binary predictions."""

    logits: Annotated[Numbers, Field(description="Raw scores, any shape")]
    log: Log = False


class ProbabilitiesAnswer(Answer):
    """Probabilities, or their logarithms, in the shape of the logits."""

    probabilities: Numbers | None = Field(None, description="Absent when log is true")
    log_probabilities: Numbers | None = Field(None, description="Present when log is true")


class RuleAnswer(Answer):
    """A habit of a library."""

    code: str
    text: str


class DialectAnswer(Answer):
    """What a library prints for the same data."""

    loss: Numbers
    rules: list[RuleAnswer] = Field(description="Those that made a difference for this data")


Compared = Annotated[
    dict[str, DialectAnswer] | None,
    Field(description="By library, what it prints for the same data"),
]


class LossAnswer(Answer):
    """A loss with what went into it."""

    loss: Numbers = Field(description="A number; under none an array of the samples' shape")
    reduction: Reduction
    unit: Unit | None = Field(None, description="Absent where the loss is a pure number")
    count: int = Field(description="Samples that entered")
    weight: Number = Field(description="Denominator of the mean: the sum of the weights")
    ignored: int = Field(description="Samples left out for their label or a weight of 0")
    infinite: int = Field(description="Samples whose true class was given the probability 0")
    overflowed: int = Field(description="Samples whose finite loss exceeds float64")
    clipped: int = Field(description="Samples whose loss was bounded by clip")
    uniform_baseline: Number = Field(description="This loss at the uniform prediction")
    max_sum_deviation: Number | None = Field(
        None, description="Largest distance from 1 of a row's sum; present where rows were given"
    )
    gradient: Numbers | None = Field(
        None, description="Of the reduced loss (under none: of the sum), in the input's shape"
    )
    compared: Compared = None


class InDialectAnswer(Answer):
    """A loss by the rules of a library."""

    loss: Numbers = Field(description="What the library prints")
    reduction: Reduction
    dialect: str = Field(description="The library")
    rules: list[RuleAnswer] = Field(description="By which its number differs from the exact one")
    exact: LossAnswer | None = Field(
        None, description="By Xent's rules; absent where they refuse what the library takes"
    )
    compared: Compared = None


class InformationRequest(Request):
    """One or two distributions over the same events."""

    p: Annotated[Weights, Field(description="Weights >= 0 of events: counts or probabilities")]
    q: Annotated[Weights | None, Field(description="The same events, in the same form")] = None
    unit: Unit = "nat"


class InformationAnswer(Answer):
    """What a distribution P holds, and what it costs to take it for Q."""

    unit: Unit
    entropy: Number = Field(description="H(P) = sum p (-log p)")
    perplexity: Number = Field(description="How many equally likely events are as undecided")
    information_content: Row | dict[str, Number] = Field(description="-log p of every event")
    p_total: Number = Field(description="The sum that divides the weights of P")
    q_total: Number | None = Field(None, description="The sum that divides those of Q")
    cross_entropy: Number | None = Field(None, description="H(P, Q) = sum p (-log q)")
    kl_divergence: Number | None = Field(None, description="sum p log(p / q), >= 0")
    js_divergence: Number | None = Field(None, description="Mean divergence from the mean")


class ExplainRequest(Request):
    """One row of logits and what is true of it."""

    logits: Annotated[Row, Field(description="One row of raw scores, shape (K,)")]
    label: Annotated[int | None, Field(description="The true class, from 0")] = None
    target: Annotated[Row | None, Field(description="(K,) probabilities instead of a label")] = None


class ExplainAnswer(Answer):
    """Every step from logits to gradient, in order."""

    logits: Row = Field(description="z")
    maximum: Number = Field(description="m = max(z)")
    shifted: Row = Field(description="z - m")
    exp: Row = Field(description="exp(z - m)")
    exp_sum: Number = Field(description="S = sum(exp(z - m))")
    softmax: Row = Field(description="p = exp(z - m) / S")
    log_softmax: Row = Field(description="log p = (z - m) - log S")
    target: Row = Field(description="t, one-hot for a label")
    loss: Number = Field(description="-sum(t * log p)")
    gradient: Row = Field(description="p - t, for the logits")
    predicted: int = Field(description="argmax(z)")
    uniform_baseline: Number = Field(description="log K: the loss of knowing nothing")
    formulas: dict[str, str] = Field(description="Each step as a formula")
