"""Models: what they are, and what they predict."""

from typing import Annotated, Any

from pydantic import Field

from service.api.schemas.scoring import SampleWeights
from service.api.schemas.types import Answer, Label, Labels, Listed, Matrix, Request

Inputs = Annotated[
    Matrix, Field(description="Feature rows, shape (N, D), in the order of the model's features")
]


class ModelAnswer(Answer):
    """A version of a model."""

    name: str = Field(description="Matches [a-z0-9][a-z0-9._-]{0,62}")
    version: int = Field(ge=1)
    classes: list[Label] = Field(description="Class names in column order")
    features: list[str] = Field(description="Feature names in column order")
    data: dict[str, Any] = Field(description="Origin, licence and size of the training data")
    split: dict[str, Any] = Field(description="How rows were held out, and how many")
    training: dict[str, Any] = Field(description="Objective, penalty and where the fit ended")
    metrics: dict[str, Any] = Field(description="Log loss and more on training and held-out rows")


class ModelsAnswer(Answer):
    """A page of models."""

    models: list[ModelAnswer]
    next: str | None = Field(None, description="Where the next page is; absent on the last one")


class PredictRequest(Request):
    """Feature rows to be classified."""

    inputs: Inputs
    top: Annotated[
        int | None, Field(ge=1, description="Also list this many most probable classes a row")
    ] = None


class PredictAnswer(Answer):
    """Class probabilities with their names."""

    model: str
    version: int
    classes: list[Label] = Field(description="Class names in column order")
    labels: list[Label] = Field(description="The most probable class of every row")
    probabilities: Matrix = Field(description="Shape (N, K)")
    top_labels: list[list[Label]] | None = Field(
        None, description="The most probable classes of every row, where top was sent"
    )
    top_probabilities: Matrix | None = Field(None, description="Their probabilities")


class ModelEvaluateRequest(Request):
    """Labelled feature rows."""

    inputs: Inputs
    labels: Annotated[Labels, Field(description="Class names of the model, shape (N,)")]
    sample_weights: SampleWeights = None
    row_ids: Annotated[
        Listed[int] | Listed[str] | None, Field(description="Names of the rows in worst")
    ] = None
