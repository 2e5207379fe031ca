"""What the registry asks of its database; every function works in the transaction it is given."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, insert, select, tuple_, update

from service.classifier import Model, from_bytes, to_bytes
from service.errors import Code, Unavailable
from service.registry.audit import record
from service.registry.memory import Alias, Entry
from service.registry.schema import aliases, changes, models, versions


def last_change(connection: Connection) -> int:
    """The number of the last change of what is served."""
    return int(connection.execute(select(changes.c.value)).scalar_one())


def next_change(connection: Connection) -> int:
    """The number of this change; others wait until it is committed."""
    statement = update(changes).values(value=changes.c.value + 1).returning(changes.c.value)
    return int(connection.execute(statement).scalar_one())


def entries_since(connection: Connection, change: int) -> dict[str, Entry]:
    """The models that have changed after a change, by name."""
    changed = models.c.change > change
    rows = connection.execute(select(models.c.name, models.c.latest).where(changed)).all()
    own = (
        select(
            aliases.c.name, aliases.c.alias, aliases.c.number, aliases.c.previous, aliases.c.change
        )
        .join(models, models.c.name == aliases.c.name)
        .where(changed)
    )
    found: dict[str, dict[str, Alias]] = {}
    for name, alias, number, previous, moved in connection.execute(own):
        found.setdefault(name, {})[alias] = Alias(number, previous, moved)
    return {name: Entry(latest, found.get(name, {})) for name, latest in rows}


def add_version(connection: Connection, model: Model) -> Model:
    """Stores a model as the next version of its name."""
    change = next_change(connection)
    latest = connection.execute(
        select(models.c.latest).where(models.c.name == model.name)
    ).scalar_one_or_none()
    numbered = replace(model, version=(latest or 0) + 1)
    values = {"latest": numbered.version, "change": change}
    if latest is None:
        connection.execute(insert(models).values(name=model.name, **values))
    else:
        connection.execute(update(models).where(models.c.name == model.name).values(**values))
    artifact = to_bytes(numbered)
    connection.execute(
        insert(versions).values(
            name=model.name,
            number=numbered.version,
            artifact=artifact,
            digest=hashlib.sha256(artifact).hexdigest(),
            created=time.time_ns() // 1000,
        )
    )
    subject = f"models/{numbered.name}/versions/{numbered.version}"
    record(connection, change, "version.create", subject)
    return numbered


def artifact_of(connection: Connection, name: str, number: int) -> tuple[bytes, str] | None:
    """The file of a version and its SHA-256."""
    statement = select(versions.c.artifact, versions.c.digest).where(
        versions.c.name == name, versions.c.number == number
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else (bytes(row.artifact), row.digest)


def artifacts_of(
    connection: Connection, wanted: Iterable[tuple[str, int]]
) -> list[tuple[bytes, str]]:
    """The files of versions in no order, with their SHA-256, by one question."""
    statement = select(versions.c.artifact, versions.c.digest).where(
        tuple_(versions.c.name, versions.c.number).in_(wanted)
    )
    return [(bytes(artifact), digest) for artifact, digest in connection.execute(statement)]


def names_after(connection: Connection, after: str, limit: int) -> list[tuple[str, int]]:
    """Names in the order of their bytes, with the newest version or the one set as default."""
    statement = (
        select(models.c.name, models.c.latest, aliases.c.number)
        .outerjoin(aliases, (aliases.c.name == models.c.name) & (aliases.c.alias == "default"))
        .where(models.c.name.collate(_bytewise(connection)) > after)
        .order_by(models.c.name.collate(_bytewise(connection)))
        .limit(limit)
    )
    return [(name, number or latest) for name, latest, number in connection.execute(statement)]


def versions_after(
    connection: Connection, name: str, after: int, limit: int
) -> list[tuple[bytes, str]]:
    """The files of a model's versions, with their SHA-256."""
    statement = (
        select(versions.c.artifact, versions.c.digest)
        .where(versions.c.name == name, versions.c.number > after)
        .order_by(versions.c.number)
        .limit(limit)
    )
    return [(bytes(artifact), digest) for artifact, digest in connection.execute(statement)]


def move_alias(
    connection: Connection, name: str, alias: str, now: Alias | None, to: Alias
) -> Alias:
    """Lets an alias stand for another version; `now` is what it stands for in this transaction."""
    previous = None if now is None else now.number
    if now is not None and now.number == to.number:
        previous = now.previous  # sent twice, a promotion must not bury the way back
    moved = replace(to, previous=previous)
    values = {"number": moved.number, "previous": moved.previous, "change": moved.change}
    if now is None:
        connection.execute(insert(aliases).values(name=name, alias=alias, **values))
    else:
        own = (aliases.c.name == name) & (aliases.c.alias == alias)
        connection.execute(update(aliases).where(own).values(**values))
    row = models.c.name == name
    connection.execute(update(models).where(row).values(change=moved.change))
    subject = f"models/{name}/aliases/{alias}"
    before = None if now is None else now.number
    record(connection, to.change, "alias.move", subject, version=moved.number, before=before)
    return moved


def alias_of(connection: Connection, name: str, alias: str) -> Alias | None:
    """What an alias stands for."""
    statement = select(aliases.c.number, aliases.c.previous, aliases.c.change).where(
        aliases.c.name == name, aliases.c.alias == alias
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Alias(row.number, row.previous, row.change)


def intact(artifact: bytes, digest: str) -> bytes:
    """A file, if it is the one that was stored.

    Raises:
        Unavailable: it was damaged since.
    """
    if hashlib.sha256(artifact).hexdigest() != digest:
        text = (
            "a stored model file does not have the digest that it was stored with; "
            "the store was damaged, and has to be restored from a copy"
        )
        raise Unavailable(Code.STORE_UNAVAILABLE, text)
    return artifact


def read(artifact: bytes, digest: str) -> Model:
    """A model from its file.

    Raises:
        Unavailable: the file is not the one that was stored.
    """
    return from_bytes(intact(artifact, digest))


def read_all(rows: Iterable[tuple[bytes, str]]) -> list[Model]:
    """Models from their files."""
    return [read(artifact, digest) for artifact, digest in rows]


def _bytewise(connection: Connection) -> str:
    return "C" if connection.dialect.name == "postgresql" else "BINARY"
