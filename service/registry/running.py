"""Evaluations that run: opened, filled by batches that are pushed from anywhere, closed."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from service.errors import Code, Conflict, InvalidInput, TooLarge, XentError
from service.evaluation import Options, union_of_values
from service.registry.clock import now
from service.registry.evaluation import (
    Batch,
    Evaluation,
    Facts,
    Pushed,
    is_readable,
    load_options,
    new_id,
    outdated,
    unknown,
)
from service.registry.merging import Merging
from service.registry.parts import Part, merged, report_of, whole
from service.registry.repeated import Repeated
from service.registry.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLD = 64
"""With this many parts, they are put into one: reading an evaluation costs no more than that."""
FOLD_SECONDS = 1.0
"""How soon that is done, once it was started."""


class Running:
    """The evaluations that take batches; may be used by several threads, processes and machines.

    Once started, it puts parts together in a thread of its own: who pushes does not wait for it.

    Args:
        store: where they last.
        merging: what this process has added up of them.
        max_open: how many there may be at a time.
        max_bytes: of the state of one.
    """

    def __init__(self, store: Store, merging: Merging, max_open: int, max_bytes: int) -> None:
        self._store = store
        self._merging = merging
        self._max_open = max_open
        self._max_bytes = max_bytes
        self._options: dict[str, Options] = {}
        self._due: set[str] = set()  # evaluations of many parts
        self._folding: Repeated | None = None

    def start(self) -> None:
        """From now on puts parts together aside."""
        self._folding = Repeated(self.fold, FOLD_SECONDS, "folding")
        self._folding.start()

    def end(self) -> None:
        """Does so no more; what is due then is left to whoever pushes, reads or closes later."""
        if self._folding is not None:
            self._folding.end()

    def open(self, connection: "Connection", facts: Facts, options: Options) -> Evaluation:
        """Begins an evaluation that takes batches, in a transaction of the caller's.

        Raises:
            Conflict: as many are open as may be.
        """
        from service.registry import evaluation_queries as queries

        if queries.open_ones(connection, self._max_open) >= self._max_open:
            text = (
                f"{self._max_open} evaluations are open, the limit XENT_MAX_OPEN_EVALUATIONS; "
                "close or delete one"
            )
            raise Conflict(Code.TOO_MANY_OPEN, text)
        made = Evaluation(new_id(), facts, options, None, None, batches=0)
        queries.add(connection, made)
        return made

    def options(self, id: str) -> Options:
        """What the batches of an evaluation have in common; from memory once it is known.

        Raises:
            NotFound: no such evaluation.
            Conflict: it does not take batches, or another version of Xent opened it.
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        from service.registry import evaluation_queries as queries

        known = self._options.get(id)
        if known is not None:
            return known
        if not self._store.exists:
            raise unknown()
        with self._store.reading() as connection:
            row = queries.options_of(connection, id)
        if row is None:
            raise unknown()
        (stored,) = row
        if stored is None:
            raise _closed()
        if not is_readable(stored):
            raise outdated()
        options = load_options(stored)
        if len(self._options) >= self._max_open:  # of evaluations that are long closed
            self._options.clear()
        self._options[id] = options
        return options

    def push(self, id: str, key: str, digest: str, batch: Batch) -> Pushed:
        """Counts the rows of a batch, once.

        Args:
            id: of the evaluation.
            key: of the batch.
            digest: of what was sent.
            batch: its rows, scored by the evaluation's options.

        Returns:
            What came of it, now or when a batch of this key was first pushed.

        Raises:
            NotFound: no such evaluation.
            Conflict: it is closed.
            InvalidInput: the key was used for another batch, or a column of slices has too many
                values, or of another kind than before.
            TooLarge: the state of the evaluation would be over its limit.
            StoreFull: the disk is full.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: as in `options`.
        """
        from service.registry import evaluation_queries as queries

        pushed = Pushed(batch.count, batch.ignored, repeated=False)
        while True:
            with self._store.writing() as connection:
                found = queries.lock(connection, id)
                if found is None:
                    raise unknown()
                before = queries.batch(connection, id, key)
                if before is not None:
                    return _repeated(digest, *before)
                closed, known = found
                if closed is not None:
                    raise _closed()
                count, size = queries.size(connection, id)
                if size + len(batch.state) <= self._max_bytes:
                    slices = json.dumps(union_of_values(json.loads(known), batch.values))
                    if slices != known:
                        queries.set_slices(connection, id, slices)
                    queries.add_batch(connection, id, key, digest, pushed)
                    part = Part(new_id(), 1, batch.state)
                    queries.add_part(connection, id, part)
                    break
            if count < 2:
                text = (
                    "the state of the evaluation would be over the limit "
                    f"XENT_MAX_EVALUATION_BYTES of {self._max_bytes} bytes"
                )
                raise TooLarge(Code.EVALUATION_TOO_LARGE, text)
            self._merging.fold(id)  # in one, the parts take less
        self._merging.add(id, part, batch.rows, first=count == 0)
        if count > 0 and count % FOLD == 0:  # of all who push, one process does it
            self._due.add(id)
            if self._folding is None:
                self.fold()
        return pushed

    def fold(self) -> None:
        """Puts the parts of each evaluation into one where there are many."""
        for id in tuple(self._due):
            self._due.discard(id)
            with suppress(XentError):  # all is counted as it is; a later batch makes it due again
                self._merging.fold(id)

    def close(self, id: str) -> None:
        """Takes no more batches and keeps the report; of a closed one nothing changes.

        Raises:
            NotFound: no such evaluation.
            Conflict: another version of Xent opened it.
            StoreFull, Unavailable, WouldWait: as in `push`.
        """
        from service.registry import evaluation_queries as queries

        if not self._store.exists:
            raise unknown()
        self._merging.fold(id)  # most of the work, while others still push
        with self._store.writing() as connection:
            if queries.lock(connection, id) is None:
                raise unknown()
            found = queries.find(connection, id)
            if found is None or found.closed is not None:
                return
            parts = queries.parts_of(connection, id)
            state = merged(found.options, parts)
            queries.replace_parts(connection, id, parts, whole(parts, state))
            report, summary = report_of(state)
            queries.close(connection, id, now(), summary, report)
        self._merging.forget(id)

    def forget(self, id: str) -> None:
        """Of one that was removed."""
        self._options.pop(id, None)
        self._merging.forget(id)


def _repeated(digest: str, stored: str, pushed: Pushed) -> Pushed:
    if digest != stored:
        text = "another batch was pushed with this Idempotency-Key; take a new one for this"
        raise InvalidInput.at("", Code.IDEMPOTENCY_KEY_REUSED, text)
    return pushed


def _closed() -> Conflict:
    text = "the evaluation takes no more batches; POST /v1/evaluations/open begins another one"
    return Conflict(Code.EVALUATION_CLOSED, text)
