"""Keys and the log of changes, in both databases and several processes."""

import re
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.errors import Code, InvalidInput, NotFound, Unauthenticated, Unavailable
from service.registry import ACTOR, SCOPES, Actor, Keys, Store
from service.registry import keys as room
from service.registry.audit import entries
from service.registry.key import digest_of, id_of, is_well_formed, new_token

from .conftest import model

Open = Callable[[str], Keys]


@pytest.fixture
def open_keys() -> Iterator[Open]:
    """Opens keys as a process does, and closes them."""
    stores: list[Store] = []

    def open_one(url: str) -> Keys:
        stores.append(Store(url))
        return Keys(stores[-1])

    yield open_one
    for store in stores:
        store.end()


def soon(done: Callable[[], bool]) -> bool:
    """Whether it is done within two seconds, the promise of the documentation."""
    deadline = time.monotonic() + 2
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def refused(keys: Keys, token: str) -> Code | None:
    try:
        keys.find(token)
    except Unauthenticated as error:
        return error.code
    return None


class TestText:
    def test_it_is_found_by_scanners_and_never_twice_the_same(self) -> None:
        tokens = {new_token() for _ in range(1000)}
        assert len(tokens) == 1000
        for token in tokens:
            assert re.fullmatch(r"xent_[0-9a-z]{10}_[0-9A-Za-z]{49}", token)
            assert is_well_formed(token)
            assert id_of(token) == token.split("_")[1]

    def test_every_mistyped_or_lost_character_is_found_without_a_database(self) -> None:
        token = new_token()
        for place in range(len(token)):
            for other in ("0", "z", "_", "ä", ""):
                wrong = token[:place] + other + token[place + 1 :]
                assert wrong == token or not is_well_formed(wrong)
        swapped = token[:20] + token[21] + token[20] + token[22:]
        assert swapped == token or not is_well_formed(swapped)

    def test_the_checksum_is_that_of_the_documentation(self) -> None:
        text = "xent_0123456789_" + "A" * 43
        number = zlib.crc32(text.encode())
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        check = "".join(digits[number // 62**n % 62] for n in range(5, -1, -1))
        assert is_well_formed(text + check)


class TestKeys:
    def test_made_found_and_revoked(self, url: str, open_keys: Open) -> None:
        keys = open_keys(url)
        keys.refresh()
        assert not keys.exist
        key, token = keys.create("ci", ["train", "score"], rows_per_minute=5)
        assert keys.exist
        assert key.scopes == ("score", "train")
        assert keys.find(token) == key
        assert refused(keys, token[:-1]) == Code.KEY_INVALID
        assert refused(keys, new_token()) == Code.KEY_INVALID
        assert refused(keys, "") == Code.KEY_INVALID
        gone = keys.revoke(key.id)
        assert gone == replace(key, revoked=gone.revoked)
        assert refused(keys, token) == Code.KEY_REVOKED
        assert keys.revoke(key.id) == gone
        assert keys.exist
        with pytest.raises(NotFound):
            keys.revoke("nobody")

    def test_an_end(self, url: str, open_keys: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = open_keys(url)
        token = keys.create("short", ["score"], expires=int(time.time()) + 50)[1]
        assert refused(keys, token) is None
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 51)
        assert refused(keys, token) == Code.KEY_EXPIRED

    def test_an_end_that_is_past_is_refused(self, url: str, open_keys: Open) -> None:
        keys = open_keys(url)
        for end in (0, int(time.time()) - 1, int(time.time())):
            with pytest.raises(InvalidInput) as found:
                keys.create("dead", ["score"], expires=end)
            assert found.value.faults[0].pointer == "/expires"
        assert keys.page(None, 1).keys == ()

    def test_only_the_digest_is_kept(self, url: str, open_keys: Open) -> None:
        keys = open_keys(url)
        token = keys.create("ci", SCOPES)[1]
        with keys._store.reading() as connection:
            rows = [
                str(row)
                for name in ("keys", "audit")
                for row in connection.exec_driver_sql(f"SELECT * FROM {name}")
            ]
            (digest,) = connection.exec_driver_sql("SELECT digest FROM keys").scalars()
        assert bytes(digest) == digest_of(token)
        assert len(rows) == 2
        assert not [row for row in rows if token[16:] in row]

    def test_what_another_process_makes_and_revokes_counts_within_two_seconds(
        self, url: str, open_keys: Open
    ) -> None:
        one, other = open_keys(url), open_keys(url)
        other.start()
        key, token = one.create("key", ["score"])
        assert soon(lambda: refused(other, token) is None)
        one.revoke(key.id)
        assert soon(lambda: refused(other, token) == Code.KEY_REVOKED)
        other.end()

    def test_the_last_use_is_written_once_and_never_backwards(
        self, url: str, open_keys: Open
    ) -> None:
        one, other = open_keys(url), open_keys(url)
        key, token = one.create("ci", ["score"])
        other.refresh()
        before = int(time.time())
        for _ in range(100):
            one.find(token)
        assert one.page(None, 1).keys[0].used is None  # nothing is written on the way
        one._write_uses()
        used = one.page(None, 1).keys[0].used
        assert used is not None
        assert before <= used <= time.time()
        other._used[key.id] = used - 100  # of a process that writes late
        other._write_uses()
        assert one.page(None, 1).keys[0].used == used

    def test_the_end_of_a_process_writes_the_last_uses(self, url: str, open_keys: Open) -> None:
        keys = open_keys(url)
        token = keys.create("ci", ["score"])[1]
        keys.start()
        keys.find(token)
        keys.end()
        assert keys.page(None, 1).keys[0].used is not None

    def test_pages_in_the_order_of_making(self, url: str, open_keys: Open) -> None:
        keys = open_keys(url)
        made = {keys.create(f"key {n}", ["read"])[0].id for n in range(7)}
        found: list[str] = []
        after = None
        while True:
            page = keys.page(after, 3)
            found += [key.id for key in page.keys]
            after = page.next
            if after is None:
                break
        assert (len(found), set(found)) == (7, made)
        with pytest.raises(InvalidInput) as refusal:
            keys.page("made up", 3)
        assert refusal.value.code == Code.INVALID_CURSOR

    def test_many_at_one_time(self, url: str, open_keys: Open) -> None:
        keys = open_keys(url)
        keys.create("first", ["admin"])  # the schema

        def work(turn: int) -> str:
            key, token = keys.create(f"key {turn}", ["score"])
            assert keys.find(token).id == key.id
            if turn % 2:
                keys.revoke(key.id)
            return token

        with ThreadPoolExecutor(8) as pool:
            tokens = list(pool.map(work, range(24)))
        keys.refresh()
        expected = [Code.KEY_REVOKED if turn % 2 else None for turn in range(24)]
        assert [refused(keys, token) for token in tokens] == expected
        lines = entries(keys._store, None, 100)
        assert len(lines) == 1 + 24 + 12
        assert len({line.change for line in lines}) == len(lines)

    def test_where_nothing_was_ever_kept(
        self, fresh_url: Callable[[str], str], open_keys: Open
    ) -> None:
        keys = open_keys(fresh_url("sqlite"))
        keys.start()
        assert not keys.exist
        assert keys.page(None, 10).keys == ()
        assert entries(keys._store, None, 10) == []
        with pytest.raises(NotFound):
            keys.revoke("nobody")
        with pytest.raises(InvalidInput):
            keys.page("nobody", 10)
        keys.end()
        assert not keys._store.exists

    def test_as_long_as_nothing_could_be_read_nobody_is_let_in(self, open_keys: Open) -> None:
        keys = open_keys("postgresql://nobody:hunter2@127.0.0.1:1/none")
        keys.start()
        for call in (lambda: keys.exist, keys.check, lambda: keys.find(new_token())):
            with pytest.raises(Unavailable) as found:
                call()
            assert "hunter2" not in found.value.detail
        keys.end()

    def test_known_keys_are_found_while_the_database_is_away(
        self, url: str, open_keys: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = open_keys(url)
        token = keys.create("ci", ["score"])[1]

        def away() -> Any:
            raise Unavailable(Code.STORE_UNAVAILABLE, "away")

        monkeypatch.setattr(keys._store, "reading", away)
        monkeypatch.setattr(keys._store, "writing", away)
        monkeypatch.setattr(room, "POLL_SECONDS", 0.01)
        keys.start()
        assert refused(keys, token) is None
        keys.end()


class TestAudit:
    def test_a_change_and_its_line_are_stored_together_or_not_at_all(
        self, url: str, opened: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = opened(url)
        keys = Keys(registry.store)
        registry.register(model("mine"))
        reset = ACTOR.set(Actor("k3y", "a request"))
        try:
            registry.register(model("mine"))
        finally:
            ACTOR.reset(reset)
        with monkeypatch.context() as patch:
            patch.setattr("service.registry.audit.json.dumps", _fail)
            for change in (
                lambda: registry.register(model("mine")),
                lambda: registry.aliases.move("mine", "champion", 1, None),
                lambda: keys.create("ci", ["score"]),
            ):
                with pytest.raises(RuntimeError, match="a fault"):
                    change()
        assert registry.find("mine").version == 2
        assert keys.page(None, 1).keys == ()
        found = [
            (e.principal, e.request, e.action, e.subject) for e in entries(keys._store, None, 9)
        ]
        assert found == [
            ("k3y", "a request", "version.create", "models/mine/versions/2"),
            ("local", None, "version.create", "models/mine/versions/1"),
        ]
        assert entries(keys._store, 2, 9)[0].subject == "models/mine/versions/1"


def _fail(*args: Any, **more: Any) -> str:
    raise RuntimeError("a fault")


def test_replicas_that_write_uses_at_one_time_do_not_wait_for_each_other(
    fresh_url: Callable[[str], str], open_keys: Open
) -> None:
    url = fresh_url("postgresql")
    keys, other = open_keys(url), open_keys(url)
    tokens = {key.id: token for key, token in (keys.create(n, ["score"]) for n in ("a", "b"))}
    first, last = sorted(tokens)
    for id in (last, first):
        assert keys.find(tokens[id]).id == id
    hold = "UPDATE keys SET used = 1 WHERE id = '{}'"
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with ThreadPoolExecutor(1) as pool:
        with other._store.writing() as connection:
            connection.exec_driver_sql(hold.format(first))
            ended = pool.submit(keys.end)
            while not connection.exec_driver_sql(waiting).scalar_one():
                time.sleep(0.01)
            connection.exec_driver_sql(hold.format(last))
        ended.result()
    found = keys.page(None, 2).keys
    assert all(key.used is not None and key.used > 1 for key in found)
