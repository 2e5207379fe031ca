"""Models: what they are, and what they predict."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.schemas.evaluation import Include, RowIds
from service.api.schemas.nested import within
from service.api.schemas.scoring import SampleWeights
from service.api.schemas.types import Answer, Label, Labels, Matrix, Next, Number, Request, Row

Inputs = Annotated[
    Matrix, Field(description="Feature rows, shape (N, D), in the order of the model's features")
]


class FitAnswer(Answer):
    """How well the optimum was reached."""

    objective: Number
    iterations: int
    gradient_norm: Number = Field(description="Largest entry, divided by the total weight")
    newton_decrement: Number = Field(description="About how far the objective is above its minimum")
    converged: bool = Field(description="Whether the tolerance was met")
    solver: str
    seconds: float
    log_likelihood: Number
    null_log_likelihood: Number
    separable: bool | None = Field(
        None, description="Without a penalty: whether no optimum exists; absent where not known"
    )
    unique: bool | None = Field(
        None,
        description="Without a penalty: whether no feature is constant or repeats others, so that "
        "no other parameters do as well; absent where not known",
    )


class CurveAnswer(Answer):
    """The steps of a fit, by column; at most 65 of them, evenly spaced but for the last."""

    iteration: list[int] = Field(description="Accepted steps, of sgd epochs; 0 is the start")
    objective: Row
    gradient_norm: Row
    log_loss: Row = Field(description="Of the training rows, by sample and class weights")
    validation_log_loss: Row | None = Field(None, description="Where there is a validation part")


class ModelAnswer(Answer):
    """A version of a model."""

    name: str = Field(description="Matches [a-z0-9][a-z0-9._-]{0,62}")
    version: int = Field(ge=1)
    digest: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of its artifact, which has it as ETag; absent after a dry run",
    )
    created: datetime | None = Field(
        None, description="When it was registered; absent of a model that ships"
    )
    classes: list[Label] = Field(description="Class names in column order")
    features: list[str] = Field(description="Feature names in column order")
    data: dict[str, Any] | None = Field(
        None, description="Of the training data: size; of a model that ships also origin, licence"
    )
    split: dict[str, Any] | None = Field(None, description="How rows were held out, how many")
    training: dict[str, Any] | None = Field(
        None, description="The objective and the options of the fit; or that it was imported"
    )
    metrics: dict[str, Any] | None = Field(
        None, description="Log loss and more on training and held-out rows"
    )
    fit: FitAnswer | None = None
    curve: CurveAnswer | None = None
    log_loss: dict[str, Number] | None = Field(
        None, description="Of train, validation and test, mean in nats"
    )
    baselines: dict[str, Any] | None = Field(
        None, description="Log losses of knowing nothing, and of the training part's frequencies"
    )
    calibration: dict[str, Any] | None = Field(
        None, description="The temperature, and the validation log loss before and after"
    )
    statistics: dict[str, Any] | None = Field(
        None, description="Per class against reference_class and per feature; docs/training.md"
    )


class ModelsAnswer(Answer):
    """A page of models."""

    models: list[ModelAnswer]
    next: Next = None


Level = Annotated[float | None, Field(gt=0, lt=1)]


class AbstainRequest(Request):
    """When a model is to abstain: a method, with a threshold or with a level that gives one."""

    method: Annotated[
        Literal["probability", "margin", "entropy", "distance", "lac", "aps"],
        Field(description="By what: docs/abstention.md has the formula of each"),
    ]
    threshold: Annotated[
        float | None, Field(description="In the unit of the method; works with any model")
    ] = None
    coverage: Annotated[
        Level,
        Field(description="Of sets: how often they hold the true class; else: the share answered"),
    ] = None
    error: Annotated[
        Level, Field(description="The largest share of wrong answers among the answered rows")
    ] = None
    confidence: Annotated[
        float, Field(gt=0, lt=1, description="Of error, and of the bound in the answer")
    ] = 0.95


class ParametersAnswer(Answer):
    """What a version computes with."""

    coefficients: Matrix = Field(description="Shape (K, D), or (1, D) with two classes")
    intercepts: Row = Field(description="Shape (K,), or (1,) with two classes")
    classes: list[Label] = Field(description="Class names in column order")
    feature_names: list[str]


class ExportAnswer(ParametersAnswer):
    """What a version computes with, and whose it is."""

    name: str
    version: int


class VersionsAnswer(Answer):
    """A page of versions."""

    versions: list[ModelAnswer]
    next: Next = None


class PredictRequest(Request):
    """Feature rows to be classified."""

    inputs: Inputs
    top: Annotated[
        int | None, Field(ge=1, description="Also list this many most probable classes a row")
    ] = None
    abstain: Annotated[
        AbstainRequest | None,
        within(AbstainRequest),
        Field(description="When to answer that it is none of the classes"),
    ] = None


class AbstentionAnswer(Answer):
    """The threshold that was used, and how the model's held-out rows fare under it."""

    method: str
    threshold: Number = Field(description="Infinite where it lets all pass, or none")
    attained: bool | None = Field(
        None, description="For a level: whether the held-out rows give a threshold for it"
    )
    rows: int | None = Field(None, description="Held-out rows behind the figures")
    coverage: float | None = Field(
        None, description="Share of them that is answered; of sets, that hold the true class"
    )
    error: Number | None = Field(None, description="Share of wrong ones among the answered rows")
    error_bound: float | None = Field(None, description="Upper bound of it by Clopper and Pearson")
    confidence: float | None = Field(None, description="Of the bound")


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
    abstained: list[bool] | None = Field(
        None, description="Where the model abstains, where abstain was sent"
    )
    prediction_sets: list[list[Label]] | None = Field(
        None, description="Of lac and aps: the classes in each set, most probable first; maybe none"
    )
    abstention: AbstentionAnswer | None = Field(None, description="The threshold behind them")


class ModelEvaluateRequest(Request):
    """Labelled feature rows."""

    inputs: Inputs
    labels: Annotated[Labels, Field(description="Class names of the model, shape (N,)")]
    sample_weights: SampleWeights = None
    row_ids: RowIds = None
    include: Include = None
