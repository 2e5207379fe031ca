"""The evaluation report and what it is made from."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from service.api.schemas.report import (
    AverageAnswer,
    CalibrationAnswer,
    ClassAnswer,
    DecompositionAnswer,
    Interval,
    RankingAnswer,
    SliceAnswer,
    TopKAnswer,
    WorstAnswer,
)
from service.api.schemas.requested import (
    BootstrapAnswer,
    CurvesAnswer,
    IsotonicAnswer,
    TemperatureAnswer,
)
from service.api.schemas.scoring import Classes, Clip, Normalize, SampleWeights, ZeroProbability
from service.api.schemas.types import Answer, Labels, Listed, Matrix, Number, Request
from service.errors import Code, Fault, InvalidInput, cell
from service.evaluation.slices import MAX_COLUMNS


def _columns(value: object) -> object:
    """Names the columns that are no lists, each at its own place."""
    if isinstance(value, dict):
        wrong = [name for name, column in value.items() if not isinstance(column, list)]
        if wrong:
            cells = (cell("slices", name) for name in wrong[:MAX_COLUMNS])
            raise InvalidInput(
                Fault(pointer, Code.INVALID_OPTION, f"{shown} is no list of values")
                for pointer, shown in cells
            )
    return value


Slices = Annotated[
    dict[str, list[Any]] | None,
    BeforeValidator(_columns),
    Field(
        description="Columns of strings, integers or booleans, N values each, to report on apart; "
        "at most 20 columns of 1,000 different values"
    ),
]

RowLogits = Annotated[Matrix | None, Field(description="Raw scores, shape (N, K)")]
RowProbabilities = Annotated[
    Matrix | None, Field(description="Rows of probabilities, shape (N, K)")
]
RowLabels = Annotated[Labels, Field(description="Class indices, or names, shape (N,)")]
RowIds = Annotated[
    Listed[int] | Listed[str] | None, Field(description="Names of the rows in worst")
]
Bins = Annotated[int, Field(ge=1, le=1000, description="Calibration bins")]
Worst = Annotated[int, Field(ge=0, le=1000, description="Rows to list in worst")]
TopK = Annotated[int, Field(ge=1, le=100, description="Largest k of top_k")]
Margin = Annotated[
    float, Field(description="How much better it has to be, in nat; below 0: may be worse")
]

Clusters = Annotated[
    list[Any] | None,
    Field(description="Strings, integers or booleans, (N,); rows of one hang together"),
]
Include = Annotated[
    list[Literal["curves", "equal_mass", "isotonic", "temperature", "bootstrap", "ranking"]] | None,
    Field(description="What to add; all but curves to 1,000,000 rows"),
]


class EvaluateRequest(Request):
    """Anybody's predictions over K classes, and what is true."""

    logits: RowLogits = None
    probabilities: RowProbabilities = None
    labels: RowLabels
    classes: Classes = None
    sample_weights: SampleWeights = None
    row_ids: RowIds = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    slices: Slices = None
    bins: Bins = 15
    worst: Worst = 10
    top_k: TopK = 5
    include: Include = None
    clusters: Annotated[
        Clusters, Field(description="Of the bootstrap: rows of one are drawn together")
    ] = None
    replicates: Annotated[int, Field(ge=100, le=100_000, description="Of the bootstrap")] = 1000
    seed: Annotated[int, Field(ge=0, description="Of the bootstrap")] = 0


