"""Exact sums by name: what a part of the state adds up, each by groups of its own."""

from collections.abc import Mapping
from typing import Any, Self

from service.evaluation.sums import ExactSums


class NamedSums:
    """Sums that merge, compare and are written name by name.

    Args:
        sizes: the number of groups of each.
    """

    __slots__ = ("sums",)
    __hash__ = None  # type: ignore[assignment]  # sums change

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sums = {name: ExactSums(size) for name, size in sizes.items()}

    def merge(self, other: Self) -> None:
        """Adds what another object of the same sizes has seen."""
        for name, sums in self.sums.items():
            sums.merge(other.sums[name])

    def to_json(self) -> dict[str, Any]:
        """The sums by name."""
        return {name: sums.to_json() for name, sums in self.sums.items()}

    def read_json(self, stored: dict[str, Any]) -> None:
        """Reads back what `to_json` gave.

        Raises:
            ValueError: the sums are of other sizes.
        """
        self.sums = {
            name: ExactSums.from_json(stored[name], sums.size) for name, sums in self.sums.items()
        }

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.sums == other.sums
