"""Binary predictions with what is true of them: read in blocks, checked, scored."""

import math
from dataclasses import dataclass

import numpy as np

from service.errors import Code, InvalidInput, cell
from service.losses.pointwise import Logarithm, Pointwise
from service.losses.reader import row_numbers
from service.losses.reduction import Scored, Selection
from service.losses.result import Array, Numbers, ZeroProbability
from service.losses.rows import LOG_PROBABILITY, PROBABILITY, certain, shown
from service.losses.shares import LOG2_E, at_least, log_in, scaled
from service.losses.truth import Mask, place_of
from service.numerics import (
    Chances,
    Pair,
    as_pair,
    chances,
    chances_of_logs,
    complement,
    log1mexp,
    ratio,
    shares,
    sigmoid,
)
from service.numerics import binary_cross_entropy as logit_losses


@dataclass(frozen=True, slots=True)
class Binary:
    """Scores selected elements, before sample weights and reduction.

        loss_i = positive_weight y_i f(p_i) + (1 - y_i) f(1 - p_i)

    Attributes:
        member: the name of the predictions: logits, probabilities or log_probabilities.
        values: (N,) of them.
        shape: that was sent.
        truth: (N,) y in [0, 1].
        label_smoothing: in [0, 1].
        positive_weight: >= 0.
        bits: whether logarithms are in bits; a function that is more than that sees to it itself.
        zero_probability: what becomes of the loss where what is true is impossible.
        clip: the bound on probabilities of `zero_probability="clip"`.
        function: f.
    """

    member: str
    values: Numbers
    shape: tuple[int, ...]
    truth: Array
    label_smoothing: float
    positive_weight: float
    bits: bool
    zero_probability: ZeroProbability
    clip: float
    function: Pointwise

    @property
    def uniform_loss(self) -> float:
        """What a hard label of weight 1 costs the prediction 1/2."""
        log_half = as_pair(np.array([-1.0 if self.bits else -math.log(2.0)]))
        half = as_pair(np.array([0.5]))
        return float(self.function(Chances(half, log_half, half))[0][0])

    def weights(self, truth: Array) -> tuple[Array, Array]:
        """What the losses of yes and of no are multiplied with."""
        positive, negative = shares(truth, self.label_smoothing)
        return self.positive_weight * positive, negative

    def __call__(self, selection: Selection, scale: Array | None) -> Scored:
        """Losses of the selected elements, with the gradient where a scale is given.

        Raises:
            InvalidInput: one that means nothing, or an impossible truth under `"reject"`.
        """
        values = self.read(selection)
        truth = self.truth[selection]
        fast = isinstance(self.function, Logarithm) and self.member == "logits"
        if fast and self.zero_probability != "clip":
            losses, gradient = logit_losses(
                values,
                truth,
                positive_weight=self.positive_weight,
                smoothing=self.label_smoothing,
                bits=self.bits,
                scale=scale,
            )
            positive, negative = self.weights(truth)
            dead = (np.isposinf(values) & (negative > 0)) | (np.isneginf(values) & (positive > 0))
            scored = Scored(losses, gradient, dead if dead.any() else None)
        else:
            scored = self._from_logs(values, truth, scale)
        if self.zero_probability == "reject" and scored.impossible is not None:
            self._fail(
                selection,
                scored.impossible,
                Code.ZERO_PROBABILITY,
                'gives what is true the probability 0; see zero_probability ("infinite" or "clip")',
            )
        return scored

    def read(self, selection: Selection) -> Array:
        """The selected elements, checked.

        Raises:
            InvalidInput: at the first one that means nothing.
        """
        values = self.values[selection].astype(np.float64, copy=False)
        self._fail(selection, np.isnan(values), Code.NAN_VALUE, "is NaN")
        if self.member == "probabilities":
            self._outside(selection, values, (values < 0) | (values > 1), PROBABILITY)
        elif self.member == "log_probabilities":
            self._outside(selection, values, values > 0, LOG_PROBABILITY)
        return values

    def _from_logs(self, values: Array, truth: Array, scale: Array | None) -> Scored:
        """From log p and log(1 - p): for probabilities, and wherever they are clipped."""
        yes, no = self._chances(values)
        p, rest = yes.p, yes.rest
        positive, negative = self.weights(truth)
        unit = LOG2_E if self.bits else 1.0
        clipped = impossible = None
        active_yes, active_no = positive, negative
        if self.zero_probability == "clip":
            floor = math.log2(self.clip) if self.bits else math.log(self.clip)
            low_yes = (yes.logs.high < floor) & (positive > 0)
            low_no = (no.logs.high < floor) & (negative > 0)
            clipped = low_yes | low_no
            yes, no = at_least(yes, self.clip, floor), at_least(no, self.clip, floor)
            active_yes = np.where(low_yes, 0.0, positive)
            active_no = np.where(low_no, 0.0, negative)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # infinities are meant
            (f_yes, slope_yes), (f_no, slope_no) = self.function(yes), self.function(no)
            losses = scaled(f_yes, positive) + scaled(f_no, negative)
        if np.isinf(losses).any():
            impossible = (np.isneginf(yes.logs.high) & (positive > 0)) | (
                np.isneginf(no.logs.high) & (negative > 0)
            )
        gradient = None
        if scale is not None:
            up, down = scaled(slope_yes, active_yes), scaled(slope_no, active_no)
            gradient = scaled(self._slope(p, rest, up, down), scale * unit)
        return Scored(losses, gradient, impossible, clipped)

    def _logs(self, values: Array) -> tuple[Array, Array]:
        """Both log p and log(1 - p), in the unit asked for."""
        unit = LOG2_E if self.bits else 1.0
        if self.member == "probabilities":
            # 1 - p is exact from 1/2 on, and log1p keeps the digits below
            upper = values >= 0.5
            no = log_in(np.where(upper, 1.0 - values, 1.0), self.bits)
            small = np.log1p(-np.where(upper, 0.0, values)) * unit
            return log_in(values, self.bits), np.where(upper, no, small)
        if self.member == "log_probabilities":
            return values * unit, log1mexp(values) * unit
        one = np.ones_like(values)
        yes = logit_losses(values, one, bits=self.bits)[0]
        no = logit_losses(values, 0.0 * one, bits=self.bits)[0]
        return -yes, -no

    def _chances(self, values: Array) -> tuple[Chances, Chances]:
        """Those of the positive and of the negative class."""
        if self.member == "logits" and not self.bits:
            both = np.stack((values, np.zeros_like(values)), axis=1)
            found = chances(certain(both))
            return found.each(lambda array: array[:, 0]), found.each(lambda array: array[:, 1])
        if self.member == "logits":
            p, rest = as_pair(sigmoid(values)), as_pair(sigmoid(-values))
        elif self.member == "probabilities":
            p, rest = as_pair(values), complement(as_pair(values))
        else:
            p, _, rest = chances_of_logs(values)
        yes, no = map(as_pair, self._logs(values))
        return Chances(p, yes, rest), Chances(rest, no, p)

    def _slope(self, p: Pair, rest: Pair, up: Array, down: Array) -> Array:
        """The slope by what was sent, from those by log p and by log(1 - p)."""
        with np.errstate(all="ignore"):
            if self.member == "logits":
                return scaled(rest.high, up) - scaled(p.high, down)
            if self.member == "probabilities":
                yes = np.where(up == 0, 0.0, up / p.high)
                return yes - np.where(down == 0, 0.0, down / rest.high)
            odds = ratio(p, rest).high
            # next to 0 the odds overflow, which a small weight brings back
            no = np.where(rest.high > 2.0**-900, down * odds, down * p.high / rest.high)
            return up - np.where(down == 0, 0.0, no)

    def _outside(self, selection: Selection, values: Array, bad: Mask, wanted: str) -> None:
        if bad.any():
            found = shown(float(values[bad.argmax()]))
            self._fail(selection, bad, Code.PROBABILITY_OUT_OF_RANGE, f"is {found}; {wanted}")

    def _fail(self, selection: Selection, bad: Mask, code: Code, text: str) -> None:
        if not bad.any():
            return
        number = int(row_numbers(selection)[bad.argmax()])
        pointer, name = cell(self.member, *place_of(number, self.shape))
        raise InvalidInput.at(pointer, code, f"{name} {text}")
