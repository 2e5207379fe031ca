"""What is added up for each group of rows: how they fared, or how two models differ on them."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from service.evaluation.moments import Moments
from service.evaluation.pieces import Array, Groups
from service.evaluation.sums import ExactSums

Mask = npt.NDArray[np.bool_]


class Grouped:
    """Sums over the same groups, which grow and merge together.

    Args:
        size: the number of groups; groups are numbered from 0.
    """

    KINDS: ClassVar[dict[str, type[Moments] | type[ExactSums]]] = {}

    __slots__ = ("sums",)
    __hash__ = None  # type: ignore[assignment]  # sums change

    def __init__(self, size: int) -> None:
        self.sums: dict[str, Any] = {name: kind(size) for name, kind in self.KINDS.items()}

    def grow(self, size: int) -> None:
        """Makes room for more groups."""
        for sums in self.sums.values():
            sums.grow(size)

    def merge(self, other: "Grouped", groups: Sequence[int] | None = None) -> None:
        """Adds what another object has seen; `groups` are the numbers here of the groups there."""
        for name, sums in self.sums.items():
            sums.merge(other.sums[name], groups)

    def to_json(self) -> dict[str, Any]:
        """The sums by name."""
        return {name: sums.to_json() for name, sums in self.sums.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any], size: int) -> Self:
        """Reads back what `to_json` gave.

        Raises:
            ValueError: it is none of so many groups.
        """
        grouped = cls(0)
        grouped.sums = {
            name: kind.from_json(stored[name], size) for name, kind in cls.KINDS.items()
        }
        return grouped

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grouped) and self.sums == other.sums


class Fares(Grouped):
    """How the rows of each group fared: moments of the losses, weight of those right, rows."""

    KINDS: ClassVar = {"losses": Moments, "correct": ExactSums, "counts": ExactSums}

    __slots__ = ()

    def add(self, groups: Groups, losses: Array, right: Mask, weights: Array | None) -> None:
        """Adds rows.

        Args:
            groups: (n,) group numbers.
            losses: (n,).
            right: (n,) whether they are predicted correctly.
            weights: (n,), or `None` for 1.
        """
        self.sums["losses"].add(groups, losses, weights)
        self.sums["counts"].count(groups)
        if weights is None:
            self.sums["correct"].count(groups[right])
        else:
            self.sums["correct"].add(groups[right], weights[right])


class Differences(Grouped):
    """How the losses of two models differ in each group: their moments, infinite ones, rows."""

    KINDS: ClassVar = {
        "differences": Moments,
        "up": ExactSums,
        "down": ExactSums,
        "counts": ExactSums,
    }

    __slots__ = ()

    def add(self, groups: Groups, before: Array, after: Array, weights: Array | None) -> None:
        """Adds rows.

        Args:
            groups: (n,) group numbers.
            before: (n,) losses of the baseline.
            after: (n,) losses of the candidate.
            weights: (n,), or `None` for 1.
        """
        with np.errstate(invalid="ignore"):  # both infinite: no difference can be told
            differences = after - before
        infinite = ~np.isfinite(differences)
        if infinite.any():
            differences[infinite] = np.inf
            self.sums["up"].count(groups[np.isinf(after)])
            self.sums["down"].count(groups[np.isinf(before)])
        self.sums["differences"].add(groups, differences, weights)
        self.sums["counts"].count(groups)
