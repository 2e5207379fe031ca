"""The evaluation report and what it is made from."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from service.api.schemas.scoring import Classes, Clip, Normalize, SampleWeights, ZeroProbability
from service.api.schemas.types import Answer, Label, Labels, Listed, Matrix, Number, Request
from service.errors import Code, Fault, InvalidInput, cell
from service.evaluation.slices import MAX_COLUMNS

Interval = tuple[Number, Number]


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

Clusters = Annotated[
    list[Any] | None,
    Field(description="Strings, integers or booleans, (N,); rows of one hang together"),
]


class EvaluateRequest(Request):
    """Anybody's predictions over K classes, and what is true."""

    logits: Annotated[Matrix | None, Field(description="Raw scores, shape (N, K)")] = None
    probabilities: Annotated[
        Matrix | None, Field(description="Rows of probabilities, shape (N, K)")
    ] = None
    labels: Annotated[Labels, Field(description="Class indices, or names, shape (N,)")]
    classes: Classes = None
    sample_weights: SampleWeights = None
    row_ids: Annotated[
        Listed[int] | Listed[str] | None, Field(description="Names of the rows in worst")
    ] = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    slices: Slices = None
    bins: Annotated[int, Field(ge=1, le=1000, description="Calibration bins")] = 15
    worst: Annotated[int, Field(ge=0, le=1000, description="Rows to list in worst")] = 10
    top_k: Annotated[int, Field(ge=1, le=100, description="Largest k of top_k")] = 5
    include: Annotated[
        list[
            Literal["curves", "equal_mass", "isotonic", "temperature", "bootstrap", "ranking"]
        ]
        | None,
        Field(description="What to add; all but curves to 1,000,000 rows"),
    ] = None
    clusters: Clusters = None
    replicates: Annotated[int, Field(ge=100, le=100_000, description="Of the bootstrap")] = 1000
    seed: Annotated[int, Field(ge=0, description="Of the bootstrap")] = 0


class TopKAnswer(Answer):
    """How often the true class is among the k most probable ones."""

    k: int
    accuracy: Number = Field(description="Share of rows; of equal classes the lower come first")


class AverageAnswer(Answer):
    """Over the classes that are true or predicted somewhere; 0/0 counts as 0."""

    precision: Number
    recall: Number
    f1: Number


class RankingAnswer(Answer):
    """How well the probability of a class puts its rows before the others."""

    method: Literal["exact", "histogram"] = Field(
        description="exact: only equal ones are ties; histogram: those of one of 1,024 bins"
    )
    roc_auc: Number = Field(description="One class against the rest, mean over the classes")
    roc_auc_error: Number = Field(description="How far the histogram may have moved it at most")
    average_precision: Number = Field(
        description="sum of precision times the recall added at each score, mean over the classes"
    )


class DecompositionAnswer(Answer):
    """Score = reliability - resolution + uncertainty + within, by predicted class and bin."""

    reliability: Number = Field(description="Of mean forecast and labels, group by group; 0 best")
    resolution: Number = Field(description="Of the labels of a group and of all; more is better")
    uncertainty: Number = Field(description="The score of always predicting the label frequencies")
    within: Number = Field(description="What varies inside the groups")
    groups: int = Field(description="Groups that have rows")


class ClassAnswer(Answer):
    """How one class fared."""

    label: Label
    support: Number = Field(description="Weight of the rows of this class")
    precision: Number = Field(description="NaN where no row is predicted as this class")
    recall: Number = Field(description="Accuracy of its rows; NaN where no row is of this class")
    f1: Number = Field(description="2 correct / (support + predicted)")
    log_loss: Number = Field(description="Mean loss of its rows, in nat")
    standard_error: Number = Field(description="Of that mean; NaN of fewer than two rows")
    interval: Interval = Field(
        description="Of 95 %, for that mean, by Student's t adjusted for skew"
    )
    roc_auc: Number | None = Field(None, description="Its rows against all others; to 256 classes")
    average_precision: Number | None = Field(None, description="Of its probability; to 256 classes")
    ece: Number | None = Field(None, description="Calibration error of its probability")


class SliceAnswer(Answer):
    """How the rows of one value of a column fared."""

    value: str | int | bool
    count: int
    weight: Number
    log_loss: Number = Field(description="Mean loss of these rows, in nat")
    standard_error: Number = Field(description="Of that mean; NaN of fewer than two rows")
    interval: Interval = Field(
        description="Of 95 %, for that mean, by Student's t adjusted for skew"
    )
    accuracy: Number


class BinAnswer(Answer):
    """Rows whose confidence lies in (lower, upper]; the first bin takes its lower edge too."""

    lower: float
    upper: float
    count: int
    weight: Number
    mean_confidence: Number = Field(description="NaN in an empty bin")
    accuracy: Number = Field(description="NaN in an empty bin")
    interval: Interval = Field(description="Wilson's of 95 %, for the accuracy")


class CalibrationAnswer(Answer):
    """Whether the confidence in the predicted class is matched by its accuracy."""

    ece: Number = Field(description="sum over the bins of share * |accuracy - mean_confidence|")
    ece_debiased: Number = Field(description="The same less what chance adds to it")
    classwise_ece: Number | None = Field(
        None, description="Mean over the classes of the error of their own probabilities"
    )
    bins: list[BinAnswer]


