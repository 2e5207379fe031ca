"""Deleting, restoring and purging; every function works in the transaction it is given.

Each returns once the change is made, as one change of what is served. A version that is deleted
keeps its number, its bytes and its card; one that is purged keeps the number alone, so that it is
never given out again.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, literal, select, update

from service.errors import Code, Conflict, NotFound
from service.registry.audit import record
from service.registry.clock import now
from service.registry.queries import MODEL, SET_MODEL, newest, next_change
from service.registry.schema import aliases, cards, models, versions

# made once, as those of `queries`
_OF = cards.c.name == bindparam("a_name")
_OWN = _OF & (cards.c.number == bindparam("a_number"))
_CARD = select(cards.c.deleted, cards.c.card).where(_OWN)
_SET_CARD = update(cards).where(_OWN)
_LEFT = (
    select(cards.c.number)
    .where(_OF, cards.c.deleted.is_(None))
    .order_by(cards.c.number.desc())
    .limit(1)
)
_STANDING = (
    select(aliases.c.alias)
    .where(aliases.c.name == bindparam("a_name"), aliases.c.number == bindparam("a_number"))
    .order_by(aliases.c.alias)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A model or a version that can be restored.

    Attributes:
        name: of the model.
        number: of the version; 0 is the model with all that it has.
        at: when it was deleted, in microseconds since 1970.
    """

    name: str
    number: int
    at: int


def deleted_after(connection: Connection, name: str, number: int, limit: int) -> list[Deleted]:
    """What can be restored, in the order of the bytes of names and then of numbers.

    Versions of a deleted model are not among them: they come back with it, or after it.
    """
    order = "C" if connection.dialect.name == "postgresql" else "BINARY"
    model, own = models.c.name.collate(order), cards.c.name.collate(order)
    whole = (
        select(models.c.name, literal(0), models.c.deleted)
        .where(models.c.deleted.is_not(None), model > name)
        .order_by(model)
    )
    single = (
        select(cards.c.name, cards.c.number, cards.c.deleted)
        .join(models, models.c.name == cards.c.name)
        .where(cards.c.deleted.is_not(None), cards.c.card != b"", models.c.deleted.is_(None))
        .where((own > name) | ((cards.c.name == name) & (cards.c.number > number)))
        .order_by(own, cards.c.number)
    )
    found = [
        Deleted(*row)
        for statement in (whole, single)
        for row in connection.execute(statement.limit(limit))
    ]
    return sorted(found, key=lambda thing: (thing.name, thing.number))[:limit]


def delete_version(connection: Connection, name: str, number: int) -> None:
    """Deletes a version.

    Raises:
        NotFound: there is none.
        Conflict: an alias stands for it.
    """
    change = next_change(connection)
    if _deleted(connection, name) or _card(connection, name, number) != (False, False):
        raise _no_version(name)
    own = {"a_name": name, "a_number": number}
    alias = connection.execute(_STANDING, own).scalar_one_or_none()
    if alias is not None:
        text = f"the alias {alias} of {name} stands for this version; move or delete it first"
        raise Conflict(Code.ALIASED, text)
    _set_deleted(connection, name, number, now())
    _set_newest(connection, name, change)
    record(connection, change, "version.delete", f"models/{name}/versions/{number}")


def restore_version(connection: Connection, name: str, number: int) -> None:
    """Undoes `delete_version`; one that is not deleted stays.

    Raises:
        NotFound: there is none, or it is purged, or its model is deleted.
    """
    change = next_change(connection)
    within = _deleted(connection, name)
    deleted, purged = _card(connection, name, number)
    if purged or within:
        raise _no_version(name)
    if not deleted:
        return
    _set_deleted(connection, name, number, None)
    _set_newest(connection, name, change)
    record(connection, change, "version.restore", f"models/{name}/versions/{number}")


