"""What a process has merged of running evaluations, so that it reads only what is new."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from service.errors import XentError
from service.evaluation import State
from service.registry.evaluation import Evaluation
from service.registry.parts import Part, merged, report_of, whole
from service.registry.store import Store

KEPT_BYTES = 1 << 24
"""Of merged parts as they are stored; in memory they take up to five times as much."""


@dataclass(slots=True)
class Merged:
    """Some parts of an evaluation in one.

    Attributes:
        state: of all their rows.
        parts: their ids.
        size: bytes that they take as they are stored.
    """

    state: State
    parts: set[str]
    size: int

    @classmethod
    def of(cls, parts: Sequence[Part]) -> "Merged":
        """Of one part or more."""
        return cls(merged(None, parts), {part.id for part in parts}, _size(parts))

    def add(self, parts: Sequence[Part]) -> None:
        """Merges further ones."""
        if parts:
            self.state.merge(merged(None, parts))
            self.parts.update(part.id for part in parts)
            self.size += _size(parts)


class Merging:
    """The running evaluations of a store; may be used by several threads.

    Who works on a state has taken it out of the memory, so that nobody waits for another: whoever
    finds none reads all parts.

    Args:
        store: has the evaluations.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Merged] = OrderedDict()

    def find(self, id: str) -> Evaluation | None:
        """An evaluation with its report up to now.

        Raises:
            Conflict: another version of Xent opened it.
            Unavailable: the database cannot be used now.
        """
        found, parts, known = self._read(id)
        if found is None:
            return None
        report = found.report
        if found.closed is None:
            known = _with(known, parts)
            state = merged(found.options, ()) if known is None else known.state
            report, _ = report_of(state)
            self._keep(id, known)
        return replace(found, report=report, batches=sum(part.batches for part in parts))

    def fold(self, id: str) -> None:
        """Puts the parts of an evaluation into one, while others go on pushing.

        Raises:
            Conflict, Unavailable: as in `find`.
            StoreFull: the disk is full.
        """
        from service.registry import evaluation_queries as queries

        _, parts, known = self._read(id)
        known = _with(known, parts)
        if known is None or len(parts) < 2:
            return
        folded, size = whole(parts, known.state), known.size
        self._keep(id, known)  # whoever reads meanwhile need not add all up again
        with self._store.writing() as connection:
            queries.lock(connection, id)
            replaced = queries.replace_parts(connection, id, parts, folded)
        if replaced:
            self._replace(id, {part.id for part in parts}, folded, len(folded.state) - size)

    def add(self, id: str, part: Part, rows: State, *, first: bool) -> None:
        """Merges a part that was just stored, if those before it are in memory.

        Args:
            id: of the evaluation.
            part: that was stored.
            rows: its state, which is given away.
            first: whether there is none before it.
        """
        with suppress(XentError):  # whoever reads it is told
            known = None if first else self._take(id)
            # it may have been read since; within another part, its id is none that is stored, and
            # what has it is thrown away by whoever reads next
            if known is not None and part.id not in known.parts:
                known.state.merge(rows)
                known.parts.add(part.id)
                known.size += len(part.state)
            elif first:
                known = Merged(rows, {part.id}, len(part.state))
            self._keep(id, known)

    def forget(self, id: str) -> None:
        """Of an evaluation that takes no more batches."""
        self._take(id)

    def _read(self, id: str) -> tuple[Evaluation | None, list[Part], Merged | None]:
        """The states of parts are left out that are merged already."""
        from service.registry import evaluation_queries as queries

        with self._store.reading() as connection:
            known = self._take(id)  # before the first statement, which sees what it has merged
            parts = queries.parts_of(connection, id, () if known is None else known.parts)
            if known is not None and not known.parts <= {part.id for part in parts}:
                # another process has put them into one
                known, parts = None, queries.parts_of(connection, id)
            return queries.find(connection, id), parts, known

    def _replace(self, id: str, old: set[str], folded: Part, growth: int) -> None:
        with self._lock:
            known = self._kept.get(id)
            if known is not None and known.parts >= old:
                known.parts = known.parts - old | {folded.id}
                known.size += growth

    def _take(self, id: str) -> Merged | None:
        with self._lock:
            return self._kept.pop(id, None)

    def _keep(self, id: str, known: Merged | None) -> None:
        with self._lock:
            if known is not None:
                self._kept[id] = known
            while sum(one.size for one in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)


def _with(known: Merged | None, parts: Sequence[Part]) -> Merged | None:
    """All parts in one; None where there are none."""
    if known is None:
        return Merged.of(parts) if parts else None
    known.add([part for part in parts if part.id not in known.parts])
    return known


def _size(parts: Sequence[Part]) -> int:
    return sum(len(part.state) for part in parts)
