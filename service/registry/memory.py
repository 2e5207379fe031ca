"""What is known of the registered models, and the most recently used of them, in memory."""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from service.classifier import Model
from service.registry.version import Version

NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,62}")
DEFAULT = "default"
"""The alias that is meant where no version is named: the newest, unless it is set."""

# The names, the metadata and Python's own objects around the numbers of a model.
OVERHEAD_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Alias:
    """What an alias stands for.

    Attributes:
        number: of the version.
        previous: the one before it, if there was one.
        change: the number of the change that made it so.
    """

    number: int
    previous: int | None
    change: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A model by name.

    Attributes:
        latest: the last number that was given out.
        newest: the newest version that is not deleted; None where there is none, or the model is.
        aliases: what they stand for.
        gone: the versions that are deleted.
        deleted: whether the model is, so that its name waits to be restored or purged.
    """

    latest: int
    newest: int | None
    aliases: Mapping[str, Alias]
    gone: frozenset[int] = frozenset()
    deleted: bool = False

    def number(self, version: int | str | None) -> int | None:
        """The number that a version or alias stands for; None where there is none."""
        if isinstance(version, str) and NUMBER.fullmatch(version):
            version = int(version)
        if isinstance(version, int):
            return version if 1 <= version <= self.latest and version not in self.gone else None
        set_to = self.aliases.get(version or DEFAULT)
        if set_to is not None:
            return set_to.number
        return self.newest if version in (None, DEFAULT) else None


SHIPPED = Entry(1, 1, {})
"""What there is of a model that ships: nothing can be changed of it."""


class Recent:
    """The versions that were used last, as many as fit; may be used by several threads.

    Args:
        capacity: bytes of their parameters, with an allowance for each.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._bytes = 0
        self._versions: OrderedDict[tuple[str, int], Version] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nearly_full(self) -> bool:
        """Whether reading more ahead would push out what was read before."""
        return self._bytes > 0.9 * self._capacity

    def get(self, name: str, number: int) -> Version | None:
        """The version, where it is here."""
        with self._lock:
            version = self._versions.get((name, number))
            if version is not None:
                self._versions.move_to_end((name, number))
            return version

    def put(self, version: Version) -> None:
        """Keeps a version and lets go of those that were used least recently."""
        key = (version.model.name, version.model.version)
        with self._lock:
            if key in self._versions:
                return
            self._versions[key] = version
            self._bytes += bytes_of(version.model)
            while self._bytes > self._capacity and self._versions:
                self._bytes -= bytes_of(self._versions.popitem(last=False)[1].model)

    def clear(self) -> None:
        """Lets go of all."""
        with self._lock:
            self._versions.clear()
            self._bytes = 0

    def drop(self, name: str, entry: Entry) -> None:
        """Lets go of the versions of a model that are there no longer."""
        with self._lock:
            for key in [key for key in self._versions if key[0] == name]:
                if entry.newest is None or key[1] in entry.gone:
                    self._bytes -= bytes_of(self._versions.pop(key).model)


def bytes_of(model: Model) -> int:
    """About what a model takes; its products are prepared from a second copy of its numbers."""
    numbers = 2 * (model.coefficients.nbytes + model.intercepts.nbytes)
    held_out = 0 if model.held_out is None else model.held_out.nbytes
    return numbers + held_out + OVERHEAD_BYTES
