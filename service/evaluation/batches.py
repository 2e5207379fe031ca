"""Batches of a running evaluation: each is scored by the options that the evaluation has fixed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy.typing as npt

from service.errors import Code, Faults, InvalidInput, cell
from service.evaluation.evaluate import MAX_BINS, MAX_K, MAX_WORST
from service.evaluation.intake import Policies
from service.evaluation.parts import RowId
from service.evaluation.rows import Ids
from service.evaluation.scoring import score
from service.evaluation.slices import Columns, Value, check_columns, union
from service.evaluation.state import State
from service.losses.options import check_shared, exactly_one, one_of, within
from service.losses.result import Numbers
from service.losses.truth import Label, check_classes


@dataclass(frozen=True, slots=True)
class Options:
    """What all batches of a running evaluation have in common.

    Attributes:
        class_count: K.
        policies: how their rows are scored, and what is told of them.

    Raises:
        InvalidInput: naming each option that is out of its range.
    """

    class_count: int
    policies: Policies

    def __post_init__(self) -> None:
        policies, faults = self.policies, Faults()
        bounds = (("bins", 1, MAX_BINS), ("worst", 0, MAX_WORST), ("top_k", 1, MAX_K))
        for name, low, high in bounds:
            with faults.collecting():
                within(name, getattr(policies, name), low, high)
        with faults.collecting():
            one_of("normalize", policies.normalize, ("reject", "renormalize", "off"))
        with faults.collecting():
            zero, clip = policies.zero_probability, policies.clip
            check_shared(reduction="none", unit="nat", zero_probability=zero, clip=clip)
        with faults.collecting():
            check_classes(policies.classes or ())
        faults.check()

    @classmethod
    def of(
        cls, class_count: int | None = None, classes: Sequence[Label] | None = None, **others: Any
    ) -> Self:
        """The options as somebody gives them: K, or the names of the classes, or both.

        Raises:
            InvalidInput: neither, or they disagree, or as above.
        """
        count = class_count if classes is None else len(classes)
        if not count:
            text = "an evaluation needs classes, their names, or class_count, their number"
            raise InvalidInput.at("/classes", Code.MISSING_MEMBER, text)
        if class_count not in (None, count):
            text = f"class_count is {class_count}, and classes names {count}"
            raise InvalidInput.at("/class_count", Code.CONFLICTING_MEMBERS, text)
        return cls(count, Policies(None if classes is None else tuple(classes), **others))

    def told(self) -> dict[str, Any]:
        """The options as `of` takes them."""
        return {"class_count": self.class_count, **asdict(self.policies)}

    def state(self) -> State:
        """The state of no rows."""
        how = self.policies
        return State(self.class_count, how.classes, how.bins, how.worst, how.top_k)

    def score(
        self,
        key: str,
        *,
        logits: Numbers | None = None,
        probabilities: Numbers | None = None,
        labels: npt.NDArray[Any],
        sample_weights: Numbers | None = None,
        row_ids: Sequence[RowId] | Ids | None = None,
        slices: Columns | None = None,
    ) -> State:
        """The state of a batch of rows.

        Args:
            key: names the batch; its rows are called `key/0`, `key/1` ... where no ids are sent.
            logits: (N, K) as in `evaluate`, and so the others.
            probabilities: (N, K), instead of logits.
            labels: (N,) class indices, or names where the evaluation has them.
            sample_weights: (N,).
            row_ids: N integers or N strings, distinct.
            slices: by column name, (N,) values.

        Raises:
            InvalidInput: naming the first bad cell of each offending member.
        """
        member, rows = exactly_one(logits=logits, probabilities=probabilities)
        if rows.ndim and rows.shape[-1] != self.class_count:
            text = f"{member} has {rows.shape[-1]} columns; the evaluation has {self.class_count}"
            raise InvalidInput.at(f"/{member}", Code.SHAPE_MISMATCH, f"{text} classes")
        if row_ids is None:
            row_ids = [f"{key}/{number}" for number in range(rows.size // self.class_count)]
        batch = {
            member: rows,
            "labels": labels,
            "sample_weights": sample_weights,
            "row_ids": row_ids,
            "slices": slices,
        }
        scored, _ = score(**self.policies.score(batch))
        _check_distinct(row_ids)
        state = self.state()
        state.add(scored)
        return state


def union_of_values(
    known: Mapping[str, Sequence[Value]], more: Mapping[str, Sequence[Value]]
) -> dict[str, list[Value]]:
    """The distinct values of columns of slices, of those known and then of more.

    Raises:
        InvalidInput: too many columns or values, or values of another kind than those known.
    """
    check_columns(known, more)
    added = {name: union(name, known.get(name, ()), values) for name, values in more.items()}
    return {**{name: list(values) for name, values in known.items()}, **added}


def _check_distinct(row_ids: Sequence[RowId] | Ids) -> None:
    seen: set[RowId] = set()
    for number, row in enumerate(row_ids):
        if row in seen:
            pointer, name = cell("row_ids", number)
            text = f"{name} is there twice; a batch names each of its rows once"
            raise InvalidInput.at(pointer, Code.INVALID_OPTION, text)
        seen.add(row)