class ReportAnswer(Answer):
    """The evaluation report, its log loss first.

    docs/evaluation.md#the-evaluation-report-figure-by-figure
    """

    log_loss: Number = Field(description="Mean of -log p(true class), in nat")
    standard_error: Number = Field(description="Of the log loss; NaN of fewer than two rows")
    interval: Interval = Field(
        description="Of 95 %, for the log loss, by Student's t adjusted for skew"
    )
    count: int = Field(description="Rows that entered")
    weight: Number = Field(description="Their weight")
    uniform_baseline: Number = Field(description="ln K: the log loss of knowing nothing")
    prior_baseline: Number = Field(description="The log loss of predicting the label frequencies")
    skill: Number = Field(description="1 - log_loss / prior_baseline")
    accuracy: Number = Field(description="Share of rows whose most probable class is the true one")
    top_k: list[TopKAnswer] = Field(description="For k = 1, 2, ...")
    macro: AverageAnswer = Field(description="Plain averages over the classes")
    weighted: AverageAnswer = Field(description="Averages by support")
    ranking: RankingAnswer | None = Field(None, description="To 256 classes")
    brier: Number = Field(description="Mean of sum_c (p_c - onehot_c)^2, in [0, 2]")
    brier_decomposition: DecompositionAnswer | None = Field(
        None, description="While K^2 bins are at most 262,144"
    )
    log_loss_decomposition: DecompositionAnswer | None = Field(
        None, description="While K^2 bins are at most 262,144"
    )
    per_class: list[ClassAnswer] = Field(description="In class order")
    slices: dict[str, list[SliceAnswer]] | None = Field(
        None, description="By column that was sent, its values in order"
    )
    confusion_matrix: list[list[Number]] | None = Field(
        None, description="Weight by true (rows) and predicted (columns) class; to 1,000 classes"
    )
    calibration: CalibrationAnswer = Field(description="In bins of equal width")
    worst: list[WorstAnswer] = Field(description="The largest losses first")
    infinite: int = Field(description="Rows whose true class has probability 0")
    overflowed: int = Field(description="Rows whose finite loss exceeds float64")
    clipped: int = Field(description="Rows whose loss was bounded")
    ignored: int = Field(description="Rows of weight 0")
    renormalized: int = Field(description="Rows whose sum was off 1, and divided out")
    max_sum_deviation: Number | None = Field(None, description="For rows of probabilities")
    equal_mass: CalibrationAnswer | None = Field(None, description="In bins of equal mass")
    isotonic: IsotonicAnswer | None = Field(None, description="Calibration without bins")
    temperature: TemperatureAnswer | None = Field(None, description="The best one")
    bootstrap: BootstrapAnswer | None = Field(None, description="Uncertainty by resampling")
    curves: CurvesAnswer | None = Field(None, description="What the pictures go through")


class CompareRequest(Request):
    """Two models' predictions for the same rows, and what is true."""

    baseline_logits: Annotated[
        Matrix | None, Field(description="Raw scores of the model that is there, shape (N, K)")
    ] = None
    baseline_probabilities: Annotated[
        Matrix | None, Field(description="Its probabilities instead, shape (N, K)")
    ] = None
    candidate_logits: Annotated[
        Matrix | None, Field(description="Raw scores of the one that may replace it, (N, K)")
    ] = None
    candidate_probabilities: Annotated[
        Matrix | None, Field(description="Its probabilities instead, shape (N, K)")
    ] = None
    labels: RowLabels
    classes: Classes = None
    sample_weights: SampleWeights = None
    slices: Slices = None
    clusters: Clusters = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    margin: Margin = 0.0
    replicates: Annotated[
        int, Field(ge=0, le=100_000, description="Of the bootstrap, 0 for none, else at least 100")
    ] = 0
    seed: Annotated[int, Field(ge=0, description="Of the bootstrap")] = 0


class DifferenceAnswer(Answer):
    """The difference in log loss over the rows of a class or of a value of a column.

    docs/evaluation.md#comparison-of-two-models
    """

    label: str | int | bool = Field(description="The class, or the value of the column")
    count: int = Field(description="Rows")
    delta: Number = Field(description="Candidate less baseline, in nat; below 0 is better")
    standard_error: Number = Field(description="Row by row; NaN of fewer than two rows")
    interval: Interval = Field(description="Of 95 %, by Student's t adjusted for skew")


class CompareAnswer(Answer):
    """Whether the candidate is better than the baseline, the verdict first.

    docs/evaluation.md#comparison-of-two-models
    """

    better: bool = Field(description="Whether all of the interval lies below -margin")
    delta: Number = Field(description="Log loss of candidate less baseline, in nat; < 0 is better")
    interval: Interval = Field(description="Of 95 %, for the difference")
    margin: float = Field(description="That was asked for, in nat")
    method: Literal["adjusted_t", "bootstrap"] = Field(
        description="Of the interval: Student's t adjusted for the skew, or the bootstrap"
    )
    standard_error: Number = Field(description="By rows, or by clusters where they were sent")
    p_t: Number = Field(description="Of no difference, by Student's t, two-sided")
    p_sign: Number = Field(description="Of no difference, by the sign test, two-sided")
    p_bootstrap: Number | None = Field(None, description="Of no difference, by the bootstrap")
    baseline: Number = Field(description="Its log loss")
    candidate: Number = Field(description="Its log loss")
    count: int = Field(description="Rows that entered")
    weight: Number = Field(description="Their weight")
    clusters: int = Field(description="Taken for independent; the rows where none were sent")
    won: int = Field(description="Rows on which the candidate has the smaller loss")
    lost: int = Field(description="Rows on which it has the larger one")
    per_class: list[DifferenceAnswer] = Field(description="Over the rows of each class")
    slices: dict[str, list[DifferenceAnswer]] | None = Field(
        None, description="By column that was sent, its values in order"
    )
