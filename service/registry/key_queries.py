"""What is asked of the database about keys, each in the transaction it is given."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, tuple_, update

from service.registry.key import Key
from service.registry.schema import keys

_COLUMNS = [column for column in keys.c if column.name != "change"]
_ADD = insert(keys)
_FIND = select(*_COLUMNS).where(keys.c.id == bindparam("key_id"))
_SET = update(keys).where(keys.c.id == bindparam("key_id"))
_SINCE = select(*_COLUMNS).where(keys.c.change > bindparam("seen"))


def add(connection: Connection, key: Key, change: int) -> None:
    """Stores a key."""
    values = {column.name: getattr(key, column.name) for column in _COLUMNS}
    values |= {"scopes": " ".join(key.scopes), "change": change}
    connection.execute(_ADD, values)


def find(connection: Connection, id: str) -> Key | None:
    """A key by its id."""
    row = connection.execute(_FIND, {"key_id": id}).one_or_none()
    return None if row is None else _key(row)


def revoke(connection: Connection, key: Key, change: int) -> None:
    """Stores that a key is revoked."""
    connection.execute(_SET, {"key_id": key.id, "revoked": key.revoked, "change": change})


def after(connection: Connection, id: str | None, limit: int) -> list[Key] | None:
    """Keys in the order of their making, behind one of them; None where that is none."""
    place = tuple_(keys.c.created, keys.c.id)
    statement = select(*_COLUMNS).order_by(keys.c.created, keys.c.id).limit(limit)
    if id is not None:
        found = find(connection, id)
        if found is None:
            return None
        statement = statement.where(place > tuple_(found.created, found.id))
    return [_key(row) for row in connection.execute(statement)]


def since(connection: Connection, change: int) -> list[Key]:
    """The keys that have changed after a change."""
    return [_key(row) for row in connection.execute(_SINCE, {"seen": change})]


def write_uses(connection: Connection, used: Mapping[str, int]) -> None:
    """Stores when keys were used, where no later use is known."""
    statement = (
        update(keys)
        .where(keys.c.id == bindparam("key_id"))
        .where(or_(keys.c.used.is_(None), keys.c.used < bindparam("at")))
        .values(used=bindparam("at"))
    )
    # in one order, or two replicas would wait for each other
    connection.execute(statement, [{"key_id": id, "at": at} for id, at in sorted(used.items())])


def _key(row: Row[Any]) -> Key:
    values = row._asdict()
    scopes, digest = tuple(values.pop("scopes").split()), bytes(values.pop("digest"))
    return Key(**values, scopes=scopes, digest=digest)
