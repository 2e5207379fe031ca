"""Training and importing: what is sent, and what comes back."""

from typing import Annotated, Literal

from pydantic import Field

from service import classifier
from service.api.schemas.models import Inputs, ModelAnswer
from service.api.schemas.nested import within
from service.api.schemas.scoring import SampleWeights
from service.api.schemas.types import Label, Labels, Listed, Matrix, Request, Row


class OptionsRequest(Request):
    """What is minimised, how, and what is done with the result; docs/training.md."""

    l2: Annotated[float | None, Field(description="Penalty, 1 / C of scikit-learn; 1")] = None
    l1: Annotated[float | None, Field(description="Penalty; 0")] = None
    intercept: Annotated[bool | None, Field(description="Whether every class has one; true")] = None
    class_weights: Annotated[
        Literal["balanced"] | Listed[float] | dict[str, float] | None,
        Field(description="In class order, by name, or balanced; 1 each"),
    ] = None
    standardize: Annotated[
        bool | None, Field(description="Penalise features of mean 0 and variance 1; false")
    ] = None
    solver: Annotated[
        str | None, Field(description=f"One of {', '.join(classifier.SOLVERS)}; auto")
    ] = None
    tolerance: Annotated[
        float | None, Field(description="Of the gradient norm over the total weight; 1e-8")
    ] = None
    max_iterations: Annotated[int | None, Field(description="Accepted steps")] = None
    learning_rate: Annotated[float | None, Field(description="Of sgd's first epoch")] = None
    batch_size: Annotated[int | None, Field(description="Rows of a step of sgd; 32")] = None
    epochs: Annotated[int | None, Field(description="Passes of sgd; 50")] = None
    seed: Annotated[int | None, Field(description="Of sgd's order and of the parts; 1")] = None
    initial_version: Annotated[
        int | str | None, Field(description="Of the same model, where the fit starts")
    ] = None
    validation_fraction: Annotated[
        float | None, Field(description="Of every class, for early stopping and calibration; 0")
    ] = None
    test_fraction: Annotated[
        float | None, Field(description="Of every class, for the report alone; 0")
    ] = None
    calibrate: Annotated[
        Literal["temperature"] | None, Field(description="By the validation part; absent is not")
    ] = None
    abstention: Annotated[
        Literal["validation", "cross-fit"] | None,
        Field(description="Which rows give the scores for levels of abstention; absent is none"),
    ] = None
    statistics: Annotated[
        bool | None, Field(description="Standard errors and tests; needs l2 and l1 of 0; false")
    ] = None
    reference_class: Annotated[Label | None, Field(description="Of the statistics")] = None


class TrainRequest(Request):
    """Training data with options, or the parameters of a model to import."""

    inputs: Annotated[Inputs | None, Field(description="Feature rows, shape (N, D)")] = None
    labels: Annotated[
        Labels | None, Field(description="Class names, shape (N,): strings or integers")
    ] = None
    targets: Annotated[
        Matrix | None, Field(description="Probabilities or counts instead, shape (N, K)")
    ] = None
    sample_weights: SampleWeights = None
    feature_names: Annotated[
        Listed[str] | None, Field(description="D distinct names; x0, x1, ... where absent")
    ] = None
    classes: Annotated[
        Listed[int] | Listed[str] | None,
        Field(description="K names in column order; the sorted labels where absent"),
    ] = None
    options: Annotated[
        OptionsRequest | None, within(OptionsRequest), Field(description="Of the fit")
    ] = None
    coefficients: Annotated[
        Matrix | None, Field(description="To import: shape (K, D), or (1, D) with two classes")
    ] = None
    intercepts: Annotated[
        Row | None, Field(description="To import: shape (K,), or (1,) with two classes")
    ] = None
    dry_run: Annotated[
        bool | None, Field(description="Checks and trains, and registers nothing; false")
    ] = None


class TrainAnswer(ModelAnswer):
    """The version that was made, and how; `version` is absent after a dry run."""

    name: str = Field(description="Of the model")
    model: str = Field(description="The same")
    version: int | None = Field(None, ge=1)  # type: ignore[assignment]
    dry_run: bool | None = None
