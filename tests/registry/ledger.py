"""What was acknowledged, and whether it is there."""

import sqlite3

import orjson

from service.errors import NotFound
from service.registry import Registry


def check(url: str, acknowledged: list[tuple[str, int, float]]) -> int:
    """What was acknowledged is there and whole, and nothing is half there.

    Args:
        url: of the database.
        acknowledged: `("version", number, coefficient)` and `("alias", number, change)`, of the
            model `mine` and its alias `champion`.

    Returns:
        How many versions there are.
    """
    registry = Registry({}, 10**6, url)
    try:
        found = []
        after: int | None = None
        while True:
            page = registry.lists.versions("mine", after, 1000)
            found += [orjson.loads(card)["version"] for card in page.cards]
            if page.next is None:
                break
            after = int(page.next)
    except NotFound:
        found = []
    assert found == list(range(1, len(found) + 1))
    for kind, number, value in acknowledged:
        if kind == "version":
            assert registry.find("mine", number).coefficients.item() == value
    moves = [(change, number) for kind, number, change in acknowledged if kind == "alias"]
    if moves:
        now = registry.aliases.find("mine", "champion")
        assert (now.change, now.number) >= max(moves)
        assert registry.find("mine", "champion").version == now.number
    registry.end()
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
    return len(found)
