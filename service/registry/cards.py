"""What is listed of versions; every function works in the transaction it is given."""

from sqlalchemy import Connection, func, insert, select, update

from service.classifier import described, from_bytes
from service.errors import XentError
from service.registry.schema import aliases, cards, models, versions
from service.registry.version import Version, facts
from service.wire import dump_json

_ADD = insert(cards)


def add_card(connection: Connection, version: Version) -> None:
    """Writes what is listed of a version."""
    own = {"name": version.model.name, "number": version.model.version}
    connection.execute(_ADD, {**own, "deleted": None, "card": dump_json(version.card)})


def defaults_after(connection: Connection, after: str, limit: int) -> list[tuple[str, bytes]]:
    """Names in the order of their bytes, each with the card of its default version."""
    bytewise = models.c.name.collate("C" if connection.dialect.name == "postgresql" else "BINARY")
    # the page first: PostgreSQL would put all models and cards together before it takes some
    page = (
        select(models.c.name, models.c.newest)
        .where(bytewise > after, models.c.newest.is_not(None))
        .order_by(bytewise)
        .limit(limit)
        .subquery()
    )
    default = (aliases.c.name == page.c.name) & (aliases.c.alias == "default")
    number = func.coalesce(aliases.c.number, page.c.newest)
    statement = (
        select(page.c.name, cards.c.card)
        .outerjoin(aliases, default)
        .join(cards, (cards.c.name == page.c.name) & (cards.c.number == number))
    )
    return sorted((name, bytes(card)) for name, card in connection.execute(statement))


def versions_after(
    connection: Connection, name: str, after: int, limit: int
) -> list[tuple[int, bytes]]:
    """The numbers of a model's versions that are not deleted, each with its card."""
    statement = (
        select(cards.c.number, cards.c.card)
        .where(cards.c.name == name, cards.c.number > after, cards.c.deleted.is_(None))
        .order_by(cards.c.number)
        .limit(limit)
    )
    return [(number, bytes(card)) for number, card in connection.execute(statement)]


def write_missing_cards(connection: Connection) -> None:
    """A step of the schema: the cards of the versions from before there were any."""
    for name, number in connection.execute(select(versions.c.name, versions.c.number)).all():
        own = (versions.c.name == name) & (versions.c.number == number)
        artifact = bytes(connection.execute(select(versions.c.artifact).where(own)).scalar_one())
        try:
            shown = described(from_bytes(artifact))
        except XentError:  # a damaged one is told when it is asked for
            shown = {"name": name, "version": number, "classes": [], "features": []}
        card = dump_json(shown)
        connection.execute(insert(cards).values(name=name, number=number, deleted=None, card=card))


def add_facts_to_cards(connection: Connection) -> None:
    """A step of the schema: cards from before they told of the file get its digest and time."""
    own = (versions.c.name == cards.c.name) & (versions.c.number == cards.c.number)
    statement = select(cards.c.name, cards.c.number, versions.c.digest, versions.c.created)
    for name, number, digest, created in connection.execute(statement.join(versions, own)).all():
        place = (cards.c.name == name) & (cards.c.number == number)
        card = bytes(connection.execute(select(cards.c.card).where(place)).scalar_one())
        if card:  # of one that is purged there is none
            told = card[:-1] + b"," + dump_json(facts(digest, created))[1:]
            connection.execute(update(cards).where(place).values(card=told))