def purge_version(connection: Connection, name: str, number: int) -> None:
    """Removes the bytes of a deleted version for good.

    Raises:
        NotFound: there is none, or it is purged already.
        Conflict: it is not deleted.
    """
    change = next_change(connection)
    _deleted(connection, name)  # refuses names that no model ever had
    deleted, purged = _card(connection, name, number)
    if purged:
        raise _no_version(name)
    if not deleted:
        raise _not_deleted(f"version {number} of {name}")
    _purge(connection, name, number)
    record(connection, change, "version.purge", f"models/{name}/versions/{number}")


def delete_model(connection: Connection, name: str) -> None:
    """Deletes a model with its versions and aliases.

    Raises:
        NotFound: there is none.
    """
    change = next_change(connection)
    row = connection.execute(MODEL, {"a_name": name}).one_or_none()
    if row is None or row.newest is None:
        raise _no_model(name)
    values = {"newest": None, "deleted": now(), "change": change}
    connection.execute(SET_MODEL, {"a_name": name, **values})
    record(connection, change, "model.delete", f"models/{name}")


def restore_model(connection: Connection, name: str) -> None:
    """Undoes `delete_model`; one that is not deleted stays.

    Raises:
        NotFound: there is none.
    """
    change = next_change(connection)
    deleted = _deleted(connection, name)
    connection.execute(SET_MODEL, {"a_name": name, "deleted": None})
    if _set_newest(connection, name, change) is None:
        raise _no_model(name)
    if deleted:
        record(connection, change, "model.restore", f"models/{name}")


def purge_model(connection: Connection, name: str) -> None:
    """Removes the bytes of all versions of a deleted model, and its aliases, for good.

    One whose versions were deleted one by one is deleted as well.

    Raises:
        NotFound: there is none, or it is purged already.
        Conflict: it is not deleted.
    """
    change = next_change(connection)
    deleted = _deleted(connection, name)
    if newest(connection, name) is not None:
        raise _not_deleted(f"the model {name}")
    numbers = select(cards.c.number).where(cards.c.name == name, cards.c.card != b"")
    left = connection.execute(numbers).scalars().all()
    if not (left or deleted):
        raise _no_model(name)
    connection.execute(delete(aliases).where(aliases.c.name == name))
    for number in left:
        _purge(connection, name, number)
    connection.execute(SET_MODEL, {"a_name": name, "deleted": None, "change": change})
    record(connection, change, "model.purge", f"models/{name}")


def _deleted(connection: Connection, name: str) -> bool:
    """Whether a model is deleted, of those that there are or were."""
    row = connection.execute(MODEL, {"a_name": name}).one_or_none()
    if row is None:
        raise _no_model(name)
    return row.deleted is not None


def _card(connection: Connection, name: str, number: int) -> tuple[bool, bool]:
    """Whether a version is deleted, and whether it is purged."""
    row = connection.execute(_CARD, {"a_name": name, "a_number": number}).one_or_none()
    if row is None:
        raise _no_version(name)
    return row.deleted is not None, not row.card


def _set_deleted(connection: Connection, name: str, number: int, deleted: int | None) -> None:
    own = {"a_name": name, "a_number": number}
    connection.execute(_SET_CARD, {**own, "deleted": deleted})


def _set_newest(connection: Connection, name: str, change: int) -> int | None:
    newest = connection.execute(_LEFT, {"a_name": name}).scalar_one_or_none()
    connection.execute(SET_MODEL, {"a_name": name, "newest": newest, "change": change})
    return newest


def _purge(connection: Connection, name: str, number: int) -> None:
    own = (versions.c.name == name) & (versions.c.number == number)
    connection.execute(update(versions).where(own).values(artifact=b""))
    values = {"card": b"", "deleted": now()}
    connection.execute(_SET_CARD, {"a_name": name, "a_number": number, **values})


def _no_model(name: str) -> NotFound:
    return NotFound(Code.UNKNOWN_MODEL, f"there is no model {name[:63]} of which that can be done")


def _no_version(name: str) -> NotFound:
    return NotFound(Code.UNKNOWN_VERSION, f"{name} has no version of which that can be done")


def _not_deleted(what: str) -> Conflict:
    text = f"{what} is not deleted; what is purged is gone for good, so it is deleted first"
    return Conflict(Code.NOT_DELETED, text)
