"""What one process knows of the registered models, kept in step with the database."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic

from service.classifier import from_bytes
from service.errors import Code, Damaged, NotFound, Unavailable, XentError
from service.registry.memory import DEFAULT, Entry, Recent
from service.registry.store import Store, not_in_a_loop
from service.registry.version import Version, digest_of

POLL_SECONDS = 1.0
TURN_SECONDS = 3.0
_LOG = logging.getLogger("xent")


class Mirror:
    """The names, aliases and recently used models of a store; may be used by several threads.

    What another process has changed is known within `POLL_SECONDS` and the time that reading it
    takes, once the mirror was started; until then it looks whenever it is asked.

    Args:
        store: what is mirrored.
        capacity: bytes of the models that are kept.
    """

    def __init__(self, store: Store, capacity: int) -> None:
        self._store = store
        self._recent = Recent(capacity)
        self._entries: dict[str, Entry] = {}
        self._seen = -1  # the last change that the entries know of
        self._refreshing = threading.Lock()
        self._damaged: set[tuple[str, int]] = set()
        self._ending = threading.Event()
        self._poller: threading.Thread | None = None
        self._lost = False  # whether the log has been told that the database cannot be used

    def start(self, ready: Callable[[], object]) -> None:
        """Reads what there is, and from then on looks for changes in a thread of its own.

        A database that cannot be used now is no error: it is looked for again and again.

        Args:
            ready: is called in that thread once what aliases stand for is in memory.
        """
        self._follow()
        self._poller = threading.Thread(
            target=self._poll, args=(ready,), name="registry", daemon=True
        )
        self._poller.start()

    def end(self) -> None:
        """Looks no more."""
        self._ending.set()
        if self._poller is not None:
            self._poller.join()

    def entry(self, name: str) -> Entry:
        """What there is of a model.

        Raises:
            NotFound: no such model.
            Unavailable: the database could not be read yet.
            WouldWait: in the thread of a server's loop, where the mirror was not started.
        """
        if self._poller is None:  # nobody looks for changes
            self.look()
        entry = self._entries.get(name)
        if entry is not None and entry.newest is not None:
            return entry
        if self._seen < 0:
            text = "the store could not be read yet; only the models that ship are known"
            raise Unavailable(Code.STORE_UNAVAILABLE, text)
        raise unknown_model()

    def is_deleted(self, name: str) -> bool:
        """Whether a model of that name waits to be restored or purged, as far as is known."""
        entry = self._entries.get(name)
        return entry is not None and entry.deleted

    def version(self, name: str, number: int) -> Version | None:
        """A version, from memory or else from the database; None where there is none.

        Raises:
            Unavailable: it is not in memory, and the database cannot be used now.
            WouldWait: it is not in memory, in the thread of a server's loop.
        """
        return self._recent.get(name, number) or self._load(name, number)

    def keep(self, version: Version) -> None:
        """Keeps a version that was just stored."""
        self._recent.put(version)

    def keep_file(self, name: str, number: int, artifact: bytes, digest: str, created: int) -> None:
        """Keeps a version whose file was just read, and compared with its digest."""
        if self._recent.get(name, number) is None:
            self.keep(Version(from_bytes(artifact), digest, created))

    def checked(self, name: str, number: int, artifact: bytes, digest: str) -> bytes:
        """A stored file, which is the one that was stored.

        Raises:
            Damaged: it is another; the first time that is also logged.
        """
        if digest_of(artifact) == digest:
            return artifact
        if (name, number) not in self._damaged:
            self._damaged.add((name, number))
            _LOG.error("damaged model file", extra={"model": name, "version": number})
        text = f"the stored file of version {number} of {name} is damaged; it is not served"
        raise Damaged(Code.DAMAGED_ARTIFACT, text)

    def look(self) -> None:
        """Learns what others have changed, where a second is too old.

        Raises:
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        not_in_a_loop()
        self.refresh()

    def refresh(self) -> None:
        """Learns what has changed; versions that aliases stand for are read before they count.

        Raises:
            Unavailable: the database cannot be used now.
        """
        if not self._store.exists:
            self._seen = max(self._seen, 0)
            return
        from service.registry import queries

        with self._turn():
            with self._store.reading() as connection:
                change = queries.last_change(connection)
                if change == self._seen:
                    return
                # a copy that was put back, or a replica that took over before it had all
                behind = change < self._seen
                changed = queries.entries_since(connection, -1 if behind else self._seen)
            if behind:
                self._recent.clear()
            if self._seen >= 0:  # at the start nobody waits for all of them
                for name, number in self._missing(changed):
                    self._read(name, number)
            if behind:
                self._entries = changed
            else:
                self._entries.update(changed)  # a copy of thousands would take longer than the rest
            for name, entry in changed.items():
                if entry.gone or entry.newest is None:
                    self._recent.drop(name, entry)
            self._seen = change

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One looks at a time; behind a database that keeps silent there is no queue."""
        if not self._refreshing.acquire(timeout=TURN_SECONDS):
            text = "others wait for the store already, which does not answer; scoring goes on"
            raise Unavailable(Code.STORE_UNAVAILABLE, text)
        try:
            yield
        finally:
            self._refreshing.release()

    def _missing(self, entries: Mapping[str, Entry]) -> Iterator[tuple[str, int]]:
        """What aliases stand for and is not in memory, as far as there is room for it."""
        for name, entry in entries.items():
            if entry.newest is None:
                continue
            served = {entry.number(DEFAULT), *(alias.number for alias in entry.aliases.values())}
            for number in served - {None}:
                if self._ending.is_set() or self._recent.nearly_full:
                    return
                if number is not None and self._recent.get(name, number) is None:
                    yield name, number

    def _read(self, name: str, number: int) -> None:
        """Reads a version ahead, so that scoring goes on without the database."""
        with suppress(XentError):  # whoever asks for it is told
            self._load(name, number)

    def _poll(self, ready: Callable[[], object]) -> None:
        self._read_all()
        ready()
        while not self._ending.wait(POLL_SECONDS):
            self._follow()

    def _read_all(self) -> None:
        """Reads ahead what there was at the start, and rests as long as it works: requests wait."""
        looked = monotonic()
        for name, number in self._missing(dict(self._entries)):
            begun = monotonic()
            self._read(name, number)
            if begun - looked > POLL_SECONDS:
                self._follow()
                looked = begun
            self._ending.wait(monotonic() - begun)

    def _follow(self) -> None:
        """Refreshes, and tells the log when the database is lost and when it is found again."""
        try:
            self.refresh()
        except Exception as error:  # noqa: BLE001 a thread that ended would be missed by nobody
            if not self._lost:
                reason = error.detail if isinstance(error, XentError) else type(error).__name__
                _LOG.warning("the store cannot be read", extra={"reason": reason})
            self._lost = True
        else:
            if self._lost:
                _LOG.info("the store is read again")
            self._lost = False

    def _load(self, name: str, number: int) -> Version | None:
        from service.registry import queries

        with self._store.reading() as connection:
            found = queries.artifact_of(connection, name, number)
        if found is None:
            return None
        artifact, digest, created = found
        model = from_bytes(self.checked(name, number, artifact, digest))
        version = Version(model, digest, created)
        self._recent.put(version)
        return version


def unknown_model() -> NotFound:
    """The error of a model that is not there."""
    text = "there is no model of that name; GET /v1/models lists those that there are"
    return NotFound(Code.UNKNOWN_MODEL, text)
