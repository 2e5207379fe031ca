"""Creating calls that may be sent again: Idempotency-Key, and the one effect of all that have it.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from anyio.to_thread import run_sync
from fastapi import Depends, Header, Response
from starlette.types import Scope

from service.api.attempts import attempt_of, key_of
from service.api.call import Content
from service.errors import XentError
from service.registry import Store
from service.registry.attempt import Attempt

if TYPE_CHECKING:
    from sqlalchemy import Connection

CLAIM_SECONDS = 0.1
"""Work that takes longer claims its key; for less, writing that would take as long as the work."""
LEASE_SECONDS = 10.0
"""How long a claim outlives a process that was killed."""
KEEP_SECONDS = 24 * 3600.0
"""How long an answer is kept."""
SWEEP_SECONDS = 600.0

REPLAYED = {"Idempotency-Replayed": "true"}

_OF_THE_REQUEST = ("content-length", "server-timing")


class Once:
    """The effect of one request: in one transaction, and once for all with its Idempotency-Key.

    An operation declares `once: CreatesOnce`, and its route makes it by `once_of`. It computes what
    it will, and then does all that lasts in one function of the transaction:

        return once.perform(lambda connection: created(things.add(connection, thing)))

    The answer is kept with the effect and given to every later request with the key, with
    `Idempotency-Replayed: true`. An effect that raises has not happened, and its key is free.

    Work that may take longer than a moment goes inside of `claimed`, so that a second request is
    told 409 meanwhile instead of working as well:

        async with once.claimed() as kept:
            return kept or await run_sync(once.perform, effect)

    Args:
        store: where its effect and its answer last.
        attempt: the request; None where it came without a key.
    """

    def __init__(self, store: Store, attempt: Attempt | None) -> None:
        self._store = store
        self._attempt = attempt
        self._claimed = self._done = False

    def check(self, other: "Once") -> None:
        """Refuses to have the key of another request that is at work in this process.

        Raises:
            InvalidInput, Conflict: as in `perform`.
        """
        own, others = self._attempt, other._attempt
        if own is None or others is None:
            return
        if (own.principal, own.key) == (others.principal, others.key):
            from service.registry import idempotency

            raise idempotency.refusal(own, others.request)

    @property
    def attempt(self) -> Attempt:
        """The request, of a call that has to have a key."""
        assert self._attempt is not None
        return self._attempt

    def perform(self, effect: "Callable[[Connection], Response]") -> Response:
        """The answer of the effect, or the one that is kept.

        Args:
            effect: makes what lasts in the transaction of the connection, and the answer.

        Raises:
            InvalidInput: the key was given to another request.
            Conflict: another request with the key is at work.
            StoreFull, Unavailable, WouldWait: as `Store.writing` does.
        """
        if self._attempt is None:
            with self._store.writing() as connection:
                return effect(connection)
        from service.registry import idempotency

        with self._store.writing() as connection:
            kept = idempotency.claim(connection, self._attempt, LEASE_SECONDS)
            if kept is not None:
                return _load(kept)
            answer = effect(connection)
            idempotency.keep(connection, self._attempt, _dump(answer), KEEP_SECONDS)
        self._done = True
        return answer

    @asynccontextmanager
    async def claimed(self) -> AsyncIterator[Response | None]:
        """Holds the key while the block works, for as long as this process lives.

        Other processes know of it after `CLAIM_SECONDS`.

        Yields:
            The answer that is kept, with which the block has nothing left to do; else None.

        Raises:
            InvalidInput, Conflict, StoreFull, Unavailable: as in `perform`.
        """
        attempt = self._attempt
        if attempt is None:
            yield None
            return
        kept = await run_sync(self._kept, attempt)
        if kept is not None:
            yield _load(kept)
            return
        over = asyncio.Event()
        claiming = asyncio.create_task(self._claim(attempt, over))
        try:
            yield None
        finally:
            over.set()
            await claiming  # cancelled, it would leave a claim that its thread is still writing
            if self._claimed and not self._done:
                from service.registry import idempotency

                with suppress(XentError):  # it ends by itself
                    await run_sync(self._change, idempotency.release, attempt)

    def _kept(self, attempt: Attempt) -> bytes | None:
        from service.registry import idempotency

        if not self._store.exists:
            return None
        with self._store.reading() as connection:
            return idempotency.look(connection, attempt)

    async def _claim(self, attempt: Attempt, over: asyncio.Event) -> None:
        """Claims the key again and again until the work is over."""
        from service.registry import idempotency

        seconds = CLAIM_SECONDS
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)
            if over.is_set():
                return
            with suppress(XentError):  # without a claim there may be work twice, never effects
                self._claimed = True
                await run_sync(self._change, idempotency.claim, attempt, LEASE_SECONDS)
            seconds = LEASE_SECONDS / 3

    def _change(self, change: Callable[..., Any], *arguments: Any) -> Any:
        with self._store.writing() as connection:
            return change(connection, *arguments)


def _declared(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="A string of the client's in double quotes, such as a UUID. The same "
            "request sent again with it has no second effect and the same answer, for 24 hours"
        ),
    ] = None,
) -> None:
    """For the OpenAPI document alone: routes make it by `once_of`."""


CreatesOnce = Annotated[Once, Depends(_declared)]


async def once_of(scope: Scope, body: Content, store: Store) -> Once:
    """Of a request.

    Args:
        scope: of the request.
        body: as it was sent.
        store: where its effect will last.

    Raises:
        MalformedField: its Idempotency-Key is none.
    """
    key = key_of(scope)
    return Once(store, None if key is None else await run_sync(attempt_of, scope, body, key))


async def sweep(store: Store) -> None:
    """Removes answers that are kept no longer, now and then, until it is cancelled."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        with suppress(XentError):
            await run_sync(_swept, store)


def _swept(store: Store) -> None:
    if store.exists:
        from service.registry import idempotency

        rows = idempotency.SWEPT
        while rows == idempotency.SWEPT:
            with store.writing() as connection:
                rows = idempotency.sweep(connection)


def _dump(answer: Response) -> bytes:
    headers = {k: v for k, v in answer.headers.items() if k not in _OF_THE_REQUEST}
    return orjson.dumps([answer.status_code, headers]) + b"\n" + bytes(answer.body)


def _load(kept: bytes) -> Response:
    head, _, content = kept.partition(b"\n")
    status, headers = orjson.loads(head)
    return Response(content, status, headers | REPLAYED)
