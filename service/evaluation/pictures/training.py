"""The training curve: how the loss and the gradient of a fit went down."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Any

from service.evaluation.pictures.canvas import (
    FIRST,
    INK,
    SECOND,
    Picture,
    canvas,
    drawn,
    legend,
    picture,
)
from service.evaluation.pictures.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = {
    "iteration": "iteration",
    "objective": "objective",
    "log_loss": "log loss, training",
    "validation_log_loss": "log loss, validation",
    "gradient_norm": "largest gradient entry",
}


@drawn
def training(curve: Mapping[str, Sequence[Any]]) -> Picture:
    """The log loss of the training rows, and of the validation rows where there are any.

    Below, the largest entry of the gradient, on a logarithmic scale.

    Args:
        curve: columns of equal length, as the card of a model has them: `iteration`, `objective`,
            `gradient_norm`, `log_loss` and, with a validation part, `validation_log_loss`.

    Returns:
        A picture.

    Raises:
        Missing: matplotlib is not installed.
    """
    from matplotlib.ticker import MaxNLocator

    columns = {name: [float(value) for value in curve[name]] for name in NAMES if name in curve}
    steps = columns["iteration"]
    figure = canvas(6.0, 4.8, rows=(1.6, 1.0))
    above, below = figure.axes
    marks: dict[str, Any] = {"markersize": 3.5, "markevery": max(1, len(steps) // 20)}
    above.plot(steps, columns["log_loss"], color=FIRST, marker="o", label="training rows", **marks)
    held_out = columns.get("validation_log_loss")
    if held_out is not None:
        above.plot(
            steps, held_out, color=SECOND, linestyle="--", marker="s", label="validation rows",
            **marks,
        )  # fmt: skip
        legend(figure)
    above.set_ylabel("log loss in nat")
    _gradients(below, steps, columns["gradient_norm"])
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set(xlabel="iterations (of sgd: epochs)", ylabel="gradient")
    last = len(steps) - 1
    text = (
        f"From {number(columns['log_loss'][0])} at the start to "
        f"{number(columns['log_loss'][-1])} nat after {number(int(steps[-1]))} iterations, where "
        f"the largest entry of the gradient is {number(columns['gradient_norm'][-1])}."
    )
    if held_out is not None:
        least = min(range(last + 1), key=lambda place: held_out[place])
        text += (
            f" Of the validation rows the log loss shown is least after "
            f"{number(int(steps[least]))} iterations: {number(held_out[least])}; at the end it is "
            f"{number(held_out[last])}."
        )
    rows = zip([int(step) for step in steps], *list(columns.values())[1:], strict=True)
    head = tuple(NAMES[name] for name in columns)
    return picture(figure, "training", "Training curve", text, head, rows)


def _gradients(axes: "Axes", steps: Sequence[float], norms: Sequence[float]) -> None:
    """On a logarithmic scale, as far as there are such numbers."""
    points = [(x, log10(y)) for x, y in zip(steps, norms, strict=True) if y > 0 and isfinite(y)]
    if not points:
        return
    axes.plot(*zip(*points, strict=True), color=INK, marker=".", markersize=4)
    low, high = floor(min(y for _, y in points)), ceil(max(y for _, y in points))
    stride = max(1, (high - low) // 5)
    tens = range(low, high + 1, stride)
    axes.set_yticks(tens, [f"{10.0**power:g}".replace("e-0", "e-") for power in tens])
