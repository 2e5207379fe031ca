"""What evaluations ask of the database; every function works in the transaction it is given."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from service.registry.evaluation import Evaluation, Facts, Pushed, dump_options, load_options
from service.registry.parts import Part
from service.registry.schema import batches, evaluations, parts

# made once, as those of `queries`
_ID: BindParameter[str] = bindparam("of")
_ADD = insert(evaluations)
_LOCK = (
    select(evaluations.c.closed, evaluations.c.slices)
    .where(evaluations.c.id == _ID)
    .with_for_update()
)
_OPTIONS = select(evaluations.c.options).where(evaluations.c.id == _ID)
_FIND = select(evaluations).where(evaluations.c.id == _ID)
_SET = update(evaluations).where(evaluations.c.id == _ID)
_BATCH = select(batches.c.digest, batches.c.count, batches.c.ignored).where(
    batches.c.evaluation == _ID, batches.c.key == bindparam("of_key")
)
_ADD_BATCH = insert(batches)
_ADD_PART = insert(parts)
_SIZE = select(func.count(), func.coalesce(func.sum(func.length(parts.c.state)), 0)).where(
    parts.c.evaluation == _ID
)
_KNOWN = parts.c.id.in_(bindparam("known", expanding=True))
_PARTS = select(
    parts.c.id, parts.c.batches, case((_KNOWN, b""), else_=parts.c.state).label("state")
).where(parts.c.evaluation == _ID)
_LISTED = [column for column in evaluations.c if column.name not in ("report", "slices")]


def add(connection: Connection, made: Evaluation) -> None:
    """Stores an evaluation without parts."""
    facts, options = made.facts, made.options
    values = {
        "id": made.id,
        "name": facts.name,
        "model": facts.model,
        "version": facts.version,
        "tags": json.dumps(dict(facts.tags)),
        "options": None if options is None else dump_options(options),
        "slices": "{}",
        "closed": made.closed,
        "summary": made.summary,
        "report": made.report,
    }
    connection.execute(_ADD, values)


def lock(connection: Connection, id: str) -> tuple[int | None, str] | None:
    """When an evaluation was closed, and its slices; nobody else locks it in this transaction."""
    row = connection.execute(_LOCK, {"of": id}).one_or_none()
    return None if row is None else (row.closed, row.slices)


def open_ones(connection: Connection, most: int) -> int:
    """How many evaluations are open; no more than `most` are counted."""
    some = select(evaluations.c.id).where(evaluations.c.closed.is_(None)).limit(most)
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def options_of(connection: Connection, id: str) -> tuple[str | None] | None:
    """The options of an evaluation, where there is one, as they are stored."""
    row = connection.execute(_OPTIONS, {"of": id}).one_or_none()
    return None if row is None else (row.options,)


def find(connection: Connection, id: str) -> Evaluation | None:
    """An evaluation; the report of an open one is not known here."""
    row = connection.execute(_FIND, {"of": id}).one_or_none()
    return None if row is None else _evaluation(row, row.report)


def page(
    connection: Connection,
    model: str | None,
    version: str | None,
    begin: str,
    end: str,
    limit: int,
) -> list[Evaluation]:
    """Evaluations whose ids lie in [begin, end), the newest first, without their reports."""
    statement = (
        select(*_LISTED)
        .where(evaluations.c.id >= begin, evaluations.c.id < end)
        .order_by(evaluations.c.id.desc())
        .limit(limit)
    )
    if model is not None:
        statement = statement.where(evaluations.c.model == model)
    if version is not None:
        statement = statement.where(evaluations.c.version == version)
    return [_evaluation(row, None) for row in connection.execute(statement)]


def _evaluation(row: Any, report: bytes | None) -> Evaluation:
    return Evaluation(
        row.id,
        Facts(row.name, row.model, row.version, json.loads(row.tags)),
        None if row.options is None else load_options(row.options),
        row.closed,
        row.summary,
        None if report is None else bytes(report),
    )


def batch(connection: Connection, id: str, key: str) -> tuple[str, Pushed] | None:
    """The digest of a batch that was counted, and what came of it."""
    row = connection.execute(_BATCH, {"of": id, "of_key": key}).one_or_none()
    if row is None:
        return None
    digest, count, ignored = row
    return digest, Pushed(count, ignored, repeated=True)


def add_batch(connection: Connection, id: str, key: str, digest: str, pushed: Pushed) -> None:
    """Remembers a batch."""
    values = {"key": key, "digest": digest, "count": pushed.count, "ignored": pushed.ignored}
    connection.execute(_ADD_BATCH, {"evaluation": id, **values})


def add_part(connection: Connection, id: str, part: Part) -> None:
    """Adds rows to an evaluation."""
    values = {"id": part.id, "batches": part.batches, "state": part.state}
    connection.execute(_ADD_PART, {"evaluation": id, **values})


def size(connection: Connection, id: str) -> tuple[int, int]:
    """How many parts an evaluation has, and their bytes."""
    count, total = connection.execute(_SIZE, {"of": id}).one()
    return int(count), int(total)


def parts_of(connection: Connection, id: str, known: Collection[str] = ()) -> list[Part]:
    """The parts of an evaluation at one moment; those of a known id without their states."""
    found = connection.execute(_PARTS, {"of": id, "known": list(known)})
    return [Part(row.id, row.batches, bytes(row.state)) for row in found]


def replace_parts(connection: Connection, id: str, old: Sequence[Part], new: Part) -> bool:
    """Puts one part in the place of others, unless another process has done so before."""
    chosen = (parts.c.evaluation == id) & parts.c.id.in_([part.id for part in old])
    left = connection.execute(select(func.count()).select_from(parts).where(chosen)).scalar_one()
    if left != len(old):
        return False
    connection.execute(delete(parts).where(chosen))
    add_part(connection, id, new)
    return True


def set_slices(connection: Connection, id: str, slices: str) -> None:
    """Stores the values of the columns so far."""
    connection.execute(_SET, {"of": id, "slices": slices})


def close(
    connection: Connection, id: str, closed: int, summary: str | None, report: bytes | None
) -> None:
    """Ends an evaluation with its report."""
    values = {"closed": closed, "summary": summary, "report": report}
    connection.execute(_SET, {"of": id, **values})


def remove(connection: Connection, id: str) -> None:
    """Removes an evaluation and all that hangs on it."""
    for table in (parts, batches):
        connection.execute(delete(table).where(table.c.evaluation == id))
    connection.execute(delete(evaluations).where(evaluations.c.id == id))
