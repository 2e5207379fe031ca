"""Evaluations that last, whether they were stored whole or still run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.evaluation import State
from service.registry.audit import record
from service.registry.evaluation import (
    Evaluation,
    Finished,
    created_at,
    first_id,
    new_id,
    unknown,
)
from service.registry.merging import Merging
from service.registry.parts import Part, merged
from service.registry.running import Running
from service.registry.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

LAST = "g"
"""Is above every id."""


@dataclass(frozen=True, slots=True)
class EvaluationsPage:
    """Some evaluations, the newest first.

    Attributes:
        evaluations: without reports.
        next: what to give as `after` for the following ones; None where there are none.
    """

    evaluations: tuple[Evaluation, ...]
    next: str | None


class Evaluations:
    """The stored evaluations; may be used by several threads, processes and machines.

    Args:
        store: where they last.
        max_open: how many may take batches at a time.
        max_bytes: of the state of one that takes batches.
    """

    def __init__(self, store: Store, max_open: int, max_bytes: int) -> None:
        self._store = store
        self._merging = Merging(store)
        self.running = Running(store, self._merging, max_open, max_bytes)

    def add(self, connection: "Connection", finished: Finished) -> Evaluation:
        """Stores an evaluation of all its rows, in a transaction of the caller's."""
        from service.registry import evaluation_queries as queries

        id, facts = new_id(), finished.facts
        made = Evaluation(id, facts, None, created_at(id), finished.summary, finished.report)
        queries.add(connection, made)
        queries.add_part(connection, id, Part(new_id(), 1, finished.state))
        return made

    def find(self, id: str) -> Evaluation:
        """An evaluation with its report up to now.

        Raises:
            NotFound: no such evaluation.
            Conflict: another version of Xent opened it.
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        found = self._merging.find(id) if self._store.exists else None
        if found is None:
            raise unknown()
        return found

    def state(self, id: str) -> State:
        """What an evaluation has seen up to now, to be merged or drawn.

        Raises:
            NotFound, Conflict, Unavailable, WouldWait: as in `find`.
        """
        found, parts = self._read(id)
        return merged(found.options, parts)

    def page(
        self,
        after: str | None,
        limit: int,
        *,
        model: str | None = None,
        version: str | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> EvaluationsPage:
        """Evaluations, the newest first.

        Args:
            after: the id that the page begins behind; None begins with the newest.
            limit: of the evaluations on it.
            model: that they judge.
            version: of the model.
            since: microseconds since 1970 of the oldest one.
            until: microseconds since 1970 that they were made before.

        Raises:
            Unavailable, WouldWait: as in `find`.
        """
        from service.registry import evaluation_queries as queries

        if not self._store.exists:
            return EvaluationsPage((), None)
        begin = first_id(since or 0)
        end = min(after or LAST, LAST if until is None else first_id(until))
        with self._store.reading() as connection:
            found = queries.page(connection, model, version, begin, end, limit + 1)
        more = len(found) > limit
        return EvaluationsPage(tuple(found[:limit]), found[limit - 1].id if more else None)

    def delete(self, id: str) -> None:
        """Removes an evaluation; the audit log says who did.

        Raises:
            NotFound: no such evaluation.
            StoreFull: the disk is full.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: as in `find`.
        """
        from service.registry import evaluation_queries as queries
        from service.registry.queries import next_change

        if not self._store.exists:
            raise unknown()
        with self._store.writing() as connection:
            change = next_change(connection)  # the lock of all changes comes first
            if queries.lock(connection, id) is None:
                raise unknown()
            queries.remove(connection, id)
            record(connection, change, "evaluation.delete", f"evaluations/{id}")
        self.running.forget(id)

    def _read(self, id: str) -> tuple[Evaluation, list[Part]]:
        from service.registry import evaluation_queries as queries

        if not self._store.exists:
            raise unknown()
        with self._store.reading() as connection:
            parts = queries.parts_of(connection, id)  # first: who closes or deletes is seen below
            found = queries.find(connection, id)
        if found is None:
            raise unknown()
        return found, parts
