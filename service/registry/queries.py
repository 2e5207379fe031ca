"""What the registry asks of its database; every function works in the transaction it is given.

Statements are made once: to put one together takes five times as long as to have it done.
"""

from dataclasses import replace

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, update

from service.classifier import Model, to_bytes
from service.errors import Code, Conflict
from service.registry.audit import record
from service.registry.cards import add_card
from service.registry.clock import now
from service.registry.memory import Alias, Entry
from service.registry.schema import aliases, cards, changes, models, versions
from service.registry.version import Version, digest_of

# A parameter that is called as a column would be set by an UPDATE.
_NAME: BindParameter[str] = bindparam("a_name")
_NUMBER: BindParameter[int] = bindparam("a_number")
_ALIAS: BindParameter[str] = bindparam("an_alias")
_SEEN: BindParameter[int] = bindparam("seen")

_LAST_CHANGE = select(changes.c.value)
_NEXT_CHANGE = update(changes).values(value=changes.c.value + 1).returning(changes.c.value)

_CHANGED_MODELS = select(models.c.name, models.c.latest, models.c.newest, models.c.deleted).where(
    models.c.change > _SEEN
)
_CHANGED_ALIASES = (
    select(aliases.c.name, aliases.c.alias, aliases.c.number, aliases.c.previous, aliases.c.change)
    .join(models, models.c.name == aliases.c.name)
    .where(models.c.change > _SEEN)
)
_CHANGED_GONE = (
    select(cards.c.name, cards.c.number)
    .join(models, models.c.name == cards.c.name)
    .where(models.c.change > _SEEN, cards.c.deleted.is_not(None))
)

MODEL = select(models.c.latest, models.c.newest, models.c.deleted).where(models.c.name == _NAME)
_ADD_MODEL = insert(models)
SET_MODEL = update(models).where(models.c.name == _NAME)
_ADD_VERSION = insert(versions)
_ARTIFACT = select(versions.c.artifact, versions.c.digest, versions.c.created).where(
    versions.c.name == _NAME, versions.c.number == _NUMBER
)
_SERVED = (
    _ARTIFACT.join(cards, (cards.c.name == versions.c.name) & (cards.c.number == versions.c.number))
    .join(models, models.c.name == cards.c.name)
    .where(cards.c.deleted.is_(None), models.c.deleted.is_(None))
)

_OWN_ALIAS = (aliases.c.name == _NAME) & (aliases.c.alias == _ALIAS)
_STANDS_FOR = (
    select(models.c.newest, aliases.c.number, aliases.c.previous, aliases.c.change)
    .outerjoin(aliases, (aliases.c.name == models.c.name) & (aliases.c.alias == _ALIAS))
    .where(models.c.name == _NAME)
)
_ADD_ALIAS = insert(aliases)
_SET_ALIAS = update(aliases).where(_OWN_ALIAS)
_UNSET_ALIAS = delete(aliases).where(_OWN_ALIAS)


def last_change(connection: Connection) -> int:
    """The number of the last change of what is served."""
    return int(connection.execute(_LAST_CHANGE).scalar_one())


def next_change(connection: Connection) -> int:
    """The number of this change; others wait until it is committed."""
    return int(connection.execute(_NEXT_CHANGE).scalar_one())


def entries_since(connection: Connection, change: int) -> dict[str, Entry]:
    """The models that have changed after a change, by name."""
    seen = {"seen": change}
    found: dict[str, dict[str, Alias]] = {}
    for name, alias, number, previous, moved in connection.execute(_CHANGED_ALIASES, seen):
        found.setdefault(name, {})[alias] = Alias(number, previous, moved)
    gone: dict[str, set[int]] = {}
    for name, number in connection.execute(_CHANGED_GONE, seen):
        gone.setdefault(name, set()).add(number)
    return {
        name: Entry(
            latest,
            newest,
            found.get(name, {}),
            frozenset(gone.get(name, ())),
            deleted is not None,
        )
        for name, latest, newest, deleted in connection.execute(_CHANGED_MODELS, seen)
    }


def add_version(connection: Connection, model: Model) -> Version:
    """Stores a model as the next version of its name.

    Raises:
        Conflict: the model of that name is deleted, but not purged.
    """
    change = next_change(connection)
    row = connection.execute(MODEL, {"a_name": model.name}).one_or_none()
    if row is not None and row.deleted is not None:
        raise deleted_model(model.name)
    numbered = replace(model, version=1 if row is None else row.latest + 1)
    values = {"latest": numbered.version, "newest": numbered.version, "change": change}
    if row is None:
        connection.execute(_ADD_MODEL, {"name": model.name, **values})
    else:
        connection.execute(SET_MODEL, {"a_name": model.name, **values})
    artifact = to_bytes(numbered)
    added = Version(numbered, digest_of(artifact), now())
    own = {"name": model.name, "number": numbered.version, "artifact": artifact}
    stored = {"digest": added.digest, "created": added.created}
    connection.execute(_ADD_VERSION, {**own, **stored})
    add_card(connection, added)
    subject = f"models/{numbered.name}/versions/{numbered.version}"
    record(connection, change, "version.create", subject, digest=added.digest)
    return added


def deleted_model(name: str) -> Conflict:
    """The error of a name that waits to be restored or purged."""
    text = f"the model {name} is deleted; restore it, or purge it to use its name again"
    return Conflict(Code.MODEL_DELETED, text)


def artifact_of(
    connection: Connection, name: str, number: int, *, served: bool = False
) -> tuple[bytes, str, int] | None:
    """The file of a version, its SHA-256, and when it was made; None of one that is purged.

    Args:
        connection: of the transaction.
        name: of the model.
        number: of the version.
        served: whether it is None as well where the version or its model is deleted.
    """
    own = {"a_name": name, "a_number": number}
    row = connection.execute(_SERVED if served else _ARTIFACT, own).one_or_none()
    if row is None or not row.artifact:
        return None
    return bytes(row.artifact), row.digest, row.created


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
        connection.execute(_ADD_ALIAS, {"name": name, "alias": alias, **values})
    else:
        connection.execute(_SET_ALIAS, {"a_name": name, "an_alias": alias, **values})
    connection.execute(SET_MODEL, {"a_name": name, "change": moved.change})
    subject = f"models/{name}/aliases/{alias}"
    before = None if now is None else now.number
    record(connection, to.change, "alias.move", subject, version=moved.number, before=before)
    return moved


def newest(connection: Connection, name: str) -> int | None:
    """The newest version of a model that is served; None where there is none."""
    row = connection.execute(MODEL, {"a_name": name}).one_or_none()
    return None if row is None else row.newest


def unset_alias(connection: Connection, name: str, alias: str, now: Alias, change: int) -> None:
    """Removes an alias; `now` is what it stands for in this transaction."""
    connection.execute(_UNSET_ALIAS, {"a_name": name, "an_alias": alias})
    connection.execute(SET_MODEL, {"a_name": name, "change": change})
    record(connection, change, "alias.delete", f"models/{name}/aliases/{alias}", before=now.number)


def alias_of(connection: Connection, name: str, alias: str) -> tuple[Alias | None, int | None]:
    """What an alias stands for, and the newest version of the model that is served."""
    row = connection.execute(_STANDS_FOR, {"a_name": name, "an_alias": alias}).one_or_none()
    if row is None:
        return None, None
    found = None if row.number is None else Alias(row.number, row.previous, row.change)
    return found, row.newest
