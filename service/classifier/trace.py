"""The steps of a fit as they are made, and the curve that is kept of them."""

from collections.abc import Callable
from dataclasses import dataclass

from service.classifier.objective import Objective, Point
from service.classifier.rows import Array

LONGEST = 64
"""Steps of a curve, but for the last, which is always there. Even: every second of an even number
of evenly spaced steps leaves them evenly spaced with the next."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where a fit has come to.

    Attributes:
        iteration: accepted steps so far, of SGD epochs; 0 is the start.
        objective: the value that is minimised.
        gradient_norm: the largest entry of the gradient divided by the total weight.
        log_loss: of the training rows, mean in nats by sample and class weights.
        validation_log_loss: of rows that are held out, None where there are none.
    """

    iteration: int
    objective: float
    gradient_norm: float
    log_loss: float
    validation_log_loss: float | None = None


Tell = Callable[[Step], None]


class Trace:
    """Tells every step of a fit to who asked for it, and keeps a curve of bounded length.

    Args:
        objective: what is minimised.
        watch: the log loss, on rows that are held out, of parameters.
        tell: is called with every step.
    """

    def __init__(
        self,
        objective: Objective,
        watch: Callable[[Array], float] | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._objective, self._watch, self._tell = objective, watch, tell
        self._kept: list[Step] = []
        self._stride, self._count = 1, 0
        self._last: Step | None = None

    def __call__(self, iteration: int, point: Point) -> Step:
        """Takes a point that a solver has reached."""
        step = Step(
            iteration=iteration,
            objective=point.value,
            gradient_norm=self._objective.gradient_norm(point.gradient),
            log_loss=point.loss / float(self._objective.masses.sum()),
            validation_log_loss=None if self._watch is None else self._watch(point.parameters),
        )
        if self._count % self._stride == 0:
            if len(self._kept) == LONGEST:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
            self._kept.append(step)
        self._last, self._count = step, self._count + 1
        if self._tell is not None:
            self._tell(step)
        return step

    @property
    def curve(self) -> tuple[Step, ...]:
        """The first and the last step and, evenly spaced, as many between as there is room for."""
        if self._last is None or self._kept[-1] is self._last:
            return tuple(self._kept)
        return (*self._kept, self._last)
