"""The losses of the catalogue: a request model for each, made of the members that it takes."""

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field, create_model

from service.api.schemas.scoring import (
    Axis,
    Classes,
    Clip,
    Gradient,
    Ignore,
    LogProbabilities,
    Normalize,
    Probabilities,
    Reduction,
    SampleWeights,
    Smoothing,
    Temperature,
    Unit,
    ZeroProbability,
)
from service.api.schemas.types import Answer, Labels, Listed, Numbers, Request, Weights
from service.losses import Loss, dialects_of

Member = tuple[Any, Any]

# Name, type with its description, default. The defaults are those of the functions: a test.
MEMBERS: dict[str, Member] = {
    "logits": (
        Annotated[
            Numbers | None, Field(description="Raw scores, shape (..., K); one row may be (K,)")
        ],
        None,
    ),
    "probabilities": (Probabilities | None, None),
    "log_probabilities": (LogProbabilities | None, None),
    "labels": (
        Annotated[Labels | None, Field(description="Class indices 0..K-1, or names, shape (...)")],
        None,
    ),
    "targets": (
        Annotated[Numbers | None, Field(description="Rows of probabilities instead of labels")],
        None,
    ),
    "classes": (Classes, None),
    "class_weights": (
        Annotated[
            Weights | None,
            Field(description="(K,) in class order, or by class name (1 where not named), >= 0"),
        ],
        None,
    ),
    "sample_weights": (SampleWeights, None),
    "ignore_index": (Ignore, None),
    "label_smoothing": (Smoothing, 0.0),
    "reduction": (Reduction, "mean"),
    "gradient": (Gradient, False),
    "unit": (Unit, "nat"),
    "axis": (Axis, -1),
    "temperature": (Temperature, 1.0),
    "zero_probability": (ZeroProbability, "infinite"),
    "clip": (Clip, 2.0**-52),
    "normalize": (Normalize, "reject"),
    "z_loss": (
        Annotated[float, Field(ge=0, description="Weight of the squared log of the sum of exp")],
        0.0,
    ),
    "gamma": (Annotated[float, Field(ge=0, le=1e6, description="Focus on what is hard")], 2.0),
    "epsilon": (
        Annotated[float, Field(ge=-1, le=1e6, description="Added to the first coefficient")],
        1.0,
    ),
    "q": (Annotated[float, Field(gt=0, le=1, description="0 is cross-entropy, 1 is 1 - p")], 0.7),
}

# What differs where every element is a sample of its own.
BINARY_MEMBERS: dict[str, Member] = {
    "logits": (Annotated[Numbers | None, Field(description="Raw scores, any shape")], None),
    "probabilities": (
        Annotated[Numbers | None, Field(description="Probabilities of the positive class")],
        None,
    ),
    "log_probabilities": (
        Annotated[Numbers | None, Field(description="Logarithms of those probabilities")],
        None,
    ),
    "labels": (
        Annotated[Labels | None, Field(description="0/1 or booleans, the same shape")],
        None,
    ),
    "targets": (
        Annotated[Numbers | None, Field(description="Numbers in [0, 1] instead of labels")],
        None,
    ),
    "ignore_index": (
        Annotated[
            int | Listed[int] | None,
            Field(description="The label, or labels, of samples to leave out unread"),
        ],
        None,
    ),
    "positive_weight": (
        Annotated[float, Field(ge=0, description="Factor of the positive part of the loss")],
        1.0,
    ),
}


# Not of the loss itself: whose number is wanted, and whose beside it.
COMPARING = ("dialect", "compare")


def _comparing(names: tuple[str, ...]) -> dict[str, Member]:
    """The members that ask for the numbers of other libraries, of those that have the loss."""
    shown: dict[str, Any] = {"enum": ["exact", *names]}
    items: dict[str, Any] = {"items": {"type": "string", "enum": list(names)}}
    if not names:
        items = {"maxItems": 0}
    text = "Whose number is wanted; a library's comes with its rules"
    beside = "Libraries whose numbers are put beside"
    return {
        "dialect": (Annotated[str, Field(description=text, json_schema_extra=shown)], "exact"),
        "compare": (
            Annotated[Listed[str], Field(description=beside, json_schema_extra=items)],
            (),
        ),
    }


def request_model(loss: Loss) -> type[Request]:
    """The request model of a loss, named after it."""
    known = MEMBERS | (BINARY_MEMBERS if "positive_weight" in loss.members else {})
    title = "".join(word.capitalize() for word in loss.name.split("-")) + "Request"
    members: dict[str, Any] = {name: known[name] for name in known if name in loss.members}
    members |= _comparing(dialects_of(loss))
    return create_model(
        title,
        __base__=Request,
        __doc__=f"Predictions and what is true of them: {loss.formula}.",
        **members,
    )


BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def constraints_of(model: type[Request]) -> dict[str, dict[str, Any]]:
    """By member that has any, its bounds or its words, as JSON Schema writes them."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in model.model_fields.items():
        words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        bounds = {
            BOUNDS[kind]: getattr(bound, kind)
            for bound in field.metadata
            for kind in BOUNDS
            if hasattr(bound, kind)
        }
        if words or bounds:
            found[name] = bounds | ({"enum": list(words)} if words else {})
    return found


class LossEntry(Answer):
    """A loss of the catalogue."""

    name: str = Field(description="The last part of the path of its call")
    summary: str
    formula: str = Field(description="Of one sample, before its weight")
    range: str = Field(description="Of the loss of one sample")
    units: list[str] = Field(description="Empty for a pure number")
    inputs: list[str] = Field(description="What predictions may be sent as, one of them")
    truth: list[str] = Field(description="What is true of them, one of these; empty for none")
    parameters: dict[str, Any] = Field(description="All other members, with their defaults")
    constraints: dict[str, dict[str, Any]] = Field(
        description="By parameter that has any, the bounds or words of its value, as JSON Schema "
        "writes them: minimum, maximum, exclusiveMinimum, exclusiveMaximum, enum"
    )
    dialects: list[str] = Field(description="Libraries whose numbers can be asked for")
    equivalents: dict[str, str] = Field(description="By library, the calls that mean the same")
    note: str | None = Field(None, description="On what it leaves out, where that may surprise")
    example: dict[str, Any] = Field(description="A request to try")


class LossesAnswer(Answer):
    """The catalogue."""

    losses: list[LossEntry]
