"""What is stored, in dictionaries: what the registry, the evaluations and the keys are held to."""

from dataclasses import dataclass, field
from typing import Any

from service.errors import Code

MOST_OPEN = 3
"""Evaluations at one time."""


@dataclass
class Run:
    """An evaluation: which of the rows each key brought, and whether more may come."""

    batches: dict[int, int] = field(default_factory=dict)
    closed: bool = False


class Book:
    """What should be known."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}  # of all versions that there ever were
        self.aliases: dict[tuple[str, str], tuple[int, int | None]] = {}
        self.deleted: set[str] = set()
        self.gone: set[tuple[str, int]] = set()  # versions that are deleted
        self.purged: set[tuple[str, int]] = set()  # some of these
        self.runs: list[Run | None] = []  # None where it was removed
        self.revoked: list[bool] = []  # of each key

    def left(self, name: str) -> list[int]:
        """The versions that are not deleted."""
        numbers = range(1, len(self.values.get(name, [])) + 1)
        return [number for number in numbers if (name, number) not in self.gone]

    def served(self, name: str) -> list[int]:
        return [] if name in self.deleted else self.left(name)

    def register(self, name: str, value: float) -> Any:
        if name in self.deleted:
            return Code.MODEL_DELETED
        values = self.values.setdefault(name, [])
        values.append(value)
        return len(values)

    def find(self, name: str, version: int | str | None) -> Any:
        served = self.served(name)
        if not served:
            return Code.UNKNOWN_MODEL
        if not isinstance(version, int):
            alias = version or "default"
            newest = served[-1] if alias == "default" else 0
            version = self.aliases.get((name, alias), (newest, None))[0]
        if version not in served:
            return Code.UNKNOWN_VERSION
        return version, self.values[name][version - 1]

    def move(self, name: str, alias: str, number: int) -> Any:
        now, before = self.aliases.get((name, alias), (None, None))
        if name in self.values and not self.served(name):
            return Code.UNKNOWN_MODEL
        if number not in self.served(name):
            return Code.UNKNOWN_VERSION
        self.aliases[name, alias] = moved = (number, before if number == now else now)
        return moved

    def roll_back(self, name: str, alias: str) -> Any:
        before = self.aliases.get((name, alias), (None, None))[1]
        if not self.served(name):
            return Code.UNKNOWN_MODEL
        if before is None and alias == "default" and (name, alias) in self.aliases:
            del self.aliases[name, alias]
            return self.served(name)[-1], None
        return Code.NOTHING_BEFORE if before is None else self.move(name, alias, before)

    def delete(self, name: str, number: int | None) -> Any:
        if name not in self.values or (number is None and not self.served(name)):
            return Code.UNKNOWN_MODEL
        if number is None:
            self.deleted.add(name)
            return None
        if number not in self.served(name):
            return Code.UNKNOWN_VERSION
        if any(of == name and n == number for (of, _), (n, _) in self.aliases.items()):
            return Code.ALIASED
        self.gone.add((name, number))
        return None

    def restore(self, name: str, number: int | None) -> Any:
        if number is None:
            if not self.left(name):
                return Code.UNKNOWN_MODEL
            self.deleted.discard(name)
            return None
        if name not in self.values:
            return Code.UNKNOWN_MODEL
        known = 1 <= number <= len(self.values[name])
        if not known or (name, number) in self.purged or name in self.deleted:
            return Code.UNKNOWN_VERSION
        self.gone.discard((name, number))
        return None

    def purge(self, name: str, number: int | None) -> Any:
        if name not in self.values:
            return Code.UNKNOWN_MODEL
        every = {(name, n) for n in range(1, len(self.values[name]) + 1)}
        if number is None:
            if self.served(name):
                return Code.NOT_DELETED
            if name not in self.deleted and every <= self.purged:
                return Code.UNKNOWN_MODEL
            self.deleted.discard(name)
            self.aliases = {key: to for key, to in self.aliases.items() if key[0] != name}
            self.gone |= every
            self.purged |= every
            return None
        if (name, number) not in every - self.purged:
            return Code.UNKNOWN_VERSION
        if (name, number) not in self.gone:
            return Code.NOT_DELETED
        self.purged.add((name, number))
        return None

    def restorable(self) -> list[tuple[str, int]]:
        """What is deleted and not purged; 0 is the model, with which its versions come back."""
        versions = [one for one in self.gone - self.purged if one[0] not in self.deleted]
        return sorted([*versions, *((name, 0) for name in self.deleted)])

    def standing(self, name: str) -> Any:
        served = self.served(name)
        if not served:
            return Code.UNKNOWN_MODEL
        own = {alias: to for (of, alias), to in self.aliases.items() if of == name}
        return sorted(({"default": (served[-1], None)} | own).items())

    def open(self) -> Any:
        if sum(not run.closed for run in self.runs if run is not None) >= MOST_OPEN:
            return Code.TOO_MANY_OPEN
        self.runs.append(Run())
        return len(self.runs) - 1

    def push(self, number: int, key: int, variant: int) -> Any:
        """Whether the batch had been counted before."""
        run = self._run(number)
        if run is None:
            return Code.UNKNOWN_EVALUATION
        if key in run.batches:
            same = run.batches[key] == variant
            return True if same else Code.IDEMPOTENCY_KEY_REUSED
        if run.closed:
            return Code.EVALUATION_CLOSED
        run.batches[key] = variant
        return False

    def close(self, number: int) -> Any:
        run = self._run(number)
        if run is None:
            return Code.UNKNOWN_EVALUATION
        run.closed = True
        return None

    def remove(self, number: int) -> Any:
        if self._run(number) is None:
            return Code.UNKNOWN_EVALUATION
        self.runs[number] = None
        return None

    def read(self, number: int) -> Any:
        """Whether it is closed, and its batches."""
        run = self._run(number)
        return Code.UNKNOWN_EVALUATION if run is None else (run.closed, run.batches)

    def _run(self, number: int) -> Run | None:
        return self.runs[number] if number < len(self.runs) else None

    def create(self) -> int:
        self.revoked.append(False)
        return len(self.revoked) - 1

    def revoke(self, number: int) -> Any:
        if number >= len(self.revoked):
            return Code.UNKNOWN_KEY
        self.revoked[number] = True
        return True

    def admit(self, number: int) -> Any:
        """Who comes with a key."""
        if number >= len(self.revoked):
            return Code.KEY_INVALID
        return Code.KEY_REVOKED if self.revoked[number] else True
