"""What the registry asks of its database; every function works in the transaction it is given."""

from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select, update

from service.classifier import Model, to_bytes
from service.errors import Code, Conflict
from service.registry.audit import record
from service.registry.cards import add_card
from service.registry.clock import now
from service.registry.memory import Alias, Entry
from service.registry.schema import aliases, cards, changes, models, versions
from service.registry.version import Version, digest_of


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
    gone: dict[str, set[int]] = {}
    deleted = select(cards.c.name, cards.c.number).join(models, models.c.name == cards.c.name)
    for name, number in connection.execute(deleted.where(changed, cards.c.deleted.is_not(None))):
        gone.setdefault(name, set()).add(number)
    rows = select(models.c.name, models.c.latest, models.c.newest, models.c.deleted).where(changed)
    return {
        name: Entry(
            latest,
            newest,
            found.get(name, {}),
            frozenset(gone.get(name, ())),
            deleted is not None,
        )
        for name, latest, newest, deleted in connection.execute(rows)
    }


def add_version(connection: Connection, model: Model) -> Version:
    """Stores a model as the next version of its name.

    Raises:
        Conflict: the model of that name is deleted, but not purged.
    """
    change = next_change(connection)
    row = connection.execute(
        select(models.c.latest, models.c.deleted).where(models.c.name == model.name)
    ).one_or_none()
    if row is not None and row.deleted is not None:
        raise deleted_model(model.name)
    numbered = replace(model, version=1 if row is None else row.latest + 1)
    values = {"latest": numbered.version, "newest": numbered.version, "change": change}
    if row is None:
        connection.execute(insert(models).values(name=model.name, **values))
    else:
        connection.execute(update(models).where(models.c.name == model.name).values(**values))
    artifact = to_bytes(numbered)
    added = Version(numbered, digest_of(artifact), now())
    connection.execute(
        insert(versions).values(
            name=model.name,
            number=numbered.version,
            artifact=artifact,
            digest=added.digest,
            created=added.created,
        )
    )
    add_card(connection, added)
    subject = f"models/{numbered.name}/versions/{numbered.version}"
    record(connection, change, "version.create", subject, digest=added.digest)
    return added


def deleted_model(name: str) -> Conflict:
    """The error of a name that waits to be restored or purged."""
    text = f"the model {name} is deleted; restore it, or purge it to use its name again"
    return Conflict(Code.MODEL_DELETED, text)


def artifact_of(connection: Connection, name: str, number: int) -> tuple[bytes, str, int] | None:
    """The file of a version, its SHA-256, and when it was made; None of one that is purged."""
    statement = select(versions.c.artifact, versions.c.digest, versions.c.created).where(
        versions.c.name == name, versions.c.number == number
    )
    row = connection.execute(statement).one_or_none()
    if row is None or not row.artifact:
        return None
    return bytes(row.artifact), row.digest, row.created


def is_served(connection: Connection, name: str, number: int) -> bool:
    """Whether there is such a version, and neither it nor its model is deleted."""
    statement = (
        select(cards.c.number)
        .join(models, models.c.name == cards.c.name)
        .where(cards.c.name == name, cards.c.number == number)
        .where(cards.c.deleted.is_(None), models.c.deleted.is_(None))
    )
    return connection.execute(statement).one_or_none() is not None


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


def newest(connection: Connection, name: str) -> int | None:
    """The newest version of a model that is served; None where there is none."""
    statement = select(models.c.newest).where(models.c.name == name)
    return connection.execute(statement).scalar_one_or_none()


def unset_alias(connection: Connection, name: str, alias: str, now: Alias, change: int) -> None:
    """Removes an alias; `now` is what it stands for in this transaction."""
    connection.execute(delete(aliases).where(aliases.c.name == name, aliases.c.alias == alias))
    connection.execute(update(models).where(models.c.name == name).values(change=change))
    record(connection, change, "alias.delete", f"models/{name}/aliases/{alias}", before=now.number)


def alias_of(connection: Connection, name: str, alias: str) -> Alias | None:
    """What an alias stands for."""
    statement = select(aliases.c.number, aliases.c.previous, aliases.c.change).where(
        aliases.c.name == name, aliases.c.alias == alias
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Alias(row.number, row.previous, row.change)
