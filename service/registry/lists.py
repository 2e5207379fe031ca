"""What there is of models, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.registry.mirror import Mirror
from service.registry.store import Store
from service.registry.version import Version
from service.wire import dump_json

if TYPE_CHECKING:
    from service.registry.deletion import Deleted


@dataclass(frozen=True, slots=True)
class Page:
    """Some versions in order.

    Attributes:
        cards: what is listed of each, as JSON.
        next: what to give as `after` for the following ones; None where there are none.
    """

    cards: tuple[bytes, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class DeletedPage:
    """Some of what is deleted and can be restored, in order.

    Attributes:
        things: models and versions.
        more: whether there are more, which begin behind the last of these.
    """

    things: "tuple[Deleted, ...]"
    more: bool


class Lists:
    """Pages of the models, of their versions, and of what is deleted.

    Args:
        store: where they last.
        mirror: what this process knows of them.
        shipped: the models that ship, by name.
    """

    def __init__(self, store: Store, mirror: Mirror, shipped: Mapping[str, Version]) -> None:
        self._store = store
        self._mirror = mirror
        self._shipped = shipped

    def models(self, after: str | None, limit: int) -> Page:
        """The default version of every model, by name.

        Args:
            after: the name that the page begins behind; None begins with the first.
            limit: of the models on it.

        Raises:
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        begin = after or ""
        found = [(n, dump_json(v.card)) for n, v in self._shipped.items() if n > begin]
        if self._store.exists:
            from service.registry import cards

            with self._store.reading() as connection:
                found += cards.defaults_after(connection, begin, limit + 1)
        return _page(sorted(found), limit)

    def versions(self, name: str, after: int | None, limit: int) -> Page:
        """The versions of a model, from the first on.

        Args:
            name: of the model.
            after: the version that the page begins behind; None begins with the first.
            limit: of the versions on it.

        Raises:
            NotFound: no such model.
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        begin = after or 0
        if name in self._shipped:
            card = dump_json(self._shipped[name].card)
            return _page([(1, card)] if begin < 1 else [], limit)
        if begin >= self._mirror.entry(name).latest:
            return Page((), None)
        from service.registry import cards

        with self._store.reading() as connection:
            return _page(cards.versions_after(connection, name, begin, limit + 1), limit)

    def deleted(self, after: tuple[str, int], limit: int) -> DeletedPage:
        """What can be restored: models, and versions of models that are not deleted themselves.

        Args:
            after: the name and the number, of a model 0, that the page begins behind; ("", 0)
                begins with the first.
            limit: of the things on it.

        Raises:
            Unavailable: the database cannot be used now.
            WouldWait: in the thread of a server's loop.
        """
        if not self._store.exists:
            return DeletedPage((), more=False)
        from service.registry import deletion

        with self._store.reading() as connection:
            found = deletion.deleted_after(connection, *after, limit + 1)
        return DeletedPage(tuple(found[:limit]), more=len(found) > limit)


def _page(found: Sequence[tuple[str | int, bytes]], limit: int) -> Page:
    cards = tuple(card for _, card in found[:limit])
    return Page(cards, str(found[limit - 1][0]) if len(found) > limit else None)
