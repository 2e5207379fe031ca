"""Keys of requests: who claims one, who is told to wait, who gets the answer that is kept."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.errors import Code, Conflict, InvalidInput
from service.registry import Registry, Store
from service.registry import idempotency as room
from service.registry.attempt import Attempt
from service.registry.idempotency import claim, keep, look, release, sweep

from .conftest import model


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.end()


def claimed(store: Store, attempt: Attempt, seconds: float = 60) -> bytes | None:
    with store.writing() as connection:
        return claim(connection, attempt, seconds)


def kept(store: Store, attempt: Attempt, seconds: float = 60) -> None:
    with store.writing() as connection:
        assert claim(connection, attempt, seconds) is None
        keep(connection, attempt, b"done", seconds)


class TestClaims:
    def test_while_one_is_at_work_others_are_told_and_then_have_its_answer(
        self, store: Store
    ) -> None:
        first, again = Attempt("me", "k", "asked"), Attempt("me", "k", "asked")
        assert claimed(store, first) is None
        assert claimed(store, first) is None
        with pytest.raises(Conflict) as found:
            claimed(store, again)
        assert found.value.code == Code.ATTEMPT_RUNNING
        kept(store, first)
        assert claimed(store, again) == b"done"
        assert claimed(store, first) == b"done"

    @pytest.mark.parametrize("finish", [claimed, kept])
    def test_a_key_is_for_one_request(
        self, store: Store, finish: Callable[[Store, Attempt], object]
    ) -> None:
        finish(store, Attempt("me", "k", "asked"))
        with pytest.raises(InvalidInput) as found:
            claimed(store, Attempt("me", "k", "asked otherwise"))
        assert found.value.code == Code.IDEMPOTENCY_KEY_REUSED
        assert claimed(store, Attempt("you", "k", "asked otherwise")) is None

    def test_a_claim_ends_with_its_time_unless_it_is_renewed(self, store: Store) -> None:
        dead, heir = Attempt("me", "k", "asked"), Attempt("me", "k", "asked")
        assert claimed(store, dead, 0) is None
        assert claimed(store, heir) is None
        with pytest.raises(Conflict):  # it was not dead, only slow
            kept(store, dead)
        with store.writing() as connection:
            release(connection, dead)
        kept(store, heir)
        slow = Attempt("me", "slow", "asked")
        claimed(store, slow, 0)
        assert claimed(store, slow) is None
        with pytest.raises(Conflict):
            claimed(store, Attempt("me", "slow", "asked"))

    def test_a_look_tells_what_a_claim_would_and_takes_nothing(self, store: Store) -> None:
        def looked(request: str) -> bytes | None:
            with store.reading() as connection:
                return look(connection, Attempt("me", "k", request))

        first = Attempt("me", "k", "asked")
        assert looked("asked") is None
        claimed(store, first, 0)
        assert looked("asked otherwise") is None
        claimed(store, first)
        with pytest.raises(Conflict):
            looked("asked")
        with pytest.raises(InvalidInput):
            looked("asked otherwise")
        kept(store, first)
        assert looked("asked") == b"done"
        with pytest.raises(InvalidInput):
            looked("asked otherwise")

    def test_a_key_that_had_no_effect_is_free(self, store: Store) -> None:
        first = Attempt("me", "k", "asked")
        claimed(store, first)
        with store.writing() as connection:
            release(connection, first)
        kept(store, Attempt("me", "k", "asked otherwise"))
        with store.writing() as connection:
            release(connection, first)
        assert claimed(store, Attempt("me", "k", "asked otherwise")) == b"done"

    def test_what_is_old_is_swept_in_portions(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(room, "SWEPT", 3)
        for number in range(5):
            kept(store, Attempt("me", f"old {number}", "asked"), 0)
        kept(store, Attempt("me", "new", "asked"))
        for expected in (3, 2, 0):
            with store.writing() as connection:
                assert sweep(connection) == expected
        assert claimed(store, Attempt("me", "new", "asked")) == b"done"


def test_of_many_transactions_at_one_time_one_has_the_effect(
    url: str, opened: Callable[..., Registry]
) -> None:
    registry = opened(url)
    registry.register(model("other"))

    def attempt(turn: int) -> bytes | None:
        own = Attempt("me", f"key {turn // 8}", "asked")
        with registry.store.writing() as connection:
            found = claim(connection, own, 60)
            if found is None:
                registry.add(connection, model("mine", turn))
                keep(connection, own, b"%d" % turn, 60)
            return found

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(40)))
    assert answers.count(None) == 5
    assert len(registry.lists.versions("mine", None, 100).cards) == 5