class WorstAnswer(Answer):
    """One of the rows with the largest losses."""

    row: int | str = Field(description="Its number from 0, or its id")
    loss: Number
    label: Label = Field(description="The true class")
    probability: Number = Field(description="Of the true class")


class IsotonicScoreAnswer(Answer):
    """Score = miscalibration - discrimination + uncertainty."""

    score: Number = Field(description="Of the confidence as forecast of being right")
    miscalibration: Number = Field(description="What the best monotone recalibration would gain")
    discrimination: Number = Field(description="Its gain over the accuracy as forecast")
    uncertainty: Number = Field(description="The score of always forecasting the accuracy")


class IsotonicBlockAnswer(Answer):
    """Rows of neighbouring confidences with the same recalibration."""

    lower: float
    upper: float
    count: int
    weight: Number
    accuracy: Number


class IsotonicAnswer(Answer):
    """Calibration of the predicted class without bins (CORP)."""

    brier: IsotonicScoreAnswer
    log_score: IsotonicScoreAnswer
    curve: list[IsotonicBlockAnswer]


class TemperatureAnswer(Answer):
    """The temperature that makes the log loss least."""

    temperature: float = Field(description="Divides the logits; above 1: too confident")
    log_loss: Number = Field(description="With it, on these very rows")
    gain: Number = Field(description="How much less that is")
    bounded: bool = Field(description="Whether the loss would fall on beyond the bounds of T")


class BootstrapAnswer(Answer):
    """The uncertainty of the log loss from resampled rows, or clusters of rows."""

    standard_error: Number = Field(description="Where the clusters are independent, not the rows")
    interval: Interval = Field(description="Of 95 %, by the studentized bootstrap")
    clusters: int
    replicates: int
    seed: int


class LossBinAnswer(Answer):
    """Rows whose loss lies in [lower, upper); the last bin takes infinite losses too."""

    lower: Number
    upper: Number
    weight: Number
    log_loss: Number = Field(description="What they add to the log loss")


class RiskPointAnswer(Answer):
    """What answering only the surer rows costs and gains."""

    confidence: float = Field(description="The least that is answered")
    coverage: Number = Field(description="Share of the weight that is answered")
    risk: Number = Field(description="Share of wrong predictions in it")


class RiskCoverageAnswer(Answer):
    """The error among the answered rows at every coverage, the surest rows first."""

    aurc: Number = Field(description="Area under the curve: mean of the risk over all rows")
    points: list[RiskPointAnswer]


class ClassPointAnswer(Answer):
    """Rows whose probability of a class reaches a threshold, taken for rows of the class."""

    threshold: float
    recall: Number = Field(description="Share of the rows of the class that are taken for it")
    false_positive_rate: Number = Field(description="Share of all others that are")
    precision: Number = Field(description="Share of rows of the class among those taken")


class ClassCurveAnswer(Answer):
    """The ROC and the precision-recall curve of a class, one against the rest."""

    label: Label
    points: list[ClassPointAnswer] = Field(description="By falling thresholds")


class CurvesAnswer(Answer):
    """What the curves of a report go through."""

    losses: list[LossBinAnswer] = Field(description="Bins of the loss that have rows")
    risk_coverage: RiskCoverageAnswer = Field(description="By confidence in the predicted class")
    classes: list[ClassCurveAnswer] | None = Field(None, description="To 256 classes")


class ReportAnswer(Answer):
    """The evaluation report, its log loss first."""

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
    top_k: list[TopKAnswer]
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
    per_class: list[ClassAnswer]
    slices: dict[str, list[SliceAnswer]] | None = Field(
        None, description="By column that was sent, its values in order"
    )
    confusion_matrix: list[list[Number]] | None = Field(
        None, description="Weight by true (rows) and predicted (columns) class; to 1,000 classes"
    )
    calibration: CalibrationAnswer = Field(description="In bins of equal width")
    worst: list[WorstAnswer]
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
    labels: Annotated[Labels, Field(description="Class indices, or names, shape (N,)")]
    classes: Classes = None
    sample_weights: SampleWeights = None
    slices: Slices = None
    clusters: Clusters = None
    normalize: Normalize = "reject"
    zero_probability: ZeroProbability = "infinite"
    clip: Clip = 2.0**-52
    margin: Annotated[
        float, Field(description="How much better it has to be, in nat; below 0: may be worse")
    ] = 0.0
    replicates: Annotated[
        int, Field(ge=0, le=100_000, description="Of the bootstrap, 0 for none, else at least 100")
    ] = 0
    seed: Annotated[int, Field(ge=0, description="Of the bootstrap")] = 0


class DifferenceAnswer(Answer):
    """The difference in log loss over the rows of a class or of a value of a column."""

    label: str | int | bool
    count: int
    delta: Number = Field(description="Candidate less baseline, in nat; below 0 is better")
    standard_error: Number = Field(description="Row by row; NaN of fewer than two rows")
    interval: Interval = Field(description="Of 95 %, by Student's t adjusted for skew")


class CompareAnswer(Answer):
    """Whether the candidate is better than the baseline, the verdict first."""

    better: bool = Field(description="Whether all of the interval lies below -margin")
    delta: Number = Field(description="Log loss of candidate less baseline, in nat; < 0 is better")
    interval: Interval = Field(description="Of 95 %, for the difference")
    margin: float
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
    per_class: list[DifferenceAnswer]
    slices: dict[str, list[DifferenceAnswer]] | None = Field(
        None, description="By column that was sent, its values in order"
    )
