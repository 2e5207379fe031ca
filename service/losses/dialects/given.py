"""The members of a request as a library's call takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput
from service.losses.binary_truth import binary_values
from service.losses.dialects.rules import NOT_A_NUMBER
from service.losses.dialects.single import Single, f32
from service.losses.result import DialectLoss, Numbers, Rule
from service.losses.rows import Rows, floating
from service.losses.truth import Indices, Label, Mask, check_shape, class_indices, ignored_labels
from service.losses.weights import check_weights, class_weight_array


def unsupported(member: str, text: str) -> InvalidInput:
    """The error of what a library has no call for, or refuses itself."""
    return InvalidInput.at(f"/{member}" if member else "", Code.DIALECT_UNSUPPORTED, text)


@dataclass(frozen=True, slots=True)
class Given:
    """A prediction, what is true, and options.

    Attributes:
        member: `"logits"`, `"probabilities"` or `"log_probabilities"`.
        values: the prediction as sent.
        truth: `"labels"` or `"targets"`.
        true: the labels or targets as sent.
        options: all others that are given, under Xent's names.
    """

    member: str
    values: Numbers
    truth: str
    true: npt.NDArray[Any]
    options: Mapping[str, Any]

    @property
    def reduction(self) -> str:
        """`"mean"` unless given."""
        return str(self.options.get("reduction", "mean"))

    @property
    def label_smoothing(self) -> float:
        """0 unless given."""
        return float(self.options.get("label_smoothing", 0.0))

    @property
    def ignore_index(self) -> Label | None:
        """The one label to leave out: a library takes no list."""
        ignore = self.options.get("ignore_index")
        if isinstance(ignore, Sequence) and not isinstance(ignore, str):
            if len(ignore) > 1:
                raise unsupported("ignore_index", "the library leaves out one label, not several")
            ignore = ignore[0] if ignore else None
        return ignore if ignore is None or isinstance(ignore, str) else int(ignore)

    def rows(self) -> Rows:
        """The prediction as rows over the classes."""
        return Rows.of(self.member, self.values, int(self.options.get("axis", -1)))

    def indices(self, rows: Rows, *ignore: Label | None) -> tuple[Indices, Mask]:
        """The labels as (N,) class indices, and which of them enter.

        Raises:
            InvalidInput: a label that is none, and is none of `ignore`.
        """
        check_shape(self.truth, self.true, rows.samples, f"the samples of {rows.member}")
        kept = self.kept(*ignore)
        classes = self.options.get("classes")
        return class_indices("labels", self.true, kept, rows.classes, classes), kept

    def kept(self, *ignore: Label | None) -> Mask:
        """(N,) which labels are none of `ignore`."""
        values = [label for label in ignore if label is not None]
        ignored = ignored_labels(self.true, values, self.options.get("classes"))
        assert ignored is not None
        return ~ignored

    def target_rows(self, rows: Rows) -> Single:
        """(N, K) targets; labels as their one-hot rows."""
        if self.truth == "labels":
            indices, _ = self.indices(rows)
            return f32(np.arange(rows.classes) == indices[:, None])
        check_shape("targets", self.true, rows.sent, f"the shape of {rows.member}")
        return f32(Rows.of("targets", self.true, int(self.options.get("axis", -1))).array)

    def binary(self) -> Single:
        """The binary truth, of the shape of the prediction."""
        check_shape(self.truth, self.true, self.values.shape, f"the shape of {self.member}")
        if self.truth == "targets":
            return f32(floating(self.true))
        return f32(binary_values("labels", self.true, None)).reshape(self.true.shape)

    def class_weights(self, classes: int) -> Single | None:
        """(K,) float32, or `None`."""
        weights = self.options.get("class_weights")
        if weights is None or classes == 0:  # [] does not say how many classes there are
            return None
        return f32(class_weight_array(weights, self.options.get("classes"), classes))

    def sample_weights(self, shape: tuple[int, ...]) -> Numbers | None:
        """Of the samples' shape, or `None`."""
        weights: Numbers | None = self.options.get("sample_weights")
        if weights is None:
            return None
        check_shape("sample_weights", weights, shape, f"the samples of {self.member}")
        check_weights("sample_weights", weights)
        return weights


def answer(loss: npt.NDArray[Any] | np.floating, rules: Mapping[Rule, Any]) -> DialectLoss:
    """The loss with those of the rules that hold."""
    held = [rule for rule, holds in rules.items() if holds]
    if np.ndim(loss) == 0:
        return DialectLoss(float(loss), tuple(held))
    return DialectLoss(np.asarray(loss), tuple(held))


def infinities(losses: Numbers, *inputs: Numbers) -> dict[Rule, bool]:
    """Whether a loss is NaN where no input is."""
    made = np.isnan(losses).any() and not any(np.isnan(array).any() for array in inputs)
    return {NOT_A_NUMBER: bool(made)}
