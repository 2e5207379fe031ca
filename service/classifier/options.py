"""The options of a fit, each checked for itself."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.errors import Code, Fault, InvalidInput
from service.losses.truth import Label

SOLVERS = ("auto", "newton-cholesky", "newton-cg", "lbfgs", "orthant-newton", "sgd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to minimise, how, and what to do with the result.

        sum_i s_i w_i loss_i + (l2 / 2) |coefficients|^2 + l1 |coefficients|_1

    Attributes:
        l2: >= 0; 1 / C of scikit-learn.
        l1: >= 0.
        intercept: whether every class has one; it carries no penalty.
        class_weights: w, shape (K,) or by class name; `"balanced"` is W / (K W_c).
        standardize: penalise the coefficients of features with mean 0 and variance 1; the result
            is given for the features as they came.
        solver: one of `SOLVERS`; `"auto"` chooses by size and penalty.
        tolerance: of the gradient norm, the largest entry divided by the total weight, and of
            the Newton decrement divided by the total weight; 0 goes on to the last digit.
        max_iterations: accepted steps; None is 200, for `"lbfgs"` 20,000.
        learning_rate: of SGD's first epoch; None is 1 / (the mean curvature's bound).
        batch_size: rows of a step of SGD.
        epochs: passes of SGD over the rows.
        seed: of SGD's order and of the parts.
        validation_fraction: of every class, for early stopping and calibration.
        test_fraction: of every class, for the report alone.
        calibrate: `"temperature"` divides the logits by the temperature of the least validation
            log loss.
        abstention: what levels of abstention are found by: the scores of the `"validation"` part,
            or of the training rows by models of the same options fitted to the others
            (`"cross-fit"`); None keeps no scores.
        statistics: standard errors and what follows from them; needs no penalty.
        reference_class: whose parameters are 0 in the statistics; None is the first class.

    Raises:
        InvalidInput: with a pointer to every option that means nothing.
    """

    l2: float = 1.0
    l1: float = 0.0
    intercept: bool = True
    class_weights: str | Sequence[float] | Mapping[str, float] | None = None
    standardize: bool = False
    solver: str = "auto"
    tolerance: float = 1e-8
    max_iterations: int | None = None
    learning_rate: float | None = None
    batch_size: int = 32
    epochs: int = 50
    seed: int = 1
    validation_fraction: float = 0.0
    test_fraction: float = 0.0
    calibrate: str | None = None
    abstention: str | None = None
    statistics: bool = False
    reference_class: Label | None = None

    def __post_init__(self) -> None:
        faults = [
            Fault(f"/options/{name}", Code.INVALID_OPTION, f"{name} {rule}")
            for name, rule, holds in self._rules()
            if not holds
        ]
        if faults:
            raise InvalidInput(faults)

    def _rules(self) -> Iterator[tuple[str, str, bool]]:
        for name in ("l2", "l1", "tolerance"):
            value = getattr(self, name)
            yield name, "must be finite and not negative", math.isfinite(value) and value >= 0.0
        for name in ("batch_size", "epochs"):
            yield name, "must be at least 1", getattr(self, name) >= 1
        yield "seed", "must be 0 or more", self.seed >= 0
        some = self.max_iterations
        yield "max_iterations", "must be at least 1", some is None or some >= 1
        rate = self.learning_rate
        valid = rate is None or (math.isfinite(rate) and rate > 0.0)
        yield "learning_rate", "must be finite and above 0", valid
        yield "solver", f"must be one of {', '.join(SOLVERS)}", self.solver in SOLVERS
        smooth = self.l1 == 0.0 or self.solver in ("auto", "orthant-newton")
        yield "solver", "must be auto or orthant-newton where l1 is above 0", smooth
        weights = self.class_weights
        known = not isinstance(weights, str) or weights == "balanced"
        yield "class_weights", "must be weights or balanced", known
        for name in ("validation_fraction", "test_fraction"):
            yield name, "must be at least 0 and below 1", 0.0 <= getattr(self, name) < 1.0
        rest = self.validation_fraction + self.test_fraction < 1.0
        yield "test_fraction", "must leave rows to train on", rest
        yield "calibrate", "must be temperature", self.calibrate in (None, "temperature")
        held_out = self.calibrate is None or self.validation_fraction > 0.0
        yield "calibrate", "needs a validation_fraction above 0", held_out
        known = self.abstention in (None, "validation", "cross-fit")
        yield "abstention", "must be validation or cross-fit", known
        held_out = self.abstention != "validation" or self.validation_fraction > 0.0
        yield "abstention", "needs a validation_fraction above 0, or cross-fit", held_out
        free = not self.statistics or (self.l2 == 0.0 and self.l1 == 0.0)
        yield "statistics", "need a fit without a penalty: l2 and l1 must be 0", free
        exact = not self.statistics or self.solver != "sgd"
        yield "statistics", "need a solver that reaches the optimum", exact
