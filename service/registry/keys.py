"""Keys: kept in a database, known in memory, where requests are checked against them."""

import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import TYPE_CHECKING

from service.errors import (
    Code,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
    XentError,
)
from service.registry.audit import record
from service.registry.key import Key, Scope, digest_of, id_of, is_well_formed, new_key
from service.registry.repeated import Repeated
from service.registry.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

POLL_SECONDS = 0.5
"""Between two looks for changes: a quarter of what is promised, for a machine that is busy."""
USE_SECONDS = 60
"""How finely the last use of a key is known."""


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys, the oldest first.

    Attributes:
        keys: the keys.
        next: what to give as `after` for the following ones; None where there are none.
    """

    keys: tuple[Key, ...]
    next: str | None


class Keys:
    """The keys of a store; may be used by several threads, processes and machines.

    Once started, it follows what other processes change, in a thread that waits for nothing else:
    whatever is being loaded, a key is refused within two seconds after it was revoked.

    Args:
        store: where they last.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Mapping[str, Key] = {}
        self._seen = -1  # the last change that these know of
        self._refreshing = threading.Lock()
        self._used: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._followers = (
            Repeated(self.refresh, POLL_SECONDS, "keys"),
            # apart: a write may wait long for those of other processes
            Repeated(self._write_uses, USE_SECONDS, "uses"),
        )

    def start(self) -> None:
        """Reads what there is, and from then on follows it."""
        with suppress(XentError):
            self.refresh()
        for follower in self._followers:
            follower.start()

    def end(self) -> None:
        """Follows no more."""
        for follower in self._followers:
            follower.end()
        with suppress(XentError):
            self._write_uses()

    def check(self) -> None:
        """Whether it is known which keys there are.

        Raises:
            Unavailable: the database could not be read yet.
        """
        if self._seen < 0:
            text = "the store could not be read yet, so that nobody can be let in; try again soon"
            raise Unavailable(Code.STORE_UNAVAILABLE, text)

    @property
    def exist(self) -> bool:
        """Whether there has ever been a key; those that are revoked count.

        Raises:
            Unavailable: as `check` does.
        """
        self.check()
        return bool(self._known)

    def find(self, token: str) -> Key:
        """The key of a text, which is in force. Never asks the database.

        Raises:
            Unauthenticated: there is none, or it has expired or been revoked.
            Unavailable: the database could not be read yet.
        """
        key = self._known.get(id_of(token))
        if key is None or not compare_digest(key.digest, digest_of(token)):
            raise self._unknown(token)
        now = int(time.time())
        if key.revoked is not None:
            raise Unauthenticated(Code.KEY_REVOKED, f"the key {key.id} has been revoked")
        if key.expires is not None and key.expires <= now:
            raise Unauthenticated(Code.KEY_EXPIRED, f"the key {key.id} has expired")
        self._used[key.id] = now
        return key

    def _unknown(self, token: str) -> XentError:
        if not is_well_formed(token):
            text = "the key is not whole, or mistyped: its checksum does not match"
            return Unauthenticated(Code.KEY_INVALID, text)
        if not self.exist:
            text = "there is no key yet, so that this one is of another store; send none"
            return Unauthenticated(Code.KEY_INVALID, text)
        return Unauthenticated(Code.KEY_INVALID, "there is no such key")

    def create(self, name: str, scopes: Collection[Scope], **limits: int | None) -> tuple[Key, str]:
        """Makes a key.

        Args:
            name: for people.
            scopes: what it is for.
            limits: its end and its rates, as of `new_key`.

        Returns:
            The key, and its text, which can never be told again.

        Raises:
            InvalidInput: it would have ended before it was made.
            StoreFull: the disk is full.
            Unavailable: the database cannot be used now, or did not confirm.
            WouldWait: in the thread of a server's loop.
        """
        key, token = new_key(name, scopes, **limits)
        with self._store.writing() as connection:
            self.add(connection, key)
        self.look_again()
        return key, token

    def add(self, connection: "Connection", key: Key) -> None:
        """Stores a new key in a transaction of the caller's, who then calls `look_again`."""
        from service.registry import key_queries, queries

        change = queries.next_change(connection)
        key_queries.add(connection, key, change)
        told = {"name": key.name, "scopes": key.scopes}
        record(connection, change, "key.create", f"keys/{key.id}", **told)

    def revoke(self, id: str) -> Key:
        """Refuses a key from now on, for good; doing it twice changes nothing.

        Raises:
            NotFound: no such key.
            StoreFull, Unavailable, WouldWait: as in `create`.
        """
        from service.registry import key_queries, queries

        found = None
        if self._store.exists:
            with self._store.writing() as connection:
                change = queries.next_change(connection)
                found = key_queries.find(connection, id)
                if found is not None and found.revoked is None:
                    found = replace(found, revoked=int(time.time()))
                    key_queries.revoke(connection, found, change)
                    record(connection, change, "key.revoke", f"keys/{id}", name=found.name)
        if found is None:
            text = "there is no key of that id; GET /v1/keys lists them"
            raise NotFound(Code.UNKNOWN_KEY, text)
        self.look_again()
        return found

    def page(self, after: str | None, limit: int) -> KeyPage:
        """The keys in the order of their making, also those that are not in force.

        Args:
            after: the id of the key that the page begins behind; None begins with the first.
            limit: of the keys on it.

        Raises:
            InvalidInput: there is no such key to begin behind.
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        found: list[Key] | None = [] if after is None else None
        if self._store.exists:
            from service.registry import key_queries

            with self._store.reading() as connection:
                found = key_queries.after(connection, after, limit + 1)
        if found is None:
            text = "after is the id of no key, behind which a page could begin"
            raise InvalidInput.at("/after", Code.INVALID_CURSOR, text)
        more = len(found) > limit
        return KeyPage(tuple(found[:limit]), found[limit - 1].id if more else None)

    def refresh(self) -> None:
        """Learns what has changed.

        Raises:
            Unavailable: the database cannot be used now.
        """
        if not self._store.exists:
            self._seen = max(self._seen, 0)
            return
        from service.registry import key_queries, queries

        with self._refreshing:
            with self._store.reading() as connection:
                change = queries.last_change(connection)
                if change == self._seen:
                    return
                behind = change < self._seen  # another store: see Mirror.refresh
                changed = key_queries.since(connection, -1 if behind else self._seen)
            # one that has no keys must not open a server that has
            known = {} if behind and changed else self._known
            self._known = {**known, **{key.id: key for key in changed}}
            self._seen = change

    def look_again(self) -> None:
        """Learns what was stored, as far as the database can be used now."""
        with suppress(XentError):  # it is stored; the next look will see it
            self.refresh()

    def _write_uses(self) -> None:
        from service.registry import key_queries

        used = {id: at for id, at in dict(self._used).items() if at != self._written.get(id)}
        if used:
            with self._store.writing() as connection:
                key_queries.write_uses(connection, used)
            self._written |= used
