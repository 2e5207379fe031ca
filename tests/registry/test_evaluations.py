"""Evaluations in both databases: kept, paged through, filled by many, counted once."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from service.errors import Code, Conflict, InvalidInput, NotFound, TooLarge, XentError
from service.evaluation import Options, State, assess, evaluate
from service.registry import Batch, Evaluations, Facts, Finished, Store, WouldWait, merging
from service.registry import running as room
from service.registry.audit import entries
from service.registry.evaluation import first_id
from service.registry.evaluations import EvaluationsPage
from service.wire import dump_json

OPTIONS = Options.of(class_count=2, worst=3)
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(600, 2))
LABELS = RNG.integers(0, 2, 600)


@pytest.fixture
def make(url: str) -> Iterator[Callable[..., Evaluations]]:
    stores: list[Store] = []

    def make_one(max_open: int = 10, max_bytes: int = 10**6) -> Evaluations:
        stores.append(Store(url))
        return Evaluations(stores[-1], max_open, max_bytes)

    yield make_one
    for store in stores:
        store.end()


@pytest.fixture
def evaluations(make: Callable[..., Evaluations]) -> Evaluations:
    return make()


def finished(**facts: Any) -> Finished:
    return Finished.of(Facts(**facts), *assess(logits=LOGITS[:9], labels=LABELS[:9]))


def add(evaluations: Evaluations, **facts: Any) -> str:
    with evaluations._store.writing() as connection:
        return evaluations.add(connection, finished(**facts)).id


def open_one(evaluations: Evaluations, **facts: Any) -> str:
    with evaluations._store.writing() as connection:
        return evaluations.running.open(connection, Facts(**facts), OPTIONS).id


def batch(number: int, size: int = 3, **more: Any) -> Batch:
    rows = np.arange(number * size, number * size + size)
    return Batch.of(
        OPTIONS.score("k", logits=LOGITS[rows], labels=LABELS[rows], row_ids=rows, **more)
    )


def push(evaluations: Evaluations, id: str, number: int, **more: Any) -> bool:
    return evaluations.running.push(id, f"k{number}", f"d{number}", batch(number, **more)).repeated


def whole(count: int) -> bytes:
    report = evaluate(
        logits=LOGITS[:count], labels=LABELS[:count], worst=3, row_ids=np.arange(count)
    )
    return dump_json(report)


class TestStored:
    def test_it_is_there_for_others_as_it_was(self, make: Callable[..., Evaluations]) -> None:
        said: dict[str, Any] = {"name": "n", "model": "m", "version": "7", "tags": {"ä": "\u2028"}}
        id, kept = add(make(), **said), finished(**said)
        found = make().find(id)
        assert (found.facts, found.report, found.options) == (kept.facts, kept.report, None)
        assert found.closed == found.created
        assert make().state(id) == State.from_bytes(kept.state)

    def test_nothing_is_there_before_the_first(self, evaluations: Evaluations) -> None:
        assert evaluations.page(None, 5) == EvaluationsPage((), None)
        stored, running = evaluations, evaluations.running
        for call in (stored.find, stored.state, stored.delete, running.options, running.close,
                     lambda id: push(evaluations, id, 0)):  # fmt: skip
            with pytest.raises(NotFound):
                call(first_id(0) + "0" * 18)

    def test_pages_go_back_in_time(self, evaluations: Evaluations) -> None:
        ids = [add(evaluations, model="ab"[i % 2], version=str(i % 4)) for i in range(12)]
        ids.reverse()
        for chosen, wanted in (
            ({}, ids),
            ({"model": "b"}, ids[::2]),
            ({"model": "b", "version": "3"}, ids[::4]),
            ({"version": "0"}, ids[3::4]),
            ({"since": int(ids[4][:14], 16)}, ids[:5]),
            ({"until": int(ids[4][:14], 16)}, ids[5:]),
            ({"model": "c"}, []),
        ):
            found, after = [], None
            while True:
                page = evaluations.page(after, 5, **chosen)
                found += [entry.id for entry in page.evaluations]
                assert all(entry.report is None for entry in page.evaluations)
                after = page.next
                if after is None:
                    break
                assert len(page.evaluations) == 5
            assert found == wanted

    def test_delete(self, evaluations: Evaluations) -> None:
        kept, gone = add(evaluations), open_one(evaluations)
        push(evaluations, gone, 0)
        evaluations.delete(gone)
        for call in (evaluations.find, evaluations.running.options, evaluations.delete,
                     lambda id: push(evaluations, id, 0)):  # fmt: skip
            with pytest.raises(NotFound):
                call(gone)
        assert [e.id for e in evaluations.page(None, 5).evaluations] == [kept]
        told = [(line.action, line.subject) for line in entries(evaluations._store, None, 9)]
        assert told == [("evaluation.delete", f"evaluations/{gone}")]

    def test_it_takes_no_batches(self, evaluations: Evaluations) -> None:
        id = add(evaluations)
        with pytest.raises(Conflict):
            evaluations.running.options(id)
        with pytest.raises(Conflict):
            push(evaluations, id, 0)

    def test_a_loop_is_never_made_to_wait(self, evaluations: Evaluations) -> None:
        id = open_one(evaluations)

        async def ask() -> None:
            for call in (evaluations.find, evaluations.running.options, evaluations.running.close):
                with pytest.raises(WouldWait):
                    call(id)

        asyncio.run(ask())
        assert evaluations.running.options(id) == OPTIONS


class TestRunning:
    def test_nothing_is_counted_twice(self, make: Callable[..., Evaluations]) -> None:
        one, other = make(), make()
        id = open_one(one, name="n")
        assert one.find(id).report is None
        assert not push(one, id, 0)
        assert push(other, id, 0)
        assert not push(other, id, 1)
        with pytest.raises(XentError) as error:
            one.running.push(id, "k1", "other", batch(2))
        assert error.value.code == Code.IDEMPOTENCY_KEY_REUSED
        for evaluations in (one, other):
            found = evaluations.find(id)
            assert (found.report, found.batches, found.closed) == (whole(6), 2, None)

    def test_after_the_end_nothing_is_counted_but_answers_are_repeated(
        self, evaluations: Evaluations
    ) -> None:
        id = open_one(evaluations)
        push(evaluations, id, 0)
        evaluations.running.close(id)
        closed = evaluations.find(id)
        assert closed.report == whole(3)
        assert closed.closed is not None
        with pytest.raises(Conflict) as error:
            push(evaluations, id, 1)
        assert error.value.code == Code.EVALUATION_CLOSED
        assert push(evaluations, id, 0)
        evaluations.running.close(id)
        assert evaluations.find(id) == closed

    def test_an_evaluation_without_rows_has_no_report(self, evaluations: Evaluations) -> None:
        id = open_one(evaluations)
        push(evaluations, id, 0, sample_weights=np.zeros(3))
        assert (evaluations.find(id).report, evaluations.find(id).batches) == (None, 1)
        evaluations.running.close(id)
        assert (evaluations.find(id).report, evaluations.find(id).summary) == (None, None)

    def test_many_at_once_lose_nothing_and_parts_stay_few(
        self, make: Callable[..., Evaluations], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(room, "FOLD", 8)
        two = (make(), make())  # each as if of its own process
        id = open_one(two[0])
        turns = [*range(40), *range(40)]  # every batch is sent twice
        np.random.default_rng(1).shuffle(turns)
        with ThreadPoolExecutor(8) as pool:
            repeated = [*pool.map(lambda n: push(two[n % 2], id, n, size=10), turns)]
        assert sum(repeated) == 40
        found = two[0].find(id)
        assert (found.report, found.batches) == (whole(400), 40)
        parts = len(two[0]._read(id)[1])
        assert parts < 8 + 8 + 8
        two[1].running.close(id)
        assert two[0].find(id).report == found.report
        assert len(two[0]._read(id)[1]) == 1

    def test_who_pushes_and_reads_does_not_wait_until_parts_are_put_together(
        self, make: Callable[..., Evaluations], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(room, "FOLD", 4)
        monkeypatch.setattr(room, "FOLD_SECONDS", 0.01)
        one, other = make(), make()
        id = open_one(one)
        begun, go_on = Event(), Event()
        put_together = one._merging.fold

        def slow(id: str) -> None:
            begun.set()
            assert go_on.wait(10)
            put_together(id)

        monkeypatch.setattr(one._merging, "fold", slow)
        one.running.start()
        try:
            for number in range(5):
                push(one, id, number)
            assert begun.wait(10)
            for number in range(5, 10):
                push(one, id, number)
                assert one.find(id).report == whole(3 * number + 3)
            assert len(other._read(id)[1]) == 10
            go_on.set()
            while len(other._read(id)[1]) > 2:
                time.sleep(0.01)
            push(one, id, 10)
            assert [e.find(id).report for e in (one, other)] == [whole(33), whole(33)]
        finally:
            go_on.set()
            one.running.end()

    def test_what_is_due_when_a_process_ends_is_left_as_it_is(
        self, make: Callable[..., Evaluations], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(room, "FOLD", 4)
        one = make()
        one.running.start()
        id = open_one(one)
        for number in range(6):
            push(one, id, number)
        one.running.end()
        found = make().find(id)
        assert (found.report, found.batches) == (whole(18), 6)

    def test_a_reader_merges_what_is_new(
        self, make: Callable[..., Evaluations], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, other = make(), make()
        id = open_one(one)
        for number in range(4):
            push(one, id, number)
        decoded: list[bytes] = []
        decode = State.from_bytes
        monkeypatch.setattr(
            State, "from_bytes", lambda data, **more: decoded.append(data) or decode(data, **more)
        )

        def read(evaluations: Evaluations, expected: int) -> int:
            decoded.clear()
            found = evaluations.find(id)
            assert (found.report, found.batches) == (whole(3 * expected), expected)
            return len(decoded)

        async def in_a_loop() -> None:
            with pytest.raises(WouldWait):
                one.find(id)

        asyncio.run(in_a_loop())  # as a server asks first
        assert [read(one, 4), read(other, 4), read(other, 4)] == [0, 4, 0]
        push(other, id, 4)
        assert [read(other, 5), read(one, 5), read(one, 5)] == [0, 1, 0]
        other._merging.fold(id)
        assert [read(other, 5), read(one, 5), read(one, 5)] == [0, 1, 0]
        monkeypatch.setattr(merging, "KEPT_BYTES", 1)
        push(one, id, 5)
        assert [read(one, 6), read(one, 6)] == [2, 2]
        other.running.close(id)
        assert [read(one, 6), read(other, 6)] == [0, 0]
        one.delete(id)
        for evaluations in (one, other):
            with pytest.raises(NotFound):
                evaluations.find(id)

    def test_slices_of_all_batches_fit_together(self, evaluations: Evaluations) -> None:
        id = open_one(evaluations)
        push(evaluations, id, 0, slices={"s": ["x", "y", "x"]})
        before = evaluations.state(id)
        for slices, code in (
            ({"s": [1, 2, 3]}, Code.INVALID_OPTION),
            ({str(i): ["x", "x", "x"] for i in range(20)}, Code.TOO_MANY_SLICES),
        ):
            with pytest.raises(InvalidInput) as error:
                push(evaluations, id, 1, slices=slices)
            assert error.value.code == code
            assert evaluations.state(id) == before
        assert not push(evaluations, id, 1, slices={"s": ["z", "x", "y"]})
        assert list(evaluations.state(id).slices["s"].values) == ["x", "y", "z"]

    def test_limits(self, make: Callable[..., Evaluations]) -> None:
        limit = 3 * len(batch(0).state)
        evaluations = make(max_open=2, max_bytes=limit)
        id = open_one(evaluations)
        open_one(evaluations)
        with pytest.raises(Conflict) as open_error:
            open_one(evaluations)
        assert open_error.value.code == Code.TOO_MANY_OPEN
        number = 0
        refused: TooLarge | None = None
        while refused is None:
            try:
                push(evaluations, id, number)
                number += 1
            except TooLarge as error:
                refused = error
        assert "XENT_MAX_EVALUATION_BYTES" in refused.detail
        assert number > 3  # merged, they take less
        assert evaluations.find(id).report == whole(3 * number)
        evaluations.running.close(id)
        open_one(evaluations)

    def test_a_state_of_another_version_is_left_alone(
        self, make: Callable[..., Evaluations], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        id = open_one(make())
        push(make(), id, 0)
        monkeypatch.setattr("service.registry.evaluation.FORMAT", 99)
        monkeypatch.setattr("service.evaluation.state.FORMAT", 99)
        evaluations = make()
        for call in (evaluations.running.options, evaluations.find, evaluations.running.close):
            with pytest.raises(Conflict) as error:
                call(id)
            assert error.value.code == Code.OUTDATED_STATE
        assert [e.id for e in evaluations.page(None, 5).evaluations] == [id]
        evaluations.delete(id)


def test_an_evaluation_that_is_closed_while_it_is_read_counts_what_its_report_does(
    make: Callable[..., Evaluations], url: str
) -> None:
    """PostgreSQL lets others commit between two statements; SQLite does not."""
    evaluations, other = make(), make()
    id = open_one(evaluations)
    push(evaluations, id, 0)
    read: list[None] = []

    def close(*arguments: object) -> None:
        if "FROM parts" in str(arguments[2]) and not read:
            read.append(None)
            push(other, id, 1)
            other.running.close(id)

    engine = evaluations._store._database.engine
    if engine.dialect.name == "postgresql":
        event.listen(engine, "after_cursor_execute", close)
    found = evaluations.find(id)
    assert found.batches is not None
    assert found.report == whole(3 * found.batches)


@pytest.mark.parametrize("read", ["find", "fold"])
def test_a_batch_that_is_read_before_its_push_has_ended_counts_once(
    read: str, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its commit and its way into memory another thread may have read it."""
    add = merging.Merging.add

    def read_first(self: merging.Merging, id: str, *arguments: Any, **options: Any) -> None:
        getattr(self, read)(id)
        add(self, id, *arguments, **options)

    monkeypatch.setattr(merging.Merging, "add", read_first)
    id = open_one(evaluations)
    for number in range(3):
        push(evaluations, id, number)
    assert evaluations.find(id).report == whole(9)
